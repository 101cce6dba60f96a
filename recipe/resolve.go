package recipe

import (
	"context"
	"fmt"
	"strings"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/optim"
)

// Resolve completes the configuration from the data it is to train on: sizes, channels, normalisation, classes, and for recipe folder
// the network and the length of training. The notes say in plain words what was chosen and why. Then it validates everything.
func (c *Config) Resolve(ctx context.Context, set data.Set) (notes []string, err error) {
	if set.Len() == 0 {
		return nil, fmt.Errorf("the data set is empty")
	}
	if c.Recipe == "folder" && c.Network.UNet == nil && c.Network.Kind == UNet {
		if notes, err = c.fromReport(ctx, set); err != nil {
			return nil, err
		}
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

// fromReport chooses preprocessing, network and length of training for a person's own pictures.
func (c *Config) fromReport(ctx context.Context, set data.Set) ([]string, error) {
	report, err := data.Inspect(ctx, set, nil)
	if err != nil {
		return nil, err
	}
	p := report.Preprocess()
	d := &c.Data
	if d.Height == 0 && d.Width == 0 {
		d.Height, d.Width = snap(min(p.Height, 64)), snap(min(p.Width, 64))
	}
	if d.Channels == 0 {
		d.Channels = p.Channels
	}
	d.FlipX = p.FlipX
	notes := []string{fmt.Sprintf("%d pictures of %d x %d pixels and %d channels (up to 64 pixels unless data.height and data.width say more)",
		report.Pictures, d.Height, d.Width, d.Channels)}
	return append(notes, c.fitNetwork(report.Pictures)...), nil
}

// snap rounds to a multiple of 8, which three resolutions divide.
func snap(side int) int { return max(8, side/8*8) }

// fitNetwork chooses by the size and number of pictures: few pictures want a small network with dropout, a long average and less
// training, or they are learnt by heart.
func (c *Config) fitNetwork(pictures int) []string {
	u := nets.DefaultUNet(64, 128, 128)
	u.Layers, u.Dropout = 1, 0.1
	width := "64-128-128 with dropout 0.1, since there are fewer than 20,000"
	if pictures >= 20_000 {
		u = nets.DefaultUNet(96, 192, 192)
		u.Layers = 2
		width = "96-192-192, since there are 20,000 or more"
	}
	u.Init = nets.InitZero
	c.Network.UNet = &u
	t := &c.Train
	var notes []string
	if c.Data.Augment < 0 {
		if c.Data.Augment = 0; pictures < 20_000 {
			c.Data.Augment = 0.12 // Karras et al. 2022, table 5, for CIFAR-10
			notes = append(notes, "pictures are turned, zoomed and shifted at random (data.augment 0.12), which the network is told, so that samples are not: they are few")
		}
	}
	if t.Batch == 0 {
		t.Batch = 32
		if pictures >= 5000 {
			t.Batch = 64
		}
	}
	if t.Images == 0 {
		t.Images = min(max(int64(pictures)*50, 100_000), 5_000_000)
		notes = append(notes, fmt.Sprintf("%d images to train on: each picture 50 times, at least 100,000, at most 5,000,000", t.Images))
	}
	if t.Rate.Warmup == 0 {
		t.Rate.Warmup, t.Rate.Horizon = 100*int64(t.Batch), t.Images/2
	}
	c.setIntervals()
	t.Averages = []optim.EMA{{SigmaRel: 0.10}, {SigmaRel: 0.05}}
	return append(notes, fmt.Sprintf("a U-Net of widths %s pictures; batch %d", width, t.Batch))
}

// setIntervals spreads reports and checkpoints over a run whose length has just become known.
func (c *Config) setIntervals() {
	t := &c.Train
	every := max(t.Images/20, int64(t.Batch))
	t.LogEvery, t.EvalEvery, t.SampleEvery, t.SaveEvery = 10*int64(t.Batch), every, every, every
}
