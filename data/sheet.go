package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"

	"github.com/ebb-ml/ebb/internal/rng"
)

// Image turns a picture into an image of Go's standard library: grey, RGB or with opacity. Depth is reduced to 8 bits;
// floats are shown with -1 as black and +1 as white; of more than four channels the first three are shown.
func (p *Picture) Image() (*image.NRGBA, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	m := image.NewNRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i := range p.Height * p.Width {
		v := [4]uint8{0, 0, 0, 255}
		for ch := range min(p.Channels, 4) {
			v[ch] = p.byteAt(i*p.Channels + ch)
		}
		if p.Channels <= 2 {
			a := uint8(255)
			if p.Alpha {
				a = v[1]
			}
			v = [4]uint8{v[0], v[0], v[0], a}
		}
		if p.Channels > 2 && !p.Alpha {
			v[3] = 255
		}
		copy(m.Pix[4*i:], v[:])
	}
	return m, nil
}

// byteAt is sample i as 8 bits.
func (p *Picture) byteAt(i int) uint8 {
	switch p.Depth {
	case Bits8:
		return p.Pix[i]
	case Bits16:
		return p.Pix[2*i+1]
	}
	v := float64(math.Float32frombits(binary.LittleEndian.Uint32(p.Pix[4*i:])))
	return uint8(min(max((v+1)*127.5+0.5, 0), 255))
}

// ContactSheet draws up to rows x columns pictures of a set, side pixels each, chosen by seed; where there are labels
// each row shows one class, the classes in turn. Broken pictures leave a red cell.
func ContactSheet(s Set, rows, columns, side int, seed uint64) (*image.NRGBA, error) {
	if rows <= 0 || columns <= 0 || side <= 0 || rows*columns*side*side > 1<<28 {
		return nil, fmt.Errorf("data: a contact sheet of %d x %d cells of %d pixels is not possible", rows, columns, side)
	}
	if s.Len() == 0 {
		return nil, errors.New("data: the set is empty")
	}
	const gap = 2
	sheet := image.NewNRGBA(image.Rect(0, 0, columns*(side+gap)+gap, rows*(side+gap)+gap))
	draw.Draw(sheet, sheet.Bounds(), image.NewUniform(color.Gray{Y: 128}), image.Point{}, draw.Src)
	for n, i := range sheetItems(s, rows, columns, seed) {
		if i < 0 {
			continue
		}
		at := image.Pt(gap+n%columns*(side+gap), gap+n/columns*(side+gap))
		cell := image.Rectangle{Min: at, Max: at.Add(image.Pt(side, side))}
		m, err := thumbnail(s, i, side)
		if err != nil {
			draw.Draw(sheet, cell, image.NewUniform(color.NRGBA{R: 200, A: 255}), image.Point{}, draw.Src)
			continue
		}
		draw.Draw(sheet, cell, m, image.Point{}, draw.Over)
	}
	return sheet, nil
}

// thumbnail fits a picture into a square.
func thumbnail(s Set, i, side int) (*image.NRGBA, error) {
	p, err := s.Picture(i)
	if err != nil {
		return nil, err
	}
	pad := Preprocess{Height: side, Width: side, Fit: FitPad, Background: 0.5}
	if p.Height < side && p.Width < side {
		pad.Filter = Box // whole pixels of small pictures
	}
	if p, err = pad.fit(p, nil); err != nil {
		return nil, err
	}
	return p.Image()
}

// sheetItems chooses the pictures of a sheet, -1 for an empty cell, walking through the set in an order given by seed.
func sheetItems(s Set, rows, columns int, seed uint64) []int {
	out := make([]int, rows*columns)
	for i := range out {
		out[i] = -1
	}
	classes, left := len(s.Classes()), len(out)
	filled := make([]int, rows)
	perm := rng.NewPerm(s.Len(), seed, drawSheet, 0)
	for n := 0; n < min(s.Len(), 100_000) && left > 0; n++ {
		i := perm.At(n)
		label := int(s.Entry(i).Label)
		for row := range rows {
			if filled[row] < columns && (classes == 0 || row%classes == label) {
				out[row*columns+filled[row]] = i
				filled[row]++
				left--
				break
			}
		}
	}
	return out
}
