package data

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/data/internal/resample"
)

// Depth is the sample format of a picture.
type Depth uint8

// The sample formats: unsigned integers that span black to white, or floating-point values taken as they are.
const (
	Bits8   Depth = 8
	Bits16  Depth = 16
	Float32 Depth = 32
)

// Picture is one decoded picture: Height rows of Width pixels of Channels interleaved samples.
// Channels 1 to 4 mean grey, grey and opacity, RGB, RGB and opacity when Alpha says so.
type Picture struct {
	Height, Width, Channels int
	Depth                   Depth
	Alpha                   bool   // the last channel is opacity
	Pix                     []byte // little-endian samples; read only, it may lie in a mapped file
}

// check says whether the fields agree with each other.
func (p *Picture) check() error {
	if p.Height <= 0 || p.Width <= 0 || p.Channels <= 0 || (p.Depth != Bits8 && p.Depth != Bits16 && p.Depth != Float32) {
		return fmt.Errorf("picture of %d x %d x %d with %d bits is not possible", p.Height, p.Width, p.Channels, p.Depth)
	}
	if len(p.Pix) != p.samples()*int(p.Depth/8) {
		return fmt.Errorf("picture of %d x %d x %d with %d bits has %d bytes", p.Height, p.Width, p.Channels, p.Depth, len(p.Pix))
	}
	return nil
}

func (p *Picture) samples() int { return p.Height * p.Width * p.Channels }

// scale is the sample value that means white: what divides samples into 0 … 1.
func (p *Picture) scale() float64 {
	switch p.Depth {
	case Bits8:
		return 255
	case Bits16:
		return 65535
	}
	return 1
}

// Samples appends the raw sample values (0 … 255, 0 … 65535, or floats) to dst in HWC order.
func (p *Picture) Samples(dst []float32) []float32 {
	switch p.Depth {
	case Bits8:
		for _, v := range p.Pix {
			dst = append(dst, float32(v))
		}
	case Bits16:
		for i := 0; i < len(p.Pix); i += 2 {
			dst = append(dst, float32(binary.LittleEndian.Uint16(p.Pix[i:])))
		}
	default:
		for i := 0; i < len(p.Pix); i += 4 {
			dst = append(dst, math.Float32frombits(binary.LittleEndian.Uint32(p.Pix[i:])))
		}
	}
	return dst
}

// fromSamples is the inverse of Samples; values are rounded half up and clipped to the range of the depth.
func (p Picture) fromSamples(v []float32) *Picture {
	p.Pix = make([]byte, 0, len(v)*int(p.Depth/8))
	for _, x := range v {
		switch p.Depth {
		case Bits8:
			p.Pix = append(p.Pix, uint8(min(max(math.Floor(float64(x)+0.5), 0), 255)))
		case Bits16:
			p.Pix = binary.LittleEndian.AppendUint16(p.Pix, uint16(min(max(math.Floor(float64(x)+0.5), 0), 65535)))
		default:
			p.Pix = binary.LittleEndian.AppendUint32(p.Pix, math.Float32bits(x))
		}
	}
	return &p
}

// Filter is the reconstruction kernel of a resize. The zero value is Lanczos.
type Filter = resample.Filter

// The filters, with Pillow's definitions.
const (
	Lanczos  = resample.Lanczos
	Bicubic  = resample.Bicubic
	Bilinear = resample.Bilinear
	Box      = resample.Box
)

// Resize scales to h rows and w columns with antialiasing, bit for bit as Pillow does.
// Colours are weighted by opacity in 8-bit pictures that have it.
func (p *Picture) Resize(h, w int, f Filter) (*Picture, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if h <= 0 || w <= 0 {
		return nil, fmt.Errorf("resize to %d x %d is not possible", h, w)
	}
	if h == p.Height && w == p.Width {
		return p, nil
	}
	out := *p
	out.Height, out.Width = h, w
	switch {
	case p.Depth == Bits8 && p.Alpha:
		pix := resample.Bytes(f, resample.Premultiply(p.Pix, p.Channels), p.Height, p.Width, p.Channels, h, w)
		out.Pix = resample.Unpremultiply(pix, p.Channels)
	case p.Depth == Bits8:
		out.Pix = resample.Bytes(f, p.Pix, p.Height, p.Width, p.Channels, h, w)
	case p.Depth == Bits16:
		return out.fromSamples(resample.Floats(f, p.Samples(nil), p.Height, p.Width, p.Channels, h, w, resample.Round16)), nil
	default:
		return out.fromSamples(resample.Floats(f, p.Samples(nil), p.Height, p.Width, p.Channels, h, w, nil)), nil
	}
	return &out, nil
}

// window copies h rows and w columns that start at (y, x), which may lie partly outside; there fill is used
// (one raw sample value for each channel).
func (p *Picture) window(y, x, h, w int, fill []float32) *Picture {
	if y == 0 && x == 0 && h == p.Height && w == p.Width {
		return p
	}
	out := *p
	out.Height, out.Width = h, w
	size := int(p.Depth/8) * p.Channels
	blank := Picture{Depth: p.Depth}.fromSamples(fill).Pix
	out.Pix = make([]byte, h*w*size)
	if y < 0 || x < 0 || y+h > p.Height || x+w > p.Width {
		for i := 0; i < len(out.Pix); i += size {
			copy(out.Pix[i:], blank)
		}
	}
	x0, x1 := max(x, 0), min(x+w, p.Width)
	for sy := max(y, 0); sy < min(y+h, p.Height) && x0 < x1; sy++ {
		copy(out.Pix[((sy-y)*w+x0-x)*size:], p.Pix[(sy*p.Width+x0)*size:(sy*p.Width+x1)*size])
	}
	return &out
}

// orient applies an EXIF orientation (1 … 8; JEITA CP-3451, table 6): rows and columns are read in another order.
func (p *Picture) orient(o int) *Picture {
	if o <= 1 || o > 8 {
		return p
	}
	out, size := *p, int(p.Depth/8)*p.Channels
	if o >= 5 {
		out.Height, out.Width = p.Width, p.Height
	}
	out.Pix = make([]byte, len(p.Pix))
	for y := range out.Height {
		for x := range out.Width {
			sy, sx := y, x
			if o >= 5 {
				sy, sx = x, y
			}
			if o == 3 || o == 4 || o == 6 || o == 7 {
				sy = p.Height - 1 - sy
			}
			if o == 2 || o == 3 || o == 7 || o == 8 {
				sx = p.Width - 1 - sx
			}
			copy(out.Pix[(y*out.Width+x)*size:][:size], p.Pix[(sy*p.Width+sx)*size:])
		}
	}
	return &out
}
