package nets

import (
	"fmt"
	"strings"

	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
)

// DiTConfig describes a diffusion transformer. The name of diffusers' key is given where it
// differs.
type DiTConfig struct {
	InChannels  int `toml:"in_channels" json:"in_channels"`
	OutChannels int `toml:"out_channels" json:"out_channels"`
	// Size is the side of the pictures that the position table is made for (sample_size);
	// others are scaled to it.
	Size   int `toml:"size" json:"size"`
	Patch  int `toml:"patch" json:"patch"`       // side of a patch (patch_size)
	Layers int `toml:"layers" json:"layers"`     // num_layers
	Heads  int `toml:"heads" json:"heads"`       // num_attention_heads
	Dim    int `toml:"head_dim" json:"head_dim"` // width of a head (attention_head_dim)
	// Classes is the number of classes (num_embeds_ada_norm). The table has one row more, the
	// last, for "no class": guidance needs it.
	Classes int     `toml:"classes" json:"classes"`
	Dropout float64 `toml:"dropout" json:"dropout"`
	// Augment is how many numbers tell the network what augmentation did to a picture, 0 for none (Karras et al. 2022, appendix
	// F.2). Without them, in sampling, it is a DiTTransformer2DModel.
	Augment int  `toml:"augment" json:"augment"`
	Init    Init `toml:"init" json:"init"`
}

// DiTSmall is DiT-S/2 on 32×32 RGB pictures with ten classes: 35,233,932 parameters.
func DiTSmall() DiTConfig {
	return DiTConfig{
		InChannels: 3, OutChannels: 3, Size: 32, Patch: 2, Layers: 12, Heads: 6, Dim: 64,
		Classes: 10, Init: InitZero,
	}
}

// Validate says what is wrong with the configuration, if anything.
func (c DiTConfig) Validate() error {
	err := positive("dit", []field{
		{"in_channels", c.InChannels}, {"out_channels", c.OutChannels}, {"size", c.Size}, {"patch", c.Patch},
		{"layers", c.Layers}, {"heads", c.Heads}, {"head_dim", c.Dim}, {"classes", c.Classes},
	})
	if err != nil {
		return err
	}
	if c.Size%c.Patch != 0 {
		return fmt.Errorf("dit: patch = %d does not divide size = %d", c.Patch, c.Size)
	}
	if c.width()%4 != 0 {
		return fmt.Errorf("dit: heads·head_dim = %d must be divisible by 4 for the position table", c.width())
	}
	if _, err := c.Init.MarshalText(); err != nil {
		return fmt.Errorf("dit: %w", err)
	}
	if c.Augment < 0 {
		return fmt.Errorf("dit: augment is %d, must not be negative", c.Augment)
	}
	return rate("dit", "dropout", c.Dropout)
}

func (c DiTConfig) width() int { return c.Heads * c.Dim }

// ditTimeDim is the width of the sinusoid that embeds time, as in diffusers.
const ditTimeDim = 256

// DiT is the diffusion transformer of Peebles & Xie 2023 as diffusers' DiTTransformer2DModel
// builds it, straight on pixels. As there, every block has its own embedding of time and class.
type DiT struct {
	config     DiTConfig
	params     *block.Params
	patch      block.Dense
	augment    augmentation
	blocks     []ditBlock
	normOut    block.LayerNorm
	out1, out2 block.Dense
}

type ditBlock struct {
	time         block.TimeMLP
	class        block.Embedding
	modulation   block.Dense
	norm1, norm2 block.LayerNorm
	attn         block.SelfAttention
	up, down     block.Dense
}

// NewDiT checks the configuration and declares the parameters.
func NewDiT(config DiTConfig) (*DiT, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	c, w := config, config.width()
	d := &DiT{config: c, params: block.NewParams()}
	// PyTorch keeps the patch layer as a convolution with stride; so does the parameter.
	d.patch = block.NewPatchDense(d.params, "pos_embed.proj", c.Patch, c.InChannels, w)
	d.augment = newAugmentation(d.params, c.Augment, ditTimeDim)
	for i := range c.Layers {
		d.blocks = append(d.blocks, newDiTBlock(d.params.Sub("transformer_blocks.%d", i), c))
	}
	d.normOut = block.NewLayerNorm(d.params, "norm_out", w, false, false, 1e-6)
	d.out1 = block.NewDense(d.params, "proj_out_1", w, 2*w, true)
	d.out2 = block.NewDense(d.params, "proj_out_2", w, c.Patch*c.Patch*c.OutChannels, true)
	if c.Init == InitZero {
		d.zero()
	}
	return d, nil
}

