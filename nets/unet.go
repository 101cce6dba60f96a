package nets

import (
	"fmt"

	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
)

// UNet is the convolutional network of DDPM (Ho et al. 2020) and its kin, as diffusers'
// UNet2DModel builds it: residual blocks down through the resolutions, a middle block, and up
// again, each block on the way up also given the output of its mirror image.
type UNet struct {
	config     UNetConfig
	params     *block.Params
	sinusoid   block.Sinusoid
	fourier    block.Fourier
	augment    augmentation
	time       block.TimeMLP
	class      block.Embedding
	convIn     block.Conv
	down, up   []unetStage
	mid1, mid2 resBlock
	midAttn    attnBlock
	normOut    block.GroupNorm
	convOut    block.Conv
}

// unetStage is one resolution on one of the two ways.
type unetStage struct {
	res   []resBlock
	attn  []attnBlock                          // one per res, or none
	shift func(c *block.Ctx, h, t *Node) *Node // to the next resolution; nil in the last stage
}

// NewUNet checks the configuration and declares the parameters.
func NewUNet(config UNetConfig) (*UNet, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	u := &UNet{config: config, params: block.NewParams()}
	p, ch := u.params, config.Channels
	first, last := ch[0], ch[len(ch)-1]
	u.convIn = block.NewConv(p, "conv_in", config.InChannels, first, 3)
	u.declareTime()
	for i := range ch {
		u.down = append(u.down, u.downStage(i))
	}
	mid := p.Sub("mid_block")
	u.mid1 = newResBlock(mid, "resnets.0", config, last, last, keep)
	if config.MidAttention {
		groups := config.MidGroups
		if groups == 0 && !config.ScaleShift {
			groups = config.Groups
		}
		u.midAttn = newAttnBlock(mid, "attentions.0", config, last, groups)
	}
	u.mid2 = newResBlock(mid, "resnets.1", config, last, last, keep)
	u.mid1.scale, u.midAttn.scale, u.mid2.scale = config.MidScale, config.MidScale, config.MidScale
	for i := range ch {
		u.up = append(u.up, u.upStage(i))
	}
	u.normOut = block.NewGroupNorm(p, "conv_norm_out", first, config.Groups, config.Eps)
	u.convOut = block.NewConv(p, "conv_out", first, config.OutChannels, 3)
	if config.Init == InitZero {
		u.zero()
	}
	return u, nil
}

// zero is DDPM's start: the last layer of each residual branch and the output are nothing.
func (u *UNet) zero() {
	u.convOut.Zero()
	u.augment.zero()
	stages := append(append([]unetStage{{res: []resBlock{u.mid1, u.mid2}}}, u.down...), u.up...)
	if u.config.MidAttention {
		stages[0].attn = []attnBlock{u.midAttn}
	}
	for _, s := range stages {
		for _, r := range s.res {
			r.conv2.Zero()
		}
		for _, a := range s.attn {
			a.attn.Out.Zero()
		}
	}
}

func (u *UNet) declareTime() {
	c, first := u.config, u.config.Channels[0]
	in := first
	if c.Fourier {
		u.fourier = block.NewFourier(u.params, "time_proj", first, 16)
		in = 2 * first
	}
	u.sinusoid = block.Sinusoid{Dim: first, Shift: c.FreqShift, CosFirst: c.CosFirst}
	u.augment = newAugmentation(u.params, c.Augment, in)
	u.time = block.NewTimeMLP(u.params, "time_embedding", in, c.timeDim())
	if c.Classes > 0 {
		u.class = block.NewEmbedding(u.params, "class_embedding", c.Classes, c.timeDim())
	}
}

func (c UNetConfig) timeDim() int {
	if c.TimeDim > 0 {
		return c.TimeDim
	}
	return 4 * c.Channels[0]
}

func (u *UNet) downStage(i int) unetStage {
	c := u.config
	p, out := u.params.Sub("down_blocks.%d", i), c.Channels[i]
	var s unetStage
	for j := range c.Layers {
		in := out
		if j == 0 {
			in = c.Channels[max(i-1, 0)]
		}
		s.add(p, c, c.Down[i], j, in, out)
	}
	switch {
	case i == len(c.Channels)-1:
	case c.Down[i] == StageResnet || c.Down[i] == StageAttn && c.ResnetResample:
		s.shift = newResBlock(p, "downsamplers.0", c, out, out, halve).apply
	default:
		conv := block.NewDownConv(p, "downsamplers.0.conv", out, out, c.DownPadding)
		s.shift = func(k *block.Ctx, h, _ *Node) *Node { return conv.Apply(k, h) }
	}
	return s
}

