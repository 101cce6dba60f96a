package data

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/ebb-ml/ebb/internal/rng/rngtest"
)

// pixels is the digest of some pictures of a set.
func pixels(t *testing.T, s Set) string {
	t.Helper()
	var all []any
	for i := range min(s.Len(), 50) {
		p, err := s.Picture(i)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p.Pix)
	}
	return rngtest.Digest(t, all...)
}

// A seed must go on giving the same batches, splits and drawn pictures, bit for bit: runs resume. These digests are of the first version;
// where one changes, every stored seed changes its meaning.
func TestDrawsNeverChange(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("other processors fuse multiplication and addition, which may change a last bit")
	}
	const seed = 1<<40 + 5
	glyphs, err := NewGlyphs(GlyphsConfig{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	points, err := NewPoints(Mixture, 100, seed)
	if err != nil {
		t.Fatal(err)
	}
	s := Concat(randomSet(23, 7, 9, 3), randomSet(40, 7, 9, 3))
	train, _, err := Split(context.Background(), s, 0.3, seed)
	if err != nil {
		t.Fatal(err)
	}
	batches := func(s Set, c LoaderConfig) string {
		c.Batch, c.Seed, c.Workers = 8, seed, 1
		l := newLoader(t, s, c)
		var all []any
		for step := range int64(20) {
			b := batch(t, l, step)
			all = append(all, b.Images, b.Labels, b.Augment, b.Index)
		}
		return rngtest.Digest(t, all...)
	}
	order, err := newOrder(seed, false, []int{1000}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ what, got, want string }{
		{"glyphs", pixels(t, glyphs), "9888410eee61f668"},
		{"points", pixels(t, points), "a1bb49fcff2f88c3"},
		{"split", pixels(t, train), "d43266c4c5ce80ba"},
		{"subset", pixels(t, Subset(s, 17, seed)), "187be2befbd29166"},
		{"sheet", fmt.Sprint(sheetItems(s, 2, 5, seed)), "[47 41 61 49 53 13 11 5 32 3]"},
		{"replacements of broken pictures", fmt.Sprint(order.replacement(7, 0), order.replacement(7, 1), order.replacement(8, 0)), "10 12 720"},
		{"batches with everything", batches(s, LoaderConfig{Preprocess: everything}), "03a41239c349c4bd"},
		{"batches with weights", batches(s, LoaderConfig{Weights: []float64{3, 1}}), "109c27946e0ba669"},
		{"mirrored batches", batches(s, LoaderConfig{Preprocess: Preprocess{FlipX: true, FlipY: true}}), "e52ab860799afb48"},
	} {
		if c.got != c.want {
			t.Errorf("%s: digest %s, want %s", c.what, c.got, c.want)
		}
	}
}
