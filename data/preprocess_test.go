package data

import (
	"context"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ebb-ml/ebb/internal/rng"
)

// grid is a grey picture whose samples are 10·row + column.
func grid(h, w int) *Picture {
	p := &Picture{Height: h, Width: w, Channels: 1, Depth: Bits8}
	for i := range h * w {
		p.Pix = append(p.Pix, byte(10*(i/w)+i%w))
	}
	return p
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		fit  Fit
		h, w int
		want []byte
	}{
		{FitCrop, 2, 2, []byte{1, 2, 11, 12}},
		{FitPad, 4, 4, []byte{255, 255, 255, 255, 0, 1, 2, 3, 10, 11, 12, 13, 255, 255, 255, 255}},
		{FitStretch, 2, 4, []byte{0, 1, 2, 3, 10, 11, 12, 13}},
		{FitExact, 2, 4, []byte{0, 1, 2, 3, 10, 11, 12, 13}},
	} {
		pre := Preprocess{Height: c.h, Width: c.w, Fit: c.fit, Background: 1}
		p, err := pre.fit(grid(2, 4), nil)
		if err != nil || !slices.Equal(p.Pix, c.want) {
			t.Errorf("fit %d: %v, %v", c.fit, p, err)
		}
	}
	seen := map[byte]bool{}
	for i := range uint64(40) {
		s := rng.NewSequence(1, 1, i)
		pre := Preprocess{Height: 2, Width: 2, Fit: FitRandomCrop}
		p, err := pre.fit(grid(2, 4), &s)
		if err != nil {
			t.Fatal(err)
		}
		seen[p.Pix[0]] = true
	}
	if len(seen) != 3 {
		t.Errorf("random crops start at %v, want columns 0, 1 and 2", seen)
	}
}

// Whatever the shapes, a fit gives the size asked for.
func TestFitAlwaysFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 40)
		pre := Preprocess{
			Height: size.Draw(t, "h"), Width: size.Draw(t, "w"), Channels: rapid.IntRange(1, 4).Draw(t, "c"),
			Fit: rapid.SampledFrom([]Fit{FitCrop, FitRandomCrop, FitPad, FitStretch}).Draw(t, "fit"), Filter: Filter(rapid.IntRange(0, 3).Draw(t, "filter")),
		}
		src := randomSet(1, size.Draw(t, "sh"), size.Draw(t, "sw"), rapid.IntRange(1, 4).Draw(t, "sc")).pics[0]
		s := rng.NewSequence(1, 1, 1)
		p, err := pre.fit(src, &s)
		if err != nil {
			t.Fatal(err)
		}
		if p.Height != pre.Height || p.Width != pre.Width || p.Channels != pre.Channels || p.check() != nil {
			t.Fatalf("got %d x %d x %d", p.Height, p.Width, p.Channels)
		}
	})
}

func TestChannels(t *testing.T) {
	rgb := &Picture{Height: 1, Width: 2, Channels: 3, Depth: Bits8, Pix: []byte{255, 0, 0, 10, 20, 30}}
	rgba := &Picture{Height: 1, Width: 2, Channels: 4, Depth: Bits8, Alpha: true, Pix: []byte{255, 0, 0, 0, 100, 100, 100, 128}}
	for _, c := range []struct {
		p    *Picture
		c    int
		want []byte
	}{
		{rgb, 1, []byte{76, 18}}, // Pillow: 255·19595 >> 16 rounded; (10, 20, 30) is 18
		{rgb, 4, []byte{255, 0, 0, 255, 10, 20, 30, 255}},
		{rgb, 2, []byte{76, 255, 18, 255}},
		{rgba, 3, []byte{255, 255, 255, 177, 177, 177}}, // over white; (100·128 + 255·127) / 255 is 177.2
		{rgba, 4, rgba.Pix},
		{rgba, 1, []byte{255, 177}},
	} {
		p, err := c.p.WithChannels(c.c, 1)
		if err != nil || !slices.Equal(p.Pix, c.want) {
			t.Errorf("%d to %d channels: %v, %v", c.p.Channels, c.c, p, err)
		}
	}
	deep := &Picture{Height: 1, Width: 1, Channels: 1, Depth: Bits16, Pix: []byte{0x34, 0x12}}
	if p, err := deep.WithChannels(3, 0); err != nil || !slices.Equal(p.Pix, []byte{0x34, 0x12, 0x34, 0x12, 0x34, 0x12}) {
		t.Errorf("16 bits: %v, %v", p, err)
	}
	field := &Picture{Height: 1, Width: 1, Channels: 2, Depth: Float32, Pix: make([]byte, 8)}
	if _, err := field.WithChannels(3, 0); err == nil || !strings.Contains(err.Error(), "channels of data") {
		t.Errorf("a field became RGB: %v", err)
	}
}