func (u *UNet) upStage(i int) unetStage {
	c, n := u.config, len(u.config.Channels)
	at := func(i int) int { return c.Channels[n-1-max(min(i, n-1), 0)] } // channels, coarse to fine
	p, out := u.params.Sub("up_blocks.%d", i), at(i)
	var s unetStage
	for j := range c.Layers + 1 {
		in, skip := out, out
		if j == 0 {
			in = at(i - 1)
		}
		if j == c.Layers {
			skip = at(i + 1)
		}
		s.add(p, c, c.Up[i], j, in+skip, out)
	}
	switch {
	case i == n-1:
	case c.Up[i] == StageResnet || c.Up[i] == StageAttn && c.ResnetResample:
		s.shift = newResBlock(p, "upsamplers.0", c, out, out, double).apply
	default:
		conv := block.NewConv(p, "upsamplers.0.conv", out, out, 3)
		s.shift = func(k *block.Ctx, h, _ *Node) *Node { return conv.Apply(k, block.Upsample(h)) }
	}
	return s
}

// add declares layer j of a stage.
func (s *unetStage) add(p *block.Params, c UNetConfig, kind Stage, j, in, out int) {
	s.res = append(s.res, newResBlock(p, fmt.Sprintf("resnets.%d", j), c, in, out, keep))
	if kind == StageAttn {
		s.attn = append(s.attn, newAttnBlock(p, fmt.Sprintf("attentions.%d", j), c, out, c.Groups))
	}
}

func (s *unetStage) apply(c *block.Ctx, j int, h, t *Node) *Node {
	h = s.res[j].apply(c, h, t)
	if s.attn != nil {
		h = s.attn[j].apply(c, h)
	}
	return h
}

// Params lists the parameters.
func (u *UNet) Params() *block.Params { return u.params }

// Forward maps x [B, H, W, InChannels] to [B, H, W, OutChannels]. cNoise [B] is embedded as it
// is (the step 0…999 in DDPM); class [B] is needed if and only if the network has classes. H and W
// must be divisible by 2 for every resolution but the last.
func (u *UNet) Forward(c *block.Ctx, x, cNoise, class *Node) *Node {
	u.check(x, cNoise, class)
	t := u.embed(c, x, cNoise, class)
	h := u.convIn.Apply(c, x)
	skips := []*Node{h}
	for i := range u.down {
		s := &u.down[i]
		for j := range s.res {
			h = s.apply(c, j, h, t)
			skips = append(skips, h)
		}
		if s.shift != nil {
			h = s.shift(c, h, t)
			skips = append(skips, h)
		}
	}
	h = u.mid1.apply(c, h, t)
	if u.config.MidAttention {
		h = u.midAttn.apply(c, h)
	}
	h = u.mid2.apply(c, h, t)
	for i := range u.up {
		s := &u.up[i]
		for j := range s.res {
			n := len(skips) - 1
			h = s.apply(c, j, graph.Concatenate([]*Node{h, skips[n]}, -1), t)
			skips = skips[:n]
		}
		if s.shift != nil {
			h = s.shift(c, h, t)
		}
	}
	return u.convOut.Apply(c, block.SiLU(u.normOut.Apply(c, h)))
}

// embed gives SiLU of the embedding of time and class, [B, TimeDim]: all blocks start with that.
func (u *UNet) embed(c *block.Ctx, x, cNoise, class *Node) *Node {
	var e *Node
	if u.config.Fourier {
		e = u.fourier.Apply(c, cNoise)
	} else {
		e = u.sinusoid.Apply(cNoise)
	}
	e = u.time.Apply(c, u.augment.add(c, graph.ConvertDType(e, x.DType())))
	if u.config.Classes > 0 {
		e = graph.Add(e, u.class.Apply(c, class, e))
	}
	return block.SiLU(e)
}

func (u *UNet) check(x, cNoise, class *Node) {
	d := x.Shape().Dimensions
	if len(d) != 4 || d[3] != u.config.InChannels {
		panic(fmt.Errorf("unet: input %s, want [batch, height, width, %d]", x.Shape(), u.config.InChannels))
	}
	if k := 1 << (len(u.config.Channels) - 1); d[1]%k != 0 || d[2]%k != 0 {
		panic(fmt.Errorf("unet: picture of %d×%d: with %d resolutions both sides must be multiples of %d", d[1], d[2], len(u.config.Channels), k))
	}
	checkConditions("unet", d[0], cNoise, true, class, u.config.Classes > 0)
}
