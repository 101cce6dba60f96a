package text

import (
	"context"
	"testing"

	"github.com/ebb-ml/ebb/internal/rng/rngtest"
)

// A seed must go on giving the same batches, splits and equations: runs resume. These digests are of the first version; where one changes,
// every stored seed changes its meaning.
func TestDrawsNeverChange(t *testing.T) {
	tokens, err := Tokenize(context.Background(), labelled(1000), NewBytes(true))
	if err != nil {
		t.Fatal(err)
	}
	train, held, err := tokens.Split(0.1, 1<<40+5)
	if err != nil {
		t.Fatal(err)
	}
	batches := func(p *Part, packing Packing) string {
		l, err := NewLoader(p, LoaderConfig{Batch: 7, Length: 9, Packing: packing, Seed: 1<<50 + 3})
		if err != nil {
			t.Fatal(err)
		}
		var all []any
		for step := range int64(200) { // several epochs of the held-out part
			b, err := l.Batch(step)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b.Tokens, b.Class, b.Index)
		}
		return rngtest.Digest(t, all...)
	}
	var equations []any
	for d, err := range (Equations{Documents: 50, Each: 10, Max: 99, Seed: 1<<45 + 1}).All() {
		if err != nil {
			t.Fatal(err)
		}
		equations = append(equations, d.Text)
	}
	for _, c := range []struct{ what, got, want string }{
		{"training part", rngtest.Digest(t, train.before), "527c0ab91315387f"},
		{"packed", batches(train, Packed), "56ce42816eafa7a5"},
		{"packed, held out", batches(held, Packed), "a151b6f78cd4bc20"},
		{"separate, held out", batches(held, Separate), "7a6e643dbfa68a3d"},
		{"equations", rngtest.Digest(t, equations...), "0eed94fa37a359dc"},
	} {
		if c.got != c.want {
			t.Errorf("%s: digest %s, want %s", c.what, c.got, c.want)
		}
	}
}
