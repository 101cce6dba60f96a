package recipe

import (
	"fmt"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/nets"
)

// few is the number of pictures below which a large network soon learns them by heart.
const few = 20_000

// fitted says whether nothing is left to choose by looking at the pictures.
func (c *Config) fitted() bool {
	u, t := c.Network.UNet, c.Train
	return u != nil && len(u.Channels) > 0 && u.Layers > 0 && u.Dropout != unset && c.Data.Height > 0 && c.Data.Channels > 0 &&
		c.Data.Augment != unset && t.Batch > 0 && t.Images > 0 && t.Rate.Warmup != unset && t.Rate.Horizon != unset &&
		min(t.LogEvery, t.EvalEvery, t.SampleEvery, t.SaveEvery) != unset
}

// Advise says what recipe folder would choose for the pictures of a report, and why.
func Advise(report *data.Report) ([]string, error) {
	c, err := Preset("folder")
	if err != nil {
		return nil, err
	}
	return c.fit(report), nil
}

// fit chooses preprocessing, network and length of training for a person's own pictures, where they are not set, and says why.
func (c *Config) fit(report *data.Report) (notes []string) {
	p := report.Preprocess()
	d := &c.Data
	if d.Height == 0 && d.Width == 0 {
		d.Height, d.Width = snap(min(p.Height, 64)), snap(min(p.Width, 64))
		notes = append(notes, sizeNote(report, d.Width, d.Height))
	}
	if d.Channels == 0 {
		d.Channels = p.Channels
		notes = append(notes, fmt.Sprintf("%d channels, as most of the pictures have", d.Channels))
	}
	d.FlipX = d.FlipX && p.FlipX
	if d.FlipX {
		notes = append(notes, "pictures are mirrored left to right at random: set data.flip_x=false where that changes their meaning, as with writing")
	}
	notes = append(notes, c.fitNetwork(report.Pictures)...)
	if d.Augment == unset {
		if d.Augment = p.Augment; d.Augment > 0 {
			notes = append(notes, fmt.Sprintf("pictures are turned, zoomed and shifted at random (data.augment %g), which the network is told, so that samples are not: they are few", d.Augment))
		}
	}
	return append(notes, c.fitLength(report.Pictures)...)
}

// snap rounds to a multiple of 4, which three resolutions divide.
func snap(side int) int { return max(8, side/4*4) }

// sizeNote says what becomes of the sizes of pictures.
func sizeNote(r *data.Report, width, height int) string {
	if len(r.Sizes) == 1 && r.Sizes[0].Width == width && r.Sizes[0].Height == height {
		return fmt.Sprintf("pictures are taken as they are, %d x %d pixels (width x height)", width, height)
	}
	return fmt.Sprintf("pictures are scaled and cropped to %d x %d pixels (width x height): multiples of 4, at most 64 unless data.width and data.height say more", width, height)
}

// fitNetwork chooses by the number of pictures: few pictures want a small network with dropout, or they are learnt by heart.
func (c *Config) fitNetwork(pictures int) []string {
	if c.Network.UNet == nil {
		u := nets.DefaultUNet()
		u.Dropout, u.Init, u.Layers = unset, nets.InitZero, 0
		c.Network.UNet = &u
	}
	u := c.Network.UNet
	channels, layers, dropout, many := []int{64, 128, 128}, 1, 0.1, "fewer than"
	if pictures >= few {
		channels, layers, dropout, many = []int{96, 192, 192}, 2, 0, "at least"
	}
	var notes []string
	if len(u.Channels) == 0 {
		u.Channels = channels
		notes = append(notes, fmt.Sprintf("a U-Net of widths %v, since there are %s %d pictures", channels, many, few))
	}
	if n := len(u.Channels); len(u.Down) == 0 && len(u.Up) == 0 {
		like := nets.DefaultUNet(u.Channels[:n:n]...)
		u.Down, u.Up = like.Down, like.Up
	}
	if u.Layers == 0 {
		u.Layers = layers
	}
	if u.Dropout == unset {
		if u.Dropout = dropout; dropout > 0 {
			notes = append(notes, fmt.Sprintf("dropout %g, so that it does not learn them by heart", dropout))
		}
	}
	return notes
}

// fitLength chooses batch, length of training, warming up and intervals.
func (c *Config) fitLength(pictures int) (notes []string) {
	t := &c.Train
	if t.Batch == 0 {
		if t.Batch = 32; pictures >= 5000 {
			t.Batch = 64
		}
		notes = append(notes, fmt.Sprintf("batches of %d pictures", t.Batch))
	}
	if t.Images == 0 {
		t.Images = min(max(int64(pictures)*50, 100_000), 5_000_000)
		notes = append(notes, fmt.Sprintf("%d images to train on: each picture 50 times, at least 100,000, at most 5,000,000", t.Images))
	}
	every := max(t.Images/20, int64(t.Batch))
	orElse := func(v *int64, chosen int64) {
		if *v == unset {
			*v = chosen
		}
	}
	orElse(&t.Rate.Warmup, min(100*int64(t.Batch), t.Images/10))
	orElse(&t.Rate.Horizon, t.Images/2)
	orElse(&t.LogEvery, 10*int64(t.Batch))
	orElse(&t.EvalEvery, every)
	orElse(&t.SampleEvery, every)
	orElse(&t.SaveEvery, every)
	return append(notes, fmt.Sprintf("learning rate %g, two averages of the weights over a tenth and a twentieth of the run", t.Rate.Peak))
}
