package data

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/data/internal/parse"
)

// goldens returns the files of testdata/pictures.zip.
func goldens(t testing.TB) map[string][]byte {
	t.Helper()
	z, err := zip.OpenReader("testdata/pictures.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if out[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	return out
}

// Every format is compared with what Pillow decodes it to. Lossless formats must agree exactly; lossy ones differ by the
// rounding of their transforms.
func TestDecodeAgainstPillow(t *testing.T) {
	files := goldens(t)
	count := 0
	for name, b := range files {
		want, ok := files[name+".npy"]
		if !ok {
			continue
		}
		count++
		a, err := parse.NPY(want)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Decode(b, 1<<20)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c := 1
		if len(a.Shape) == 3 {
			c = a.Shape[2]
		}
		if p.Height != a.Shape[0] || p.Width != a.Shape[1] || p.Channels != c || int(p.Depth) != 8*a.Type.Size() || p.Alpha != (c == 2 || c == 4) {
			t.Errorf("%s: %d x %d x %d, %d bits, alpha %v; want %v of %s", name, p.Height, p.Width, p.Channels, p.Depth, p.Alpha, a.Shape, a.Type)
			continue
		}
		limit, mean := tolerance(name)
		worst, sum := difference(p, a)
		if worst > limit || sum > mean*float64(p.samples()) {
			t.Errorf("%s: samples differ by up to %d from Pillow (mean %.3f), allowed %d (%.3f)", name, worst, sum/float64(p.samples()), limit, mean)
		}
	}
	if count < 50 {
		t.Errorf("only %d files compared", count)
	}
}

func tolerance(name string) (worst int, mean float64) {
	switch {
	case name == "cmyk.jpg":
		return 2, 0.1
	case strings.HasSuffix(name, ".jpg"):
		return 3, 0.12
	case strings.HasPrefix(name, "lossy"):
		return 2, 0.1
	}
	return 0, 0
}

func difference(p *Picture, a parse.Array) (worst int, sum float64) {
	for i := range p.samples() {
		want := int(a.Data[min(i, len(a.Data)-1)])
		if p.Depth == Bits16 {
			want = int(binary.LittleEndian.Uint16(a.Data[2*i:]))
		}
		d := int(p.at(i)) - want
		worst = max(worst, d, -d)
		sum += float64(max(d, -d))
	}
	return worst, sum
}

// A bomb must be refused from its header: this PNG claims 2^31-1 x 2^31-1 pixels in under 100 bytes.
func TestBombs(t *testing.T) {
	files := goldens(t)
	big := bytes.Clone(files["rgb.png"])
	binary.BigEndian.PutUint32(big[16:], 60000)
	binary.BigEndian.PutUint32(big[20:], 60000)
	fixPNG(big)
	if _, err := Decode(big, 64<<20); err == nil || !strings.Contains(err.Error(), "60000 x 60000") {
		t.Errorf("PNG bomb: %v", err)
	}
	webp := bytes.Clone(files["lossless.webp"])
	webp[21], webp[22] = 0xff, 0xff // width and height of the VP8L frame
	webp[23] = 0xff
	if _, err := Decode(webp, 1<<20); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("WebP bomb: %v", err)
	}
	for _, name := range []string{"rgb.png", "s420.jpg", "rgb.bmp", "rgb.tiff", "palette.gif", "lossless.webp"} {
		if _, err := Decode(files[name], 100); err == nil || !strings.Contains(err.Error(), "limit") {
			t.Errorf("%s under a limit of 100 pixels: %v", name, err)
		}
		if _, err := Decode(files[name][:len(files[name])*2/3], 1<<20); err == nil {
			t.Errorf("%s was cut short and decoded without an error", name)
		}
	}
	if _, err := Decode([]byte("hello"), 100); err == nil || !strings.Contains(err.Error(), "not a picture") {
		t.Errorf("text: %v", err)
	}
}

// fixPNG recomputes the checksum of the header chunk.
func fixPNG(b []byte) {
	binary.BigEndian.PutUint32(b[29:], crcIEEE(b[12:29]))
}

func FuzzDecode(f *testing.F) {
	files := goldens(f)
	for name, b := range files {
		if !strings.HasSuffix(name, ".npy") {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b, 1<<16)
		if err != nil {
			return
		}
		if err := p.check(); err != nil {
			t.Error(err)
		}
		for c := 1; c <= 4; c++ {
			if _, err := p.WithChannels(c, 1); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzOrientation(f *testing.F) {
	files := goldens(f)
	for _, n := range []string{"turn3.png", "turn5.webp", "turn7.jpg", "turn.tiff"} {
		f.Add(files[n])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if o := orientation(b); o < 1 || o > 8 {
			t.Errorf("orientation %d", o)
		}
	})
}
