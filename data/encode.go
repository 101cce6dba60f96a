package data

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// EncodePNG writes a picture as a PNG file of its own number of channels and bits (PNG specification, third edition): grey, grey with
// opacity, RGB, RGB with opacity, of 8 or 16 bits. Decode gives the same picture back. Floats and more channels do not fit; see WriteNPY.
func (p *Picture) EncodePNG(w io.Writer) error {
	if err := p.check(); err != nil {
		return err
	}
	colour, ok := map[int]byte{1: 0, 2: 4, 3: 2, 4: 6}[p.Channels]
	if !ok || p.Depth == Float32 {
		return fmt.Errorf("data: a picture of %d channels and %d bits is no PNG", p.Channels, p.Depth)
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(p.Width))
	head = binary.BigEndian.AppendUint32(head, uint32(p.Height))
	head = append(head, byte(p.Depth), colour, 0, 0, 0)
	var body bytes.Buffer
	z := zlib.NewWriter(&body)
	if err := p.filtered(z); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	out := []byte("\x89PNG\r\n\x1a\n")
	for _, c := range []struct {
		kind string
		data []byte
	}{{"IHDR", head}, {"IDAT", body.Bytes()}, {"IEND", nil}} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(c.data)))
		at := len(out)
		out = append(append(out, c.kind...), c.data...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[at:]))
	}
	_, err := w.Write(out)
	return err
}

// filtered writes the rows, each with the filter that leaves the least sum of absolute differences (section 12.7 of the specification).
func (p *Picture) filtered(w io.Writer) error {
	pixel := p.Channels * int(p.Depth/8) // bytes
	size := p.Width * pixel
	above, row, best, try := make([]byte, size), make([]byte, size), make([]byte, size+1), make([]byte, size+1)
	for y := range p.Height {
		copy(row, p.Pix[y*size:])
		if p.Depth == Bits16 {
			for i := 0; i < size; i += 2 {
				row[i], row[i+1] = row[i+1], row[i]
			}
		}
		least := -1
		for kind := range byte(5) {
			try[0] = kind
			sum := filterRow(try[1:], row, above, pixel, kind)
			if least < 0 || sum < least {
				least = sum
				best, try = try, best
			}
		}
		if _, err := w.Write(best); err != nil {
			return err
		}
		above, row = row, above
	}
	return nil
}

// filterRow is one of the filters of section 9: dst gets the differences of a row to what is left of it and above it. It returns the sum
// of their absolute values.
func filterRow(dst, row, above []byte, pixel int, kind byte) (sum int) {
	for i, v := range row {
		var a, c byte // to the left, and above that
		if i >= pixel {
			a, c = row[i-pixel], above[i-pixel]
		}
		b := above[i]
		switch kind {
		case 1:
			v -= a
		case 2:
			v -= b
		case 3:
			v -= byte((int(a) + int(b)) / 2)
		case 4:
			v -= paeth(int(a), int(b), int(c))
		}
		dst[i] = v
		sum += max(int(int8(v)), -int(int8(v)))
	}
	return sum
}

// paeth is the one of a, b and c that is nearest to a + b - c.
func paeth(a, b, c int) byte {
	p := a + b - c
	da, db, dc := max(p-a, a-p), max(p-b, b-p), max(p-c, c-p)
	switch {
	case da <= db && da <= dc:
		return byte(a)
	case db <= dc:
		return byte(b)
	}
	return byte(c)
}

// WriteNPY writes pictures of one size as an array in NumPy's format, version 1.0: (n, height, width, channels) of uint8, uint16 or float32.
// Open reads it.
func WriteNPY(w io.Writer, pictures []*Picture) error {
	if len(pictures) == 0 {
		return fmt.Errorf("data: no pictures to write")
	}
	first := pictures[0]
	kind := map[Depth]string{Bits8: "|u1", Bits16: "<u2", Float32: "<f4"}[first.Depth]
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d, %d, %d), }", kind, len(pictures), first.Height, first.Width, first.Channels)
	const before = 10 // magic, version and length; with the header a multiple of 64
	header += fmt.Sprintf("%*s\n", (64-(before+len(header)+1)%64)%64, "")
	out := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(header)))
	if _, err := w.Write(append(out, header...)); err != nil {
		return err
	}
	for i, p := range pictures {
		if p.Height != first.Height || p.Width != first.Width || p.Channels != first.Channels || p.Depth != first.Depth {
			return fmt.Errorf("data: picture %d of an array is %d x %d x %d of %d bits, the first is %d x %d x %d of %d", i,
				p.Height, p.Width, p.Channels, p.Depth, first.Height, first.Width, first.Channels, first.Depth)
		}
		if _, err := w.Write(p.Pix); err != nil {
			return err
		}
	}
	return nil
}
