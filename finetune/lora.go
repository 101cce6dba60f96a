package finetune

import (
	"fmt"
	"math"
	"strings"

	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// LoRAConfig describes adapters. The name of PEFT's key is given where it differs.
type LoRAConfig struct {
	// Rank is the width of the thin matrices (r).
	Rank int `toml:"rank"`
	// Alpha scales what they add, by Alpha/Rank; 0 means Rank (lora_alpha).
	Alpha float64 `toml:"alpha"`
	// Targets are globs over the names of layers, such as "*.to_q" or "up_blocks.*"; none means all (target_modules).
	Targets []string `toml:"targets"`
	// DoRA trains the length of each output's weights beside their direction (use_dora).
	DoRA bool `toml:"dora"`
}

// Validate says what is wrong with the configuration, if anything.
func (c LoRAConfig) Validate() error {
	switch {
	case c.Rank < 1 || c.Rank > 4096:
		return fmt.Errorf("finetune: LoRA of rank %d: it must be 1 to 4096 (4 to 32 are usual)", c.Rank)
	case !(c.Alpha >= 0 && c.Alpha <= 1e6):
		return fmt.Errorf("finetune: LoRA with alpha %v: it must be 0 (for the rank) to 1e6", c.Alpha)
	}
	return checkGlobs(c.Targets)
}

// scale is what the product of the thin matrices is multiplied by.
func (c LoRAConfig) scale() float64 {
	if c.Alpha == 0 {
		return 1
	}
	return c.Alpha / float64(c.Rank)
}

// Names that adapters add to that of a layer, as in PEFT's files.
const (
	suffixA         = ".lora_A.weight"
	suffixB         = ".lora_B.weight"
	suffixMagnitude = ".lora_magnitude_vector"
	suffixWeight    = ".weight"
)

// LoRA is a network whose weights are frozen, with adapters beside some of its layers. Make one with NewLoRA.
type LoRA struct {
	nets.Network
	config LoRAConfig
	layers []*loraLayer
	of     map[*block.Param]*loraLayer // by the weight that is adapted
}

// loraLayer is one adapter: weight + scale·A·B, [rows, out] when all axes but the last are one.
type loraLayer struct {
	name            string // of the layer
	weight          *block.Param
	a, b, magnitude *block.Param
}

// NewLoRA puts adapters beside the linear and convolution layers of a network whose names match the targets, and freezes all
// other weights. Layers so small that an adapter would not be smaller are left alone. The network's own list of parameters
// changes: use net through the result from now on.
//
// A starts as PyTorch starts a layer, B at zero, so the function is that of net; with DoRA call [LoRA.Begin] once the weights
// are there.
func NewLoRA(net nets.Network, config LoRAConfig) (*LoRA, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	l := &LoRA{Network: net, config: config, of: map[*block.Param]*loraLayer{}}
	own := append([]*block.Param(nil), net.Params().All()...)
	matched := 0
	for _, p := range own {
		name, ok := strings.CutSuffix(p.Name, suffixWeight)
		if p.Frozen = true; !ok || p.Layout == block.Plain || !matches(config.Targets, name) {
			continue
		}
		if matched++; config.Rank*(rowsOf(p)+outOf(p)) < p.Size() {
			l.declare(name, p)
		}
	}
	if len(l.layers) == 0 {
		return nil, l.noLayers(matched, own)
	}
	return l, nil
}

func (l *LoRA) noLayers(matched int, own []*block.Param) error {
	if matched > 0 {
		return fmt.Errorf("finetune: adapters of rank %d are not smaller than any of the %d chosen layers: choose a lower rank", l.config.Rank, matched)
	}
	return fmt.Errorf("finetune: no linear or convolution layer is called %s: the network has %s", strings.Join(l.config.Targets, " or "), parts(own))
}

// declare adds the parameters of one adapter.
func (l *LoRA) declare(name string, w *block.Param) {
	p, r := l.Params(), l.config.Rank
	lead := w.Shape[:len(w.Shape)-1]
	ones := make([]int, len(lead)-1)
	for i := range ones {
		ones[i] = 1
	}
	// PEFT starts A by kaiming_uniform with a = √5, which is U(±1/√fanIn) (Hu et al. 2021, section 4.1, take a normal).
	y := &loraLayer{name: name, weight: w,
		a: p.Add(name+suffixA, w.Layout, block.Uniform(1/math.Sqrt(float64(rowsOf(w)))), append(append([]int(nil), lead...), r)...),
		b: p.Add(name+suffixB, w.Layout, block.Constant(0), append(ones, r, outOf(w))...),
	}
	if l.config.DoRA {
		y.magnitude = p.Add(name+suffixMagnitude, block.Plain, block.Constant(1), outOf(w))
	}
	l.layers, l.of[w] = append(l.layers, y), y
}

// Around puts the same adapters beside another way to run the network, over the same parameters: nets.Text.Doubled is one.
func (l *LoRA) Around(view nets.Network) *LoRA {
	other := *l
	other.Network = view
	return &other
}

// Forward implements nets.Network.
func (l *LoRA) Forward(c *block.Ctx, x, cNoise, class *graph.Node) *graph.Node {
	c.Adapt = func(p *block.Param, w *graph.Node) *graph.Node {
		if y := l.of[p]; y != nil {
			return y.adapt(c, w, l.config.scale())
		}
		return w
	}
	return l.Network.Forward(c, x, cNoise, class)
}

// adapt is w + scale·A·B (Hu et al. 2021, equation 3). With DoRA each output's weights get the trained length (Liu et al. 2024,
// equation 5); unlike there the gradient of the norm is kept (equation 6): dropping it saves memory in PyTorch, and here it is
// free, for weights are adapted and not activations.
func (y *loraLayer) adapt(c *block.Ctx, w *graph.Node, scale float64) *graph.Node {
	a, b := c.Weight(y.a, w), c.Weight(y.b, w)
	out, rank := outOf(y.weight), outOf(y.a)
	product := graph.MatMul(graph.Reshape(a, -1, rank), graph.Reshape(b, rank, out))
	v := graph.Add(graph.Reshape(w, -1, out), graph.MulScalar(product, scale))
	if y.magnitude != nil {
		norm := graph.Sqrt(graph.AddScalar(graph.ReduceSum(graph.Mul(v, v), 0), tinyNorm))
		v = graph.Mul(v, graph.Reshape(graph.Div(c.Weight(y.magnitude, w), norm), 1, out))
	}
	return graph.Reshape(v, w.Shape().Dimensions...)
}

// tinyNorm keeps the square root away from 0, where it has no gradient: layers that start at zero have norm 0.
const tinyNorm = 1e-24

// Begin sets the lengths of DoRA to those of the weights in the scope, after they were loaded and before training: then the
// network starts as the function that those weights are. It does nothing without DoRA.
func (l *LoRA) Begin(weights *model.Scope) error {
	for _, y := range l.layers {
		if y.magnitude == nil {
			continue
		}
		w, err := read(weights, y.weight.Name)
		if err != nil {
			return err
		}
		if err := write(weights, y.magnitude.Name, norms(w, outOf(y.weight))); err != nil {
			return err
		}
	}
	return nil
}

// Layers is how many layers have an adapter.
func (l *LoRA) Layers() int { return len(l.layers) }

// outOf is the length of the last axis, which all layouts but Plain keep the outputs on.
func outOf(p *block.Param) int { return p.Shape[len(p.Shape)-1] }

// rowsOf is the number of inputs of each output.
func rowsOf(p *block.Param) int { return p.Size() / outOf(p) }
