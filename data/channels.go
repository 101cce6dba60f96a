package data

import (
	"encoding/binary"
	"fmt"
)

// WithChannels converts between grey, grey with opacity, RGB and RGB with opacity (1 to 4 channels). Colour becomes grey
// by ITU-R 601-2 luma with Pillow's integer weights; opacity that the result has no room for is used up by laying the
// picture over background (0 black to 1 white); opacity that is new is full. Other channel counts cannot be converted.
func (p *Picture) WithChannels(c int, background float64) (*Picture, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	opacity := c == 2 || c == 4
	if c == p.Channels && (p.Alpha || !opacity || p.Depth == Float32) {
		return p, nil
	}
	if p.Channels > 4 || c < 1 || c > 4 || p.Depth == Float32 || (p.Channels%2 == 0 && !p.Alpha) {
		if c == p.Channels {
			return p, nil
		}
		return nil, fmt.Errorf("a picture with %d channels of data cannot be turned into %d channels", p.Channels, c)
	}
	q := p
	if p.Alpha && !opacity {
		q = q.flatten(background)
	}
	return q.rearrange(c), nil
}

// at returns sample i as an integer.
func (p *Picture) at(i int) uint32 {
	if p.Depth == Bits8 {
		return uint32(p.Pix[i])
	}
	return uint32(binary.LittleEndian.Uint16(p.Pix[2*i:]))
}

// put appends an integer sample.
func (p *Picture) put(v uint32) {
	if p.Depth == Bits8 {
		p.Pix = append(p.Pix, uint8(v))
	} else {
		p.Pix = binary.LittleEndian.AppendUint16(p.Pix, uint16(v))
	}
}

// empty is a picture of the same size with c channels and room for its samples.
func (p *Picture) empty(c int, alpha bool) *Picture {
	out := *p
	out.Channels, out.Alpha = c, alpha
	out.Pix = make([]byte, 0, out.samples()*int(p.Depth/8))
	return &out
}

// flatten lays the picture over a uniform background and drops the opacity channel.
func (p *Picture) flatten(background float64) *Picture {
	c, white := p.Channels-1, uint32(p.scale())
	out := p.empty(c, false)
	under := uint32(min(max(background, 0), 1)*p.scale() + 0.5)
	for i := 0; i < p.samples(); i += p.Channels {
		a := uint64(p.at(i + c))
		for j := range c {
			sum := uint64(p.at(i+j))*a + uint64(under)*(uint64(white)-a)
			out.put(uint32((sum + uint64(white)/2) / uint64(white)))
		}
	}
	return out
}

// rearrange changes the number of colour channels and adds or keeps opacity; p has none that c lacks.
func (p *Picture) rearrange(c int) *Picture {
	colours, has := p.Channels, p.Alpha
	if has {
		colours--
	}
	wants := c == 2 || c == 4
	out := p.empty(c, wants)
	for i := 0; i < p.samples(); i += p.Channels {
		r, g, b := p.at(i), p.at(i+colours/2), p.at(i+colours-1)
		switch {
		case c >= 3:
			out.put(r)
			out.put(g)
			out.put(b)
		case colours == 1:
			out.put(r)
		default:
			out.put(uint32((uint64(r)*19595 + uint64(g)*38470 + uint64(b)*7471 + 0x8000) >> 16))
		}
		if wants && has {
			out.put(p.at(i + colours))
		} else if wants {
			out.put(uint32(p.scale()))
		}
	}
	return out
}
