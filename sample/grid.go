package sample

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/draw"
	"image/png"
	"io"
)

// gap is the space between the pictures of a grid, in pixels.
const gap = 1

// Grid lays pictures of one size out in rows of the given number of columns.
func Grid(pictures []*image.NRGBA, columns int) (*image.NRGBA, error) {
	if len(pictures) == 0 || columns < 1 {
		return nil, fmt.Errorf("sample: a grid of %d pictures in %d columns", len(pictures), columns)
	}
	size := pictures[0].Bounds().Size()
	columns = min(columns, len(pictures))
	rows := (len(pictures) + columns - 1) / columns
	grid := image.NewNRGBA(image.Rect(0, 0, columns*(size.X+gap)-gap, rows*(size.Y+gap)-gap))
	draw.Draw(grid, grid.Bounds(), image.Black, image.Point{}, draw.Src)
	for i, p := range pictures {
		if p.Bounds().Size() != size {
			return nil, fmt.Errorf("sample: picture %d of a grid is %v, the first is %v", i, p.Bounds().Size(), size)
		}
		at := image.Pt(i%columns*(size.X+gap), i/columns*(size.Y+gap))
		draw.Draw(grid, image.Rectangle{Min: at, Max: at.Add(size)}, p, p.Bounds().Min, draw.Src)
	}
	return grid, nil
}

// Text is a keyword and a text that a PNG file carries.
type Text struct{ Key, Value string }

// WritePNG writes a picture with texts, so that it says how it was made.
func WritePNG(w io.Writer, m image.Image, texts ...Text) error {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		return err
	}
	return AddTexts(w, b.Bytes(), texts...)
}

// AddTexts writes a PNG file with texts in tEXt and, where they are not Latin-1, iTXt chunks (PNG specification, third edition, sections
// 11.3.3.2 and 11.3.3.4).
func AddTexts(w io.Writer, file []byte, texts ...Text) error {
	const header = 8 + 25 // signature and IHDR, after which texts may stand
	if len(file) < header || string(file[1:4]) != "PNG" {
		return fmt.Errorf("sample: %d bytes that are no PNG file", len(file))
	}
	out := append([]byte(nil), file[:header]...)
	for _, t := range texts {
		chunk, err := t.chunk()
		if err != nil {
			return err
		}
		out = append(out, chunk...)
	}
	_, err := w.Write(append(out, file[header:]...))
	return err
}

// chunk is the text as a PNG chunk: length, type, data, CRC.
func (t Text) chunk() ([]byte, error) {
	if len(t.Key) < 1 || len(t.Key) > 79 {
		return nil, fmt.Errorf("sample: a PNG keyword of %d bytes: 1 to 79 are allowed", len(t.Key))
	}
	kind, data := "tEXt", []byte(t.Key+"\x00")
	for _, r := range t.Value {
		if r > 0xff || r == 0 {
			kind = "iTXt"
		}
	}
	if kind == "iTXt" {
		data = append(append(data, 0, 0, 0, 0), t.Value...) // not compressed, no language, no translated keyword
	} else {
		for _, r := range t.Value {
			data = append(data, byte(r))
		}
	}
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	chunk = append(append(chunk, kind...), data...)
	return binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:])), nil
}
