package nets

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// DINOv2Config is a vision transformer as DINOv2 trains it (Oquab et al. 2023, arXiv 2304.07193): its class token is the feature in which
// Stein et al. 2023 (arXiv 2306.04675) found Fréchet distances to agree best with people.
type DINOv2Config struct {
	Dim, Depth, Heads int
	Patch             int // side of a patch in pixels
	Positions         int // patches a side that the stored position embedding is for
}

// DINOv2S is ViT-S/14, 22 million parameters, 384 features.
func DINOv2S() DINOv2Config {
	return DINOv2Config{Dim: 384, Depth: 12, Heads: 6, Patch: 14, Positions: 37}
}

// DINOv2B is ViT-B/14, 86 million parameters, 768 features.
func DINOv2B() DINOv2Config {
	return DINOv2Config{Dim: 768, Depth: 12, Heads: 12, Patch: 14, Positions: 37}
}

// DINOv2L is ViT-L/14, 304 million parameters, 1024 features.
func DINOv2L() DINOv2Config {
	return DINOv2Config{Dim: 1024, Depth: 24, Heads: 16, Patch: 14, Positions: 37}
}

// Validate says what is wrong with the configuration.
func (c DINOv2Config) Validate() error {
	if err := positive("dinov2", []field{{"Dim", c.Dim}, {"Depth", c.Depth}, {"Heads", c.Heads}, {"Patch", c.Patch}, {"Positions", c.Positions}}); err != nil {
		return err
	}
	if c.Dim%c.Heads != 0 {
		return fmt.Errorf("dinov2: %d heads do not divide width %d", c.Heads, c.Dim)
	}
	return nil
}

// DINOv2 is the encoder.
type DINOv2 struct {
	config DINOv2Config
	params *block.Params
	cls    *block.Param
	pos    *block.Param
	patch  block.Dense
	blocks []dinoBlock
	norm   block.LayerNorm
	// offset is what the repository adds to the number of patches when it scales the positions, 0.1; Hugging Face's port adds nothing. Load
	// sets it by the names it finds, so that features are those of the code the file is from.
	offset float64
}

type dinoBlock struct {
	norm1, norm2        block.LayerNorm
	qkv, proj, fc1, fc2 block.Dense
	scale1, scale2      *block.Param
}

// dinoOffset: see DINOv2.offset.
const dinoOffset = 0.1

// NewDINOv2 checks the configuration and declares the parameters, in the names of the repository (github.com/facebookresearch/dinov2).
func NewDINOv2(config DINOv2Config) (*DINOv2, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	n, d := &DINOv2{config: config, params: block.NewParams(), offset: dinoOffset}, config.Dim
	p := n.params
	n.cls = p.Add("cls_token", block.Plain, block.Normal(0.02), 1, 1, d)
	n.pos = p.Add("pos_embed", block.Plain, block.Normal(0.02), 1, 1+config.Positions*config.Positions, d)
	n.patch = block.NewPatchDense(p, "patch_embed.proj", config.Patch, 3, d)
	for i := range config.Depth {
		b := p.Sub("blocks.%d", i)
		n.blocks = append(n.blocks, dinoBlock{
			norm1: block.NewLayerNorm(b, "norm1", d, true, true, 1e-6), norm2: block.NewLayerNorm(b, "norm2", d, true, true, 1e-6),
			qkv: block.NewDense(b, "attn.qkv", d, 3*d, true), proj: block.NewDense(b, "attn.proj", d, d, true),
			fc1: block.NewDense(b, "mlp.fc1", d, 4*d, true), fc2: block.NewDense(b, "mlp.fc2", 4*d, d, true),
			scale1: b.Add("ls1.gamma", block.Plain, block.Constant(1), d), scale2: b.Add("ls2.gamma", block.Plain, block.Constant(1), d),
		})
	}
	n.norm = block.NewLayerNorm(p, "norm", d, true, true, 1e-6)
	return n, nil
}

// Params lists the parameters.
func (n *DINOv2) Params() *block.Params { return n.params }

// Forward maps x [B, H, W, 3] to the normalised class token [B, Dim]. H and W must be multiples of the patch (224 for published figures);
// numbers are normalised by ImageNet's mean and deviation.
func (n *DINOv2) Forward(c *block.Ctx, x *Node) *Node {
	s := x.Shape().Dimensions
	if len(s) != 4 || s[3] != 3 || s[1]%n.config.Patch != 0 || s[2]%n.config.Patch != 0 {
		panic(fmt.Errorf("dinov2: input %s, want [batch, height, width, 3], sides multiples of %d", x.Shape(), n.config.Patch))
	}
	b, d := s[0], n.config.Dim
	h := n.patch.Apply(c, block.Patches(x, n.config.Patch))
	cls := graph.BroadcastToDims(c.Weight(n.cls, x), b, 1, d)
	h = graph.Add(graph.Concatenate([]*Node{cls, h}, 1), n.positions(c, x, s[1]/n.config.Patch, s[2]/n.config.Patch))
	for _, k := range n.blocks {
		h = k.apply(c, h, n.config.Heads)
	}
	h = graph.Slice(h, graph.AxisRange(), graph.AxisRange(0, 1), graph.AxisRange())
	return graph.Reshape(n.norm.Apply(c, h), b, d)
}

