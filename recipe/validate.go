package recipe

import (
	"fmt"
)

// Validate checks a resolved configuration, so that what can be refused is refused before the first step.
func (c Config) Validate() error {
	if c.Text != nil {
		return c.validText()
	}
	if c.Train.Tokens != 0 {
		return fmt.Errorf("train.tokens is %d, but recipe %s is about pictures: set train.images", c.Train.Tokens, c.Recipe)
	}
	for _, check := range []func() error{c.validData, c.validNetwork, c.validHeldOut, c.validEval, c.Sample.Check, c.Train.Validate} {
		if err := check(); err != nil {
			return err
		}
	}
	m, err := c.Model()
	if err != nil {
		return err
	}
	o, err := c.objective(m)
	if err != nil {
		return err
	}
	return o.Check()
}

func (c Config) validData() error {
	d := c.Data
	switch {
	case d.Source == Files && len(d.Paths) == 0:
		return fmt.Errorf("data.paths is empty: name a folder or an archive of pictures with --data")
	case d.Height < 1 || d.Width < 1 || d.Channels < 1:
		return fmt.Errorf("data.height, width and channels are %d, %d and %d, must be at least 1", d.Height, d.Width, d.Channels)
	case int64(d.Height)*int64(d.Width) > 1<<24:
		return fmt.Errorf("data.height x width is %d x %d: at most 16 million pixels", d.Height, d.Width)
	case !(d.MaxBroken >= 0 && d.MaxBroken <= 1):
		return fmt.Errorf("data.max_broken is %v, must be from 0 to 1", d.MaxBroken)
	case !(d.Augment >= 0 && d.Augment <= 1):
		return fmt.Errorf("data.augment is %v, must be from 0 to 1 (0.12 is usual)", d.Augment)
	case d.Bits != 0 && d.Bits != 8 && d.Bits != 16 && d.Bits != 32:
		return fmt.Errorf("data.bits is %d, must be 8, 16, or 32 for floats", d.Bits)
	case d.Limit < 0:
		return fmt.Errorf("data.limit is %d, must not be negative", d.Limit)
	}
	return d.Norm.Check(d.Channels)
}

func (c Config) validNetwork() error {
	n, d := c.Network, c.Data
	switch {
	case n.Kind == UNet && n.UNet == nil:
		return fmt.Errorf("network.kind is unet, but there is no [network.unet]")
	case n.Kind == DiT && n.DiT == nil:
		return fmt.Errorf("network.kind is dit, but there is no [network.dit]")
	case n.Kind == MLP && n.MLP == nil:
		return fmt.Errorf("network.kind is mlp, but there is no [network.mlp]")
	case n.Kind == MLP && (d.Augment > 0 || c.Diffusion.SelfCondition > 0):
		return fmt.Errorf("data.augment and diffusion.self_condition are for pictures: an MLP takes neither, leave them 0")
	}
	switch n.Kind {
	case UNet:
		if by := 1 << max(len(n.UNet.Channels)-1, 0); d.Height%by != 0 || d.Width%by != 0 {
			return fmt.Errorf("pictures of %d x %d pixels: a U-Net of %d resolutions needs sides divisible by %d: set data.height and data.width, "+
				"or fewer network.unet.channels", d.Height, d.Width, len(n.UNet.Channels), by)
		}
	case DiT:
		if p := n.DiT.Patch; p > 0 && (d.Height%p != 0 || d.Width%p != 0) {
			return fmt.Errorf("pictures of %d x %d pixels do not divide into patches of %d: set data.height and data.width", d.Height, d.Width, p)
		}
	}
	return nil
}

func (c Config) validHeldOut() error {
	h := c.HeldOut
	switch {
	case !(h.Share >= 0 && h.Share < 1):
		return fmt.Errorf("held_out.share is %v, must be from 0 to below 1", h.Share)
	case h.Images < 0 || h.Images > 0 && (h.Batch < 1 || h.Levels < 1):
		return fmt.Errorf("held_out.images, batch and levels are %d, %d and %d: give at least 1 of each, or 0 images for none", h.Images, h.Batch, h.Levels)
	}
	return nil
}

// Check says what is wrong with the way of sampling, if anything.
func (s Sample) Check() error {
	switch {
	case s.Steps < 1 || s.Rows < 1 || s.Columns < 1 || s.Batch < 1:
		return fmt.Errorf("sample.steps, rows, columns and batch are %d, %d, %d and %d, must be at least 1", s.Steps, s.Rows, s.Columns, s.Batch)
	case !(s.Guidance >= 0):
		return fmt.Errorf("sample.guidance is %v, must not be negative", s.Guidance)
	case !(s.GuidanceMin >= 0) || !(s.GuidanceMax >= 0) || s.GuidanceMax != 0 && s.GuidanceMax <= s.GuidanceMin:
		return fmt.Errorf("sample.guidance_min and guidance_max are %v and %v: guidance acts at noise levels above the first up to the second, "+
			"so the second must be larger, or 0 for no end", s.GuidanceMin, s.GuidanceMax)
	case !(s.GuidanceRescale >= 0 && s.GuidanceRescale <= 1):
		return fmt.Errorf("sample.guidance_rescale is %v, must be from 0 to 1", s.GuidanceRescale)
	case !(s.Threshold >= 0 && s.Threshold <= 1):
		return fmt.Errorf("sample.threshold is %v, must be a quantile from 0 (none) to 1, such as 0.995", s.Threshold)
	}
	return nil
}
