package data

import (
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
)

// fromImage copies a decoded image with the channels and depth that its file has.
func fromImage(m image.Image, format string, file []byte) *Picture {
	b := m.Bounds()
	p := &Picture{Height: b.Dy(), Width: b.Dx(), Depth: Bits8}
	switch m := m.(type) {
	case *image.Gray:
		return p.rows8(m.Pix, m.Stride, 1, 1)
	case *image.Gray16:
		return p.rows16(m.Pix, m.Stride, 1, 1)
	case *image.YCbCr:
		p.Channels = 3
		p.Pix = fromYCbCr(m, format == "WebP")
		return p
	case *image.RGBA:
		if m.Opaque() {
			return p.rows8(m.Pix, m.Stride, 4, 3)
		}
	case *image.RGBA64:
		if m.Opaque() {
			return p.rows16(m.Pix, m.Stride, 4, 3)
		}
	case *image.NRGBA:
		if format == "WebP" && !webpAlpha(file) {
			return p.rows8(m.Pix, m.Stride, 4, 3)
		}
		return greyAlpha(p.rows8(m.Pix, m.Stride, 4, 4), format, file)
	case *image.NRGBA64:
		return greyAlpha(p.rows16(m.Pix, m.Stride, 4, 4), format, file)
	case *image.NYCbCrA:
		return fromNYCbCrA(m)
	case *image.Paletted:
		return fromPaletted(m)
	}
	flat := image.NewNRGBA(image.Rect(0, 0, p.Width, p.Height)) // CMYK, and TIFFs with premultiplied opacity
	draw.Draw(flat, flat.Bounds(), m, b.Min, draw.Src)
	if flat.Opaque() {
		return p.rows8(flat.Pix, flat.Stride, 4, 3)
	}
	return p.rows8(flat.Pix, flat.Stride, 4, 4)
}

// rows8 keeps the first c of every n 8-bit samples.
func (p *Picture) rows8(pix []uint8, stride, n, c int) *Picture {
	p.Channels, p.Alpha = c, c == 4
	p.Pix = make([]byte, p.samples())
	at := 0
	for y := range p.Height {
		row := pix[y*stride:][:p.Width*n]
		if n == c {
			at += copy(p.Pix[at:], row)
			continue
		}
		for x := 0; x < len(row); x += n {
			at += copy(p.Pix[at:], row[x:x+c])
		}
	}
	return p
}

// rows16 keeps the first c of every n big-endian 16-bit samples.
func (p *Picture) rows16(pix []uint8, stride, n, c int) *Picture {
	p.Channels, p.Alpha, p.Depth = c, c == 4, Bits16
	p.Pix = make([]byte, 0, 2*p.samples())
	for y := range p.Height {
		row := pix[y*stride:][:p.Width*n*2]
		for x := 0; x < len(row); x += 2 * n {
			for j := range c {
				p.Pix = binary.LittleEndian.AppendUint16(p.Pix, binary.BigEndian.Uint16(row[x+2*j:]))
			}
		}
	}
	return p
}

// greyAlpha turns what Go widened from grey with opacity (PNG colour types 0 and 4) back into two channels.
func greyAlpha(p *Picture, format string, file []byte) *Picture {
	const colourType = 25 // in IHDR, always the first chunk
	if format != "PNG" || len(file) <= colourType || (file[colourType] != 0 && file[colourType] != 4) {
		return p
	}
	out := p.empty(2, true)
	for i := 0; i < p.samples(); i += 4 {
		out.put(p.at(i))
		out.put(p.at(i + 3))
	}
	return out
}

// webpAlpha reads the hint in the header of a lossless frame that opacity is used.
func webpAlpha(file []byte) bool {
	b := chunk(file, 12, binary.LittleEndian, "VP8L", false)
	return len(b) >= 5 && b[4]&0x10 != 0
}

func fromNYCbCrA(m *image.NYCbCrA) *Picture {
	p := &Picture{Height: m.Rect.Dy(), Width: m.Rect.Dx(), Channels: 4, Depth: Bits8, Alpha: true}
	rgb := fromYCbCr(&m.YCbCr, true)
	p.Pix = make([]byte, p.samples())
	for i := range p.Height * p.Width {
		copy(p.Pix[4*i:], rgb[3*i:3*i+3])
		p.Pix[4*i+3] = m.A[i/p.Width*m.AStride+i%p.Width]
	}
	return p
}

// fromPaletted looks colours up: RGB, RGBA if any is transparent, grey if all are grey (as in every grey BMP).
func fromPaletted(m *image.Paletted) *Picture {
	table, alpha, grey := make([]color.NRGBA, 256), false, true
	for i, c := range m.Palette {
		v := color.NRGBAModel.Convert(c).(color.NRGBA)
		table[i] = v
		alpha = alpha || v.A != 255
		grey = grey && v.R == v.G && v.G == v.B
	}
	p := &Picture{Height: m.Rect.Dy(), Width: m.Rect.Dx(), Channels: 3, Depth: Bits8, Alpha: alpha}
	switch {
	case alpha:
		p.Channels = 4
	case grey:
		p.Channels = 1
	}
	p.Pix = make([]byte, 0, p.samples())
	for y := range p.Height {
		for _, v := range m.Pix[y*m.Stride:][:p.Width] {
			c := table[v]
			p.Pix = append(p.Pix, []byte{c.R, c.G, c.B, c.A}[:p.Channels]...)
		}
	}
	return p
}
