package recipe

import (
	"context"
	"fmt"
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
	more, err := c.fillClasses(set.Classes())
	if err != nil {
		return nil, err
	}
	c.fillNetwork()
	return append(notes, more...), c.Validate()
}

// fillPicture takes height, width and channels from the first readable picture where they are not set.
func (c *Config) fillPicture(set data.Set) error {
	d := &c.Data
	if len(d.Norm.Mean) == 0 {
		d.Norm = data.PlusMinusOne()
		if d.Source == Points {
			d.Norm = data.Norm{Mean: []float64{0}, Std: []float64{1}}
		}
	}
	if d.Height > 0 && d.Width > 0 && d.Channels > 0 {
		return nil
	}
	var first error
	for i := range min(set.Len(), 1000) {
		p, err := set.Picture(i)
		if err != nil {
			if first == nil {
				first = fmt.Errorf("%s: %w", set.Entry(i).Name, err)
			}
			continue
		}
		if d.Height == 0 && d.Width == 0 {
			d.Height, d.Width = p.Height, p.Width
		}
		if d.Channels == 0 {
			d.Channels = p.Channels
		}
		if d.Height == 0 || d.Width == 0 {
			return fmt.Errorf("data.height is %d and data.width %d: set both or none", d.Height, d.Width)
		}
		return nil
	}
	return fmt.Errorf("none of the first pictures can be read: %w", first)
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
