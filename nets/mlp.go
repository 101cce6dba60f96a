package nets

import (
	"fmt"

	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
)

// MLPConfig describes a network for points and other short vectors.
type MLPConfig struct {
	Features int `toml:"features" json:"features"` // numbers in a point
	Width    int `toml:"width" json:"width"`
	Layers   int `toml:"layers" json:"layers"` // residual blocks
	// Classes is the size of the class table, a null class counted, 0 for none.
	Classes int  `toml:"classes" json:"classes"`
	Init    Init `toml:"init" json:"init"`
}

// DefaultMLP learns two-dimensional toy distributions in seconds.
func DefaultMLP() MLPConfig {
	return MLPConfig{Features: 2, Width: 128, Layers: 3, Init: InitZero}
}

// Validate says what is wrong with the configuration, if anything.
func (c MLPConfig) Validate() error {
	err := positive("mlp", []field{{"features", c.Features}, {"width", c.Width}, {"layers", c.Layers}})
	if err != nil {
		return err
	}
	if c.Classes < 0 {
		return fmt.Errorf("mlp: classes is %d, must not be negative", c.Classes)
	}
	if c.Width < 4 {
		return fmt.Errorf("mlp: width is %d, must be at least 4", c.Width)
	}
	if _, err := c.Init.MarshalText(); err != nil {
		return fmt.Errorf("mlp: %w", err)
	}
	return nil
}

// MLP is a residual multi-layer perceptron. Noise level (by random Fourier features, so any
// range of about unit size will do) and class are added to the input of every block.
type MLP struct {
	config  MLPConfig
	params  *block.Params
	in, out block.Dense
	fourier block.Fourier
	time    block.TimeMLP
	class   block.Embedding
	blocks  []mlpBlock
	norm    block.LayerNorm
}

type mlpBlock struct {
	norm     block.LayerNorm
	up, down block.Dense
	cond     block.Dense
}

// NewMLP checks the configuration and declares the parameters.
func NewMLP(config MLPConfig) (*MLP, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	c := config
	m := &MLP{config: c, params: block.NewParams()}
	p := m.params
	m.in = block.NewDense(p, "in", c.Features, c.Width, true)
	m.fourier = block.NewFourier(p, "time_proj", c.Width/2, 1)
	m.time = block.NewTimeMLP(p, "time_embedding", 2*(c.Width/2), c.Width)
	if c.Classes > 0 {
		m.class = block.NewEmbedding(p, "class_embedding", c.Classes, c.Width)
	}
	for i := range c.Layers {
		q := p.Sub("blocks.%d", i)
		m.blocks = append(m.blocks, mlpBlock{
			norm: block.NewLayerNorm(q, "norm", c.Width, true, true, 1e-5),
			cond: block.NewDense(q, "cond", c.Width, c.Width, true),
			up:   block.NewDense(q, "up", c.Width, 2*c.Width, true),
			down: block.NewDense(q, "down", 2*c.Width, c.Width, true),
		})
	}
	m.norm = block.NewLayerNorm(p, "norm_out", c.Width, true, true, 1e-5)
	m.out = block.NewDense(p, "out", c.Width, c.Features, true)
	if c.Init == InitZero {
		m.out.Zero()
		for _, b := range m.blocks {
			b.down.Zero()
		}
	}
	return m, nil
}

// Params lists the parameters.
func (m *MLP) Params() *block.Params { return m.params }

// Forward maps x [B, Features] to [B, Features]; cNoise is [B], class [B] if there are classes.
func (m *MLP) Forward(c *block.Ctx, x, cNoise, class *Node) *Node {
	d := x.Shape().Dimensions
	if len(d) != 2 || d[1] != m.config.Features {
		panic(fmt.Errorf("mlp: input %s, want [batch, %d]", x.Shape(), m.config.Features))
	}
	checkConditions("mlp", d[0], cNoise, true, class, m.config.Classes > 0)
	e := m.time.Apply(c, graph.ConvertDType(m.fourier.Apply(c, cNoise), x.DType()))
	if m.config.Classes > 0 {
		e = graph.Add(e, m.class.Apply(c, class, e))
	}
	e = block.SiLU(e)
	h := m.in.Apply(c, x)
	for i := range m.blocks {
		b := &m.blocks[i]
		h = c.Block(h, func(h *Node) *Node {
			f := b.up.Apply(c, graph.Add(b.norm.Apply(c, h), b.cond.Apply(c, e)))
			return graph.Add(h, b.down.Apply(c, block.SiLU(f)))
		})
	}
	return m.out.Apply(c, block.SiLU(m.norm.Apply(c, h)))
}