func TestSplitSubsetConcat(t *testing.T) {
	a, b := randomSet(300, 2, 2, 1), randomSet(100, 3, 2, 1)
	b.classes = []string{"b", "c"}
	u := Concat(a, b)
	if !slices.Equal(u.Classes(), []string{"a", "b", "c"}) || u.Entry(300).Label != 1 || u.Entry(301).Label != 2 {
		t.Errorf("classes %v, labels %d %d", u.Classes(), u.Entry(300).Label, u.Entry(301).Label)
	}
	train, held, err := Split(context.Background(), u, 0.2, 1)
	if err != nil || train.Len()+held.Len() != 400 || held.Len() < 50 || held.Len() > 110 {
		t.Fatalf("%d and %d, %v", train.Len(), held.Len(), err)
	}
	if n := train.(*Union).Sizes(); len(n) != 2 || n[0]+n[1] != train.Len() {
		t.Errorf("sources of the training part: %v", n)
	}
	seen := map[string]bool{}
	for i := range held.Len() {
		p, _ := held.Picture(i)
		seen[string(p.Pix)] = true
	}
	for i := range train.Len() {
		if p, _ := train.Picture(i); seen[string(p.Pix)] {
			t.Fatal("a picture is on both sides")
		}
	}
	_, again, _ := Split(context.Background(), a, 0.2, 1) // without b: the same pictures of a
	for i := range again.Len() {
		if p, _ := again.Picture(i); !seen[string(p.Pix)] {
			t.Fatal("the side depends on other pictures")
		}
	}
	if _, _, err := Split(context.Background(), a, 1, 1); err == nil {
		t.Error("holding out everything was accepted")
	}
	s := Subset(u, 50, 3)
	if s.Len() != 50 || s.Entry(0) == Subset(u, 50, 4).Entry(0) && s.Entry(1) == Subset(u, 50, 4).Entry(1) && s.Entry(2) == Subset(u, 50, 4).Entry(2) {
		t.Errorf("%d pictures, or the seed does not matter", s.Len())
	}
	if First(u, 301).Entry(300) != u.Entry(300) || Subset(u, 0, 1).Len() != 400 {
		t.Error("First or Subset of all is wrong")
	}
}

func TestCheck(t *testing.T) {
	s := randomSet(20, 4, 4, 3)
	s.bad[0], s.bad[7] = true, true
	broken, err := Check(context.Background(), s, Preprocess{}, 0.1)
	if err != nil || len(broken) != 2 || broken[1].Name != "p7" {
		t.Errorf("broken %v, %v", broken, err)
	}
	if _, err := Check(context.Background(), s, Preprocess{}, 0.05); err == nil || !strings.Contains(err.Error(), "2 of 20 pictures") {
		t.Errorf("too many: %v", err)
	}
	s.pics[5] = grid(3, 4)
	if _, err := Check(context.Background(), s, Preprocess{}, 0.5); err == nil || !strings.Contains(err.Error(), "p5") {
		t.Errorf("wrong size: %v", err)
	}
	if _, err := Check(context.Background(), s, Preprocess{Fit: FitPad}, 0.5); err != nil {
		t.Errorf("padded: %v", err)
	}
}

func TestNames(t *testing.T) {
	for f := FitExact; f <= FitStretch; f++ {
		var g Fit
		if b, _ := f.MarshalText(); g.UnmarshalText(b) != nil || g != f {
			t.Errorf("fit %s does not come back", f)
		}
	}
	for p := PartTrain; p <= PartAll; p++ {
		var g Part
		if b, _ := p.MarshalText(); g.UnmarshalText(b) != nil || g != p {
			t.Errorf("part %s does not come back", p)
		}
	}
	for k := Moons; k <= Mixture; k++ {
		var g PointsKind
		if b, _ := k.MarshalText(); g.UnmarshalText(b) != nil || g != k {
			t.Errorf("kind %s does not come back", k)
		}
	}
	for f := Lanczos; f <= Box; f++ {
		var g Filter
		if b, _ := f.MarshalText(); g.UnmarshalText(b) != nil || g != f {
			t.Errorf("filter %s does not come back", f)
		}
	}
	var f Fit
	if err := f.UnmarshalText([]byte("squeeze")); err == nil || !strings.Contains(err.Error(), "random-crop") {
		t.Errorf("unknown fit: %v", err)
	}
}
