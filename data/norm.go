package data

import "fmt"

// Norm maps samples to what a network sees: x = (v - Mean) / Std for each channel, where v is 0 (black) to 1 (white) for
// 8 and 16 bits and the value itself for floats. It is stored with a model and undone when sampling.
// Mean and Std have one element for all channels or one for each.
type Norm struct {
	Mean []float64 `json:"mean" toml:"mean"`
	Std  []float64 `json:"std" toml:"std"`
}

// PlusMinusOne maps black to -1 and white to +1.
func PlusMinusOne() Norm { return Norm{Mean: []float64{0.5}, Std: []float64{0.5}} }

// Check says whether the norm fits pictures of c channels.
func (n Norm) Check(c int) error {
	if (len(n.Mean) != 1 && len(n.Mean) != c) || len(n.Std) != len(n.Mean) {
		return fmt.Errorf("normalisation has %d means and %d standard deviations for %d channels; give one, or one for each channel", len(n.Mean), len(n.Std), c)
	}
	for _, s := range n.Std {
		if !(s > 0) {
			return fmt.Errorf("normalisation by standard deviation %v is not possible", s)
		}
	}
	return nil
}

// channel returns mean and standard deviation of channel ch.
func (n Norm) channel(ch int) (mean, std float64) {
	if len(n.Mean) == 1 {
		ch = 0
	}
	return n.Mean[ch], n.Std[ch]
}

// Apply appends the normalised samples of p to dst, in HWC order. The norm must have passed Check.
func (n Norm) Apply(dst []float32, p *Picture) []float32 {
	if p.Depth == Bits8 {
		return n.apply8(dst, p)
	}
	at := len(dst)
	dst = p.Samples(dst)
	for ch := range p.Channels {
		mean, std := n.channel(ch)
		for i := at + ch; i < len(dst); i += p.Channels {
			dst[i] = float32((float64(dst[i])/p.scale() - mean) / std)
		}
	}
	return dst
}

// apply8 looks the 256 possible values up.
func (n Norm) apply8(dst []float32, p *Picture) []float32 {
	c, at := p.Channels, len(dst)
	dst = append(dst, make([]float32, len(p.Pix))...)
	out := dst[at:]
	for ch := range c {
		var table [256]float32
		mean, std := n.channel(ch)
		for v := range table {
			table[v] = float32((float64(v)/255 - mean) / std)
		}
		for i := ch; i < len(p.Pix); i += c {
			out[i] = table[p.Pix[i]]
		}
	}
	return dst
}

// Picture undoes Apply: x has h·w·c normalised samples in HWC order; the result has the given depth, clipped to its range.
func (n Norm) Picture(x []float32, h, w, c int, depth Depth) (*Picture, error) {
	if len(x) != h*w*c {
		return nil, fmt.Errorf("%d samples are not a picture of %d x %d x %d", len(x), h, w, c)
	}
	if err := n.Check(c); err != nil {
		return nil, err
	}
	p := Picture{Height: h, Width: w, Channels: c, Depth: depth, Alpha: depth != Float32 && (c == 2 || c == 4)}
	v := make([]float32, len(x))
	for i := range x {
		mean, std := n.channel(i % c)
		v[i] = float32((float64(x[i])*std + mean) * p.scale())
	}
	return p.fromSamples(v), nil
}
