package data

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/rng"
)

// Fit says how a picture gets the size that the model wants.
type Fit int

// The ways to fit.
const (
	FitExact      Fit = iota // pictures must have that size; others are an error
	FitCrop                  // scale until it covers the size, keep the centre
	FitRandomCrop            // scale until it covers the size, keep a random part
	FitPad                   // scale until it lies within the size, surround with the background
	FitStretch               // scale each side by itself
)

// Preprocess turns pictures of a set into samples for a network. The zero value takes pictures as they are, which must
// all have one size, and maps them to ±1.
type Preprocess struct {
	Height, Width int     // 0: those of the first picture
	Channels      int     // 1 to 4, converted as Picture.WithChannels states; 0: those of the first picture
	Fit           Fit     // what is done with other sizes; the zero value refuses them
	Filter        Filter  // of the resize; the zero value is Lanczos
	Background    float64 // behind opacity and around padding: 0 black to 1 white
	FlipX, FlipY  bool    // mirror at random (left-right, up-down), each with probability 1/2
	// Augment is the probability of each transformation of Karras et al. 2022, appendix F.2 (they use 0.12 for CIFAR-10);
	// 0 turns augmentation off. The parameters of what was done are in Batch.Augment, for the network to be conditioned
	// on, so that samples drawn with zeros there show no trace of it. FlipX and FlipY then are part of those parameters.
	Augment float64
	Noise   float64 // standard deviation of Gaussian noise added to normalised samples
	Norm    Norm    // zero: ±1, and floats as they are
}

// Purposes of random draws, so that switching one off leaves the others as they were.
const (
	drawOrder uint32 = iota + 1
	drawSource
	drawReplacement
	drawCrop
	drawFlip
	drawAugment
	drawNoise
	drawSubset
	drawGlyph
	drawPoint
	drawSheet
)

// resolve fills in what is left to the first picture and checks the rest.
func (c Preprocess) resolve(p *Picture) (Preprocess, error) {
	if c.Height == 0 && c.Width == 0 {
		c.Height, c.Width = p.Height, p.Width
	}
	if c.Channels == 0 {
		c.Channels = p.Channels
	}
	if len(c.Norm.Mean) == 0 && len(c.Norm.Std) == 0 {
		c.Norm = PlusMinusOne()
		if p.Depth == Float32 {
			c.Norm = Norm{Mean: []float64{0}, Std: []float64{1}}
		}
	}
	if c.Height <= 0 || c.Width <= 0 || c.Channels <= 0 {
		return c, fmt.Errorf("preprocessing to %d x %d x %d is not possible", c.Height, c.Width, c.Channels)
	}
	if !(c.Augment >= 0 && c.Augment <= 1) || !(c.Noise >= 0) || c.Fit < FitExact || c.Fit > FitStretch {
		return c, fmt.Errorf("preprocessing: augment %v must be 0 to 1, noise %v at least 0, fit %d known", c.Augment, c.Noise, c.Fit)
	}
	return c, c.Norm.Check(c.Channels)
}

// fit converts channels and size; s draws the place of a random crop, nil means the centre. Both sizes must be set or zero.
func (c *Preprocess) fit(p *Picture, s *rng.Sequence) (*Picture, error) {
	var err error
	if c.Channels != 0 {
		if p, err = p.WithChannels(c.Channels, c.Background); err != nil {
			return nil, err
		}
	}
	h, w := c.Height, c.Width
	if h == 0 || (p.Height == h && p.Width == w) {
		return p, nil
	}
	if c.Fit == FitExact {
		return nil, fmt.Errorf("it has %d x %d pixels (width x height), %d x %d are expected; choose how to fit: crop, random crop, pad or stretch", p.Width, p.Height, w, h)
	}
	if c.Fit == FitStretch {
		return p.Resize(h, w, c.Filter)
	}
	scale := max(float64(h)/float64(p.Height), float64(w)/float64(p.Width))
	if c.Fit == FitPad {
		scale = min(float64(h)/float64(p.Height), float64(w)/float64(p.Width))
	}
	rh, rw := max(int(math.Round(float64(p.Height)*scale)), 1), max(int(math.Round(float64(p.Width)*scale)), 1)
	if p, err = p.Resize(rh, rw, c.Filter); err != nil {
		return nil, err
	}
	y, x := floorHalf(rh-h), floorHalf(rw-w)
	if c.Fit == FitRandomCrop && s != nil {
		y, x = s.IntN(rh-h+1), s.IntN(rw-w+1)
	}
	return p.window(y, x, h, w, c.fill(p)), nil
}

func floorHalf(v int) int { return int(math.Floor(float64(v) / 2)) }

// fill is the raw value of background pixels; they are opaque.
func (c *Preprocess) fill(p *Picture) []float32 {
	out := make([]float32, p.Channels)
	for i := range out {
		out[i] = float32(c.Background * p.scale())
	}
	if p.Alpha {
		out[p.Channels-1] = float32(p.scale())
	}
	return out
}

// sample appends the finished samples of draw n of a run with that seed to dst; aug gets the augmentation's parameters.
func (c *Preprocess) sample(dst []float32, aug []float32, p *Picture, seed, n uint64) ([]float32, error) {
	crop := rng.NewSequence(seed, drawCrop, n)
	p, err := c.fit(p, &crop)
	if err != nil {
		return dst, err
	}
	at := len(dst)
	dst = c.Norm.Apply(dst, p)
	x := dst[at:]
	if c.Augment > 0 {
		s := rng.NewSequence(seed, drawAugment, n)
		t := drawTransform(&s, c)
		t.parameters(aug)
		t.apply(x, p.Height, p.Width, p.Channels)
	} else {
		s := rng.NewSequence(seed, drawFlip, n)
		fx, fy := s.Uint32()&1 == 1, s.Uint32()&1 == 1
		mirror(x, p.Height, p.Width, p.Channels, fx && c.FlipX, fy && c.FlipY)
	}
	if c.Noise > 0 {
		s := rng.NewSequence(seed, drawNoise, n)
		for i := range x {
			x[i] += float32(c.Noise * s.Normal())
		}
	}
	return dst, nil
}

// mirror flips x in place.
func mirror(x []float32, h, w, c int, flipX, flipY bool) {
	for y := 0; flipX && y < h; y++ {
		row := x[y*w*c : (y+1)*w*c]
		for l, r := 0, (w-1)*c; l < r; l, r = l+c, r-c {
			for ch := range c {
				row[l+ch], row[r+ch] = row[r+ch], row[l+ch]
			}
		}
	}
	for t, b := 0, h-1; flipY && t < b; t, b = t+1, b-1 {
		for i := range w * c {
			x[t*w*c+i], x[b*w*c+i] = x[b*w*c+i], x[t*w*c+i]
		}
	}
}
