package data

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

// Every kind of picture comes back from its file as it was, and Go's decoder takes the file.
func TestEncodePNG(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &Picture{Height: rapid.IntRange(1, 9).Draw(t, "h"), Width: rapid.IntRange(1, 9).Draw(t, "w"), Channels: rapid.IntRange(1, 4).Draw(t, "c"),
			Depth: rapid.SampledFrom([]Depth{Bits8, Bits16}).Draw(t, "depth")}
		p.Alpha = p.Channels%2 == 0
		n := p.samples() * int(p.Depth/8)
		p.Pix = rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "pix")
		var b bytes.Buffer
		if err := p.EncodePNG(&b); err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(bytes.NewReader(b.Bytes())); err != nil {
			t.Fatal(err)
		}
		q, err := Decode(b.Bytes(), 100)
		if err != nil {
			t.Fatal(err)
		}
		if q.Height != p.Height || q.Width != p.Width || q.Channels != p.Channels || q.Depth != p.Depth || q.Alpha != p.Alpha || !bytes.Equal(q.Pix, p.Pix) {
			t.Fatalf("%+v became %+v", p, q)
		}
	})
	for _, p := range []*Picture{{Height: 1, Width: 1, Channels: 1, Depth: Float32, Pix: make([]byte, 4)}, {Height: 1, Width: 1, Channels: 5, Depth: Bits8, Pix: make([]byte, 5)},
		{Height: 1, Width: 1, Channels: 1, Depth: Bits8}} {
		if p.EncodePNG(new(bytes.Buffer)) == nil {
			t.Errorf("%+v became a PNG file", p)
		}
	}
}

// An array of pictures is read back by Open as it was written.
func TestWriteNPY(t *testing.T) {
	for _, depth := range []Depth{Bits8, Bits16, Float32} {
		var all []*Picture
		for i := range 3 {
			p := Picture{Height: 2, Width: 5, Channels: 3, Depth: depth}
			v := make([]float32, p.samples())
			for j := range v {
				v[j] = float32(i*len(v) + j)
			}
			all = append(all, p.fromSamples(v))
		}
		var b bytes.Buffer
		if err := WriteNPY(&b, all); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), "x.npy")
		if err := os.WriteFile(name, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		set, err := Open(t.Context(), name, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range all {
			q, err := set.Picture(i)
			if err != nil || q.Depth != depth || q.Channels != 3 || !bytes.Equal(p.Pix, q.Pix) {
				t.Errorf("%d bits: picture %d became %+v, %v", depth, i, q, err)
			}
		}
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	}
	if WriteNPY(new(bytes.Buffer), nil) == nil {
		t.Error("an array of nothing was written")
	}
	if WriteNPY(new(bytes.Buffer), []*Picture{{Height: 1, Width: 1, Channels: 1, Depth: Bits8, Pix: []byte{1}}, {Height: 1, Width: 2, Channels: 1, Depth: Bits8, Pix: []byte{1, 2}}}) == nil {
		t.Error("pictures of two sizes became an array")
	}
}