func newDiTBlock(p *block.Params, c DiTConfig) ditBlock {
	w := c.width()
	return ditBlock{
		time:       block.NewTimeMLP(p, "norm1.emb.timestep_embedder", ditTimeDim, w),
		class:      block.NewEmbedding(p, "norm1.emb.class_embedder.embedding_table", c.Classes+1, w),
		modulation: block.NewDense(p, "norm1.linear", w, 6*w, true),
		norm1:      block.NewLayerNorm(p, "norm1.norm", w, false, false, 1e-6),
		attn:       block.NewSelfAttention(p.Sub("attn1"), w, c.Heads),
		norm2:      block.NewLayerNorm(p, "norm3", w, false, false, 1e-5),
		up:         block.NewDense(p, "ff.net.0.proj", w, 4*w, true),
		down:       block.NewDense(p, "ff.net.2", 4*w, w, true),
	}
}

// zero is the start of Peebles & Xie 2023 (adaLN-zero): Xavier for linear layers, 0.02 for the
// embeddings, nothing for biases, modulations and output.
func (d *DiT) zero() {
	for _, p := range d.params.All() {
		switch {
		case strings.Contains(p.Name, "emb.timestep_embedder") && p.Layout == block.Matrix,
			strings.HasSuffix(p.Name, "embedding_table.weight"):
			p.Start = block.Normal(0.02)
		case p.Layout == block.Matrix:
			p.Start = block.XavierUniform(p.Shape[0], p.Shape[1])
		case p.Layout == block.Kernel:
			p.Start = block.XavierUniform(p.Size()/p.Shape[3], p.Shape[3])
		default:
			p.Start = block.Constant(0)
		}
	}
	for _, b := range d.blocks {
		b.modulation.Zero()
	}
	d.out1.Zero()
	d.out2.Zero()
	d.augment.zero()
}

// Params lists the parameters.
func (d *DiT) Params() *block.Params { return d.params }

// Forward maps x [B, H, W, InChannels] to [B, H, W, OutChannels]. H and W must be multiples of
// the patch; cNoise is [B]; class is [B], Classes standing for "no class".
func (d *DiT) Forward(c *block.Ctx, x, cNoise, class *Node) *Node {
	dims := x.Shape().Dimensions
	if len(dims) != 4 || dims[3] != d.config.InChannels || dims[1]%d.config.Patch != 0 || dims[2]%d.config.Patch != 0 {
		panic(fmt.Errorf("dit: input %s, want [batch, height, width, %d] with sides divisible by %d", x.Shape(), d.config.InChannels, d.config.Patch))
	}
	checkConditions("dit", dims[0], cNoise, true, class, true)
	rows, cols := dims[1]/d.config.Patch, dims[2]/d.config.Patch
	w := d.config.width()
	h := d.patch.Apply(c, block.Patches(x, d.config.Patch))
	grid := block.Grid(rows, cols, w, d.config.Size/d.config.Patch)
	h = graph.Add(h, graph.Reshape(graph.ConstAs(h, grid), 1, rows*cols, w))
	t := block.Sinusoid{Dim: ditTimeDim, Shift: 1, CosFirst: true}.Apply(cNoise)
	t = d.augment.add(c, graph.ConvertDType(t, x.DType()))
	var first *Node // the condition of block 0, which the output layer shares
	for i := range d.blocks {
		b := &d.blocks[i]
		e := block.SiLU(graph.Add(b.time.Apply(c, t), b.class.Apply(c, class, t)))
		if first == nil {
			first = e
		}
		h = c.Block(h, func(h *Node) *Node { return b.body(c, h, e, d.config.Dropout) })
	}
	m := block.Chunks(d.out1.Apply(c, first), 2)
	h = block.Modulate(d.normOut.Apply(c, h), m[0], m[1])
	return block.Unpatch(d.out2.Apply(c, h), d.config.Patch, rows, cols)
}

// body is attention and MLP, each shifted, scaled and gated by e [B, width].
func (b *ditBlock) body(c *block.Ctx, h, e *Node, dropout float64) *Node {
	m := block.Chunks(b.modulation.Apply(c, e), 6)
	gate := func(x, g *Node) *Node { return graph.Mul(x, graph.InsertAxes(g, 1)) }
	a := b.attn.Apply(c, block.Modulate(b.norm1.Apply(c, h), m[0], m[1]))
	h = graph.Add(h, gate(c.Dropout(a, dropout), m[2]))
	f := block.GELU(b.up.Apply(c, block.Modulate(b.norm2.Apply(c, h), m[3], m[4])))
	f = b.down.Apply(c, c.Dropout(f, dropout))
	return graph.Add(h, gate(f, m[5]))
}