func (k dinoBlock) apply(c *block.Ctx, x *Node, heads int) *Node {
	d := x.Shape().Dimensions
	parts := block.Chunks(k.qkv.Apply(c, k.norm1.Apply(c, x)), 3)
	for i := range parts {
		parts[i] = graph.Reshape(parts[i], d[0], d[1], heads, d[2]/heads)
	}
	a := graph.Reshape(block.Attend(parts[0], parts[1], parts[2], nil), d...)
	x = graph.Add(x, graph.Mul(k.proj.Apply(c, a), graph.Reshape(c.Weight(k.scale1, x), 1, 1, -1)))
	m := k.fc2.Apply(c, exactGELU(k.fc1.Apply(c, k.norm2.Apply(c, x))))
	return graph.Add(x, graph.Mul(m, graph.Reshape(c.Weight(k.scale2, x), 1, 1, -1)))
}

// exactGELU is x·Φ(x) by the error function, PyTorch's default.
func exactGELU(x *Node) *Node {
	return graph.Mul(graph.MulScalar(x, 0.5), graph.OnePlus(graph.Erf(graph.MulScalar(x, math.Sqrt2/2))))
}

// positions returns the embedding of a grid of h×w patches, [1, 1+h·w, Dim], by bicubic interpolation of the stored one.
func (n *DINOv2) positions(c *block.Ctx, like *Node, h, w int) *Node {
	pos, p, d := c.Weight(n.pos, like), n.config.Positions, n.config.Dim
	if h == p && w == p {
		return pos
	}
	first := graph.Slice(pos, graph.AxisRange(), graph.AxisRange(0, 1), graph.AxisRange())
	grid := graph.Reshape(graph.Slice(pos, graph.AxisRange(), graph.AxisRangeToEnd(1), graph.AxisRange()), p, p*d)
	rows := graph.ConvertDType(graph.Const(like.Graph(), bicubic(p, h, n.offset)), like.DType())
	columns := graph.ConvertDType(graph.Const(like.Graph(), bicubic(p, w, n.offset)), like.DType())
	grid = graph.Reshape(graph.DotGeneral(rows, []int{1}, nil, grid, []int{0}, nil), h, p, d)
	grid = graph.Einsum("wp,hpd->hwd", columns, grid)
	return graph.Concatenate([]*Node{first, graph.Reshape(grid, 1, h*w, d)}, 1)
}

// bicubic is the matrix [out][in] of torch.nn.functional.interpolate(mode="bicubic", align_corners=False, antialias=False): Keys 1981 with
// a = -3/4, indices clamped at the border. offset is added to out where the scale is taken.
func bicubic(in, out int, offset float64) [][]float32 {
	const a = -0.75
	scale := float64(in) / (float64(out) + offset)
	m := make([][]float32, out)
	for o := range m {
		m[o] = make([]float32, in)
		at := (float64(o)+0.5)*scale - 0.5
		base := int(math.Floor(at))
		for k := -1; k <= 2; k++ {
			x := math.Abs(at - float64(base+k))
			w := ((a*x-5*a)*x+8*a)*x - 4*a
			if x <= 1 {
				w = ((a+2)*x-(a+3))*x*x + 1
			}
			m[o][min(max(base+k, 0), in-1)] += float32(w)
		}
	}
	return m
}

// Load reads weights into s, under the names of the repository (dinov2_vits14_pretrain.pth: blocks.0.attn.qkv.weight) or of Hugging Face
// (facebook/dinov2-small: encoder.layer.0.attention.attention.query.weight), and takes over how each of them scales positions.
func (n *DINOv2) Load(s *model.Scope, from Weights) error {
	l := loader{net: "dinov2", scope: s, from: from}
	if _, _, ok := from("embeddings.cls_token"); !ok {
		n.offset = dinoOffset
		for _, p := range n.params.All() {
			l.copy(p, p.Name)
		}
		return l.err
	}
	n.offset = 0
	l.copy(n.cls, "embeddings.cls_token")
	l.copy(n.pos, "embeddings.position_embeddings")
	l.dense(n.patch, "embeddings.patch_embeddings.projection")
	for i, b := range n.blocks {
		at := fmt.Sprintf("encoder.layer.%d.", i)
		l.norm(b.norm1, at+"norm1")
		l.norm(b.norm2, at+"norm2")
		if _, _, ok := from(at + "attention.q_proj.bias"); ok { // saved by transformers 5
			l.joined(b.qkv, at+"attention.q_proj", at+"attention.k_proj", at+"attention.v_proj")
			l.dense(b.proj, at+"attention.o_proj")
		} else {
			l.joined(b.qkv, at+"attention.attention.query", at+"attention.attention.key", at+"attention.attention.value")
			l.dense(b.proj, at+"attention.output.dense")
		}
		l.dense(b.fc1, at+"mlp.fc1")
		l.dense(b.fc2, at+"mlp.fc2")
		l.copy(b.scale1, at+"layer_scale1.lambda1")
		l.copy(b.scale2, at+"layer_scale2.lambda1")
	}
	l.norm(n.norm, "layernorm")
	return l.err
}

func (l *loader) dense(d block.Dense, name string) {
	l.copy(d.Weight, name+".weight")
	l.copy(d.Bias, name+".bias")
}

func (l *loader) norm(n block.LayerNorm, name string) {
	l.copy(n.Weight, name+".weight")
	l.copy(n.Bias, name+".bias")
}

// joined makes one layer of several with the same input.
func (l *loader) joined(d block.Dense, names ...string) {
	var weight, bias []float32
	shape := d.Weight.TorchShape()
	out := shape[0] / len(names)
	for _, name := range names {
		weight = append(weight, l.read(name+".weight", []int{out, shape[1]})...)
		bias = append(bias, l.read(name+".bias", []int{out})...)
	}
	l.set(d.Weight, weight)
	l.set(d.Bias, bias)
}
