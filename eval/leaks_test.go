package eval

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"testing"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/internal/testkit"
)

// cifar opens pictures that tests may read but that are not in the repository.
func cifar(t *testing.T, name string) data.Set {
	t.Helper()
	path := "../../shared/data/" + name
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no %s: this test needs real pictures (ARCHITECTURE.md)", path)
	}
	s, err := data.Open(context.Background(), path, data.OpenOptions{Part: data.PartAll})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// changes are what is done to planted pictures before they are saved by JPEG at quality 75.
var changes = []struct {
	name   string
	change func(p *data.Picture, i int) (*data.Picture, error)
}{
	{"saved anew", func(p *data.Picture, _ int) (*data.Picture, error) { return p, nil }},
	{"mirrored", func(p *data.Picture, _ int) (*data.Picture, error) { return flip(p), nil }},
	{"brighter", func(p *data.Picture, i int) (*data.Picture, error) {
		out := *p
		out.Pix = nil
		for _, v := range p.Pix {
			out.Pix = append(out.Pix, uint8(min(float64(v)*(0.8+0.1*float64(i%5)), 255)))
		}
		return &out, nil
	}},
	{"cropped", func(p *data.Picture, i int) (*data.Picture, error) { return crop(p, 28+i%4, i%3, i%2) }},
	{"mirrored and cropped", func(p *data.Picture, i int) (*data.Picture, error) { return crop(flip(p), 29+i%3, i%2, i%3%2) }},
}

// crop keeps side x side pixels from (y, x) on and enlarges them to the old size.
func crop(p *data.Picture, side, y, x int) (*data.Picture, error) {
	y, x = min(y, p.Height-side), min(x, p.Width-side)
	out := *p
	out.Height, out.Width, out.Pix = side, side, nil
	for row := range side {
		out.Pix = append(out.Pix, p.Pix[((y+row)*p.Width+x)*p.Channels:][:side*p.Channels]...)
	}
	return out.Resize(p.Height, p.Width, data.Bicubic)
}

func saved(p *data.Picture) (*data.Picture, error) {
	m := image.NewNRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i := range p.Height * p.Width {
		m.Set(i%p.Width, i/p.Width, color.NRGBA{p.Pix[3*i], p.Pix[3*i+1], p.Pix[3*i+2], 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 75}); err != nil {
		return nil, err
	}
	return data.Decode(b.Bytes(), 1<<20)
}

// Among 380 held-out pictures 20 are changed training pictures, 5 %: all must be found, and hardly anything else. CIFAR-10 has
// true near-duplicates between its parts, so that a few more may be.
func TestPlantedLeaksAreFound(t *testing.T) {
	train, valid := data.Subset(cifar(t, "cifar10-train.zip"), 1500, 1), data.Subset(cifar(t, "cifar10-valid.zip"), 380, 1)
	held := list{}
	for i := range valid.Len() {
		p, err := valid.Picture(i)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, p)
	}
	for i := range 20 {
		p, err := train.Picture(61 * i)
		if err != nil {
			t.Fatal(err)
		}
		if p, err = changes[i%5].change(p, i); err == nil {
			p, err = saved(p)
		}
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, p)
	}
	exact, err := train.Picture(4)
	if err != nil {
		t.Fatal(err)
	}
	held = append(held, exact)
	leaks, err := FindLeaks(context.Background(), testkit.Backend(t), train, held, nil)
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]Leak{}
	for _, l := range leaks {
		found[l.HeldOut] = l
	}
	for i := range 20 {
		if l, ok := found[380+i]; !ok || l.Train != 61*i {
			t.Errorf("training picture %d, %s, was not found: %+v", 61*i, changes[i%5].name, l)
		}
	}
	if l := found[400]; l.Train != 4 || l.Similarity < 0.9999 {
		t.Errorf("an exact copy: %+v", l)
	}
	if others := len(leaks) - 21; others > 6 {
		t.Errorf("%d of 380 pictures that were not planted are taken for leaks", others)
	}
}
