package recipe

import (
	"context"
	"fmt"
	"image"

	"github.com/ebb-ml/ebb/data"
)

// Pictures turns samples, one after the other in x, into pictures with the channels and bits of the data.
func (m *Model) Pictures(x []float32) ([]*data.Picture, error) { return m.pictures(x, m.Norm, m.Depth) }

// Views turns samples into pictures to look at, of 8 bits. Numbers without a black and a white are shown from -3 to 3 deviations.
func (m *Model) Views(x []float32) ([]*image.NRGBA, error) {
	norm := m.Norm
	switch {
	case m.Depth != data.Float32:
	case isNorm(norm, data.PlusMinusOne()) || isNorm(norm, asTheyAre()):
		norm = data.PlusMinusOne()
	default:
		norm = data.Norm{Mean: []float64{0.5}, Std: []float64{1. / 6}}
	}
	all, err := m.pictures(x, norm, data.Bits8)
	if err != nil {
		return nil, err
	}
	views := make([]*image.NRGBA, len(all))
	for i, p := range all {
		if views[i], err = p.Image(); err != nil {
			return nil, err
		}
	}
	return views, nil
}

func (m *Model) pictures(x []float32, norm data.Norm, depth data.Depth) ([]*data.Picture, error) {
	size := m.Height * m.Width * m.Channels
	var all []*data.Picture
	for i := 0; i < len(x); i += size {
		p, err := norm.Picture(x[i:i+size], m.Height, m.Width, m.Channels, depth)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// asTheyAre is the norm that changes nothing.
func asTheyAre() data.Norm { return data.Norm{Mean: []float64{0}, Std: []float64{1}} }

// isNorm says whether two norms of one number for all channels are the same.
func isNorm(a, b data.Norm) bool {
	return len(a.Mean) == 1 && len(a.Std) == 1 && a.Mean[0] == b.Mean[0] && a.Std[0] == b.Std[0]
}

// Clips says whether samples lie in ±1, so that estimates can be kept there.
func (m *Model) Clips() bool { return m.Depth != data.Float32 && isNorm(m.Norm, data.PlusMinusOne()) }

// firstPicture is the first that can be read, among as many as one may find broken.
func firstPicture(set data.Set) (*data.Picture, error) {
	var first error
	for i := range min(set.Len(), 1000) {
		p, err := set.Picture(i)
		if err == nil {
			return p, nil
		}
		if first == nil {
			first = fmt.Errorf("%s: %w", set.Entry(i).Name, err)
		}
	}
	return nil, fmt.Errorf("none of the first pictures can be read: %w", first)
}

// fillNorm chooses how numbers become samples: to ±1 where they have a black and a white; by their mean and deviation if asked for, or
// where floats lie neither in 0…1 nor in ±1.
func (c *Config) fillNorm(ctx context.Context, set data.Set) (notes []string, err error) {
	d := &c.Data
	if len(d.Norm.Mean) > 0 {
		return nil, nil
	}
	d.Norm = data.PlusMinusOne()
	if d.Source == Points {
		d.Norm = asTheyAre()
	}
	if d.Bits == int(data.Float32) && !d.Standardize {
		low, high := rangeOf(set)
		switch {
		case low >= 0 && high <= 1:
			return []string{"the numbers lie in 0 to 1: taken as black to white"}, nil
		case low >= -1 && high <= 1:
			d.Norm = asTheyAre()
			return []string{"the numbers lie in -1 to 1: taken as they are"}, nil
		}
	}
	if !d.Standardize && d.Bits != int(data.Float32) {
		return nil, nil
	}
	report, err := data.Inspect(ctx, set, nil)
	if err != nil {
		return nil, err
	}
	d.Norm = data.Norm{Mean: report.Mean, Std: report.Std}
	if len(report.Mean) != d.Channels {
		return nil, fmt.Errorf("data.standardize: the pictures have %d channels, data.channels is %d: set data.norm yourself", len(report.Mean), d.Channels)
	}
	return []string{fmt.Sprintf("normalised by the mean %.4g and the deviation %.4g of the data", report.Mean, report.Std)}, nil
}

// rangeOf is the least and the greatest number of some of the pictures.
func rangeOf(set data.Set) (low, high float32) {
	const some = 256
	n := min(set.Len(), some)
	var v []float32
	for i := range n {
		p, err := set.Picture(i * (set.Len() / n))
		if err != nil {
			continue
		}
		for _, x := range p.Samples(v[:0]) {
			low, high = min(low, x), max(high, x)
		}
	}
	return low, high
}
