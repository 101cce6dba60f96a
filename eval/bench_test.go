package eval_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/ebb-ml/ebb/backend"
	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/internal/rng"
)

func noise(n, d int, seed uint64) eval.Matrix {
	m := eval.NewMatrix(n, d)
	for i := range n {
		rng.Stream{Seed: seed, Index: uint64(i)}.Normals(m.Row(i))
	}
	return m
}

// pixels is a set of pictures of noise.
type pixels struct {
	n    int
	seed uint64
}

func (p pixels) Len() int                          { return p.n }
func (p pixels) Entry(i int) data.Entry            { return data.Entry{Name: fmt.Sprintf("%06d", i), Label: -1} }
func (p pixels) Hash(int) (h data.Hash, err error) { return h, nil }
func (p pixels) Classes() []string                 { return nil }
func (p pixels) Notes() []string                   { return nil }
func (p pixels) Close() error                      { return nil }
func (p pixels) Picture(i int) (*data.Picture, error) {
	out := &data.Picture{Height: 32, Width: 32, Channels: 3, Depth: data.Bits8, Pix: make([]byte, 32*32*3)}
	for k := range out.Pix {
		out.Pix[k] = byte(rng.Mix64(p.seed + uint64(i*len(out.Pix)+k)))
	}
	return out, nil
}

// BenchmarkPeers has the works of testdata/peers.py, in full size (with -short, a fifth of the
// queries): run it with -benchtime 1x.
func BenchmarkPeers(b *testing.B) {
	ctx := context.Background()
	engine, err := backend.Open(backend.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Finalize()
	b.Run("distances", func(b *testing.B) {
		x, y := noise(10000, 2048, 1), noise(10000, 2048, 2)
		for b.Loop() {
			if _, err := eval.Distances(ctx, engine, x, y); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("neighbours", func(b *testing.B) {
		queries := 10000
		if testing.Short() {
			queries = 2048
		}
		x, y := noise(queries, 3072, 1), noise(50000, 3072, 2)
		for b.Loop() {
			if _, err := eval.Nearest(ctx, engine, x, y, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ssim", func(b *testing.B) {
		for b.Loop() { // the time includes making the pictures and MSE
			if _, err := eval.ComparePairs(ctx, pixels{10000, 1}, pixels{10000, 2}, eval.PairMeasures{SSIM: true}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
