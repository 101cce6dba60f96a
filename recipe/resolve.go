package recipe

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ebb-ml/ebb/data"
)

// Resolve completes the configuration from the data it is to train on: sizes, channels, normalisation, classes, and for recipe folder
// the network and the length of training. The notes say in plain words what was chosen and why. Then it validates everything.
func (c *Config) Resolve(ctx context.Context, set data.Set) (notes []string, err error) {
	if set.Len() == 0 {
		return nil, fmt.Errorf("the data set is empty")
	}
	if c.Recipe == "folder" && c.Network.Kind == UNet && !c.fitted() {
		report, err := data.Inspect(ctx, set, nil)
		if err != nil {
			return nil, err
		}
		notes = c.fit(report)
	}
	if err := c.fillPicture(set); err != nil {
		return nil, err
	}
	more, err := c.fillNorm(ctx, set)
	if err != nil {
		return nil, err
	}
	classes, err := c.fillClasses(set.Classes())
	if err != nil {
		return nil, err
	}
	c.fillNetwork()
	c.fillEval()
	return slices.Concat(notes, more, classes), c.Validate()
}

// fillPicture takes height, width, channels and bits from the first readable picture where they are not set.
func (c *Config) fillPicture(set data.Set) error {
	d := &c.Data
	sized := d.Height > 0 && d.Width > 0 && d.Channels > 0
	if sized && (d.Source != Files || d.Bits != 0) {
		return nil
	}
	p, err := firstPicture(set)
	if err != nil && !sized {
		return err
	} else if err != nil {
		return nil // the loader will say more of them
	}
	if d.Height == 0 && d.Width == 0 {
		d.Height, d.Width = p.Height, p.Width
	}
	if d.Channels == 0 {
		d.Channels = p.Channels
	}
	if d.Bits == 0 && d.Source == Files && p.Depth != data.Bits8 {
		d.Bits = int(p.Depth)
	}
	if d.Height == 0 || d.Width == 0 {
		return fmt.Errorf("data.height is %d and data.width %d: set both or none", d.Height, d.Width)
	}
	return nil
}

// fillClasses takes over the class names, or holds those of the run against those of the data.
func (c *Config) fillClasses(classes []string) (notes []string, err error) {
	if err := sameClasses(c.Data.Classes, classes); err != nil {
		return nil, err
	}
	c.Data.Classes = classes
	if c.Network.Conditional && len(classes) == 0 {
		c.Network.Conditional = false
		notes = append(notes, "the data has no classes: training without")
	}
	return notes, nil
}

func list(names []string) string {
	if len(names) == 0 {
		return "(none)"
	}
	more := ""
	if n := len(names) - 8; n > 0 {
		names, more = names[:8], fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(names, ", ") + more
}

// fillNetwork sets what follows from the data.
func (c *Config) fillNetwork() {
	classes := 0
	if c.Network.Conditional {
		classes = len(c.Data.Classes)
	}
	d := c.Data
	in := d.Channels
	if c.Diffusion.SelfCondition > 0 {
		in *= 2 // the estimate behind the sample
	}
	switch n := &c.Network; {
	case n.Kind == UNet && n.UNet != nil:
		n.UNet.InChannels, n.UNet.OutChannels, n.UNet.Classes = in, d.Channels, withNull(classes)
		if d.Augment > 0 {
			n.UNet.Augment = data.AugmentDim
		}
	case n.Kind == DiT && n.DiT != nil:
		n.DiT.InChannels, n.DiT.OutChannels, n.DiT.Classes = in, d.Channels, max(classes, 1)
		if c.Finetune == nil { // a trained one keeps its positions, and others are scaled to them
			n.DiT.Size = d.Height
		}
		if d.Augment > 0 {
			n.DiT.Augment = data.AugmentDim
		}
	case n.Kind == MLP && n.MLP != nil:
		n.MLP.Features, n.MLP.Classes = d.Height*d.Width*d.Channels, withNull(classes)
	}
}

// withNull counts the null class, which stands for no class in guidance.
func withNull(classes int) int {
	if classes == 0 {
		return 0
	}
	return classes + 1
}
