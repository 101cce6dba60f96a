package eval_test

import (
	"context"
	"fmt"

	"github.com/ebb-ml/ebb/backend"
	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
)

// Two samples of generated letters show no difference; inverted ones do.
func Example() {
	ctx := context.Background()
	engine, err := backend.Open(backend.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer engine.Finalize()
	features := func(seed uint64) eval.Matrix {
		glyphs, err := data.NewGlyphs(data.GlyphsConfig{Size: 16, Seed: seed})
		if err != nil {
			fmt.Println(err)
			return eval.Matrix{}
		}
		m, err := eval.Extract(ctx, data.First(glyphs, 200), eval.PixelSpace(8), nil)
		if err != nil {
			fmt.Println(err)
		}
		return m
	}
	x, y := features(1), features(2)
	kid, err := eval.KID(ctx, engine, "pixels-8", x, y)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(kid.Name, kid.N, "no difference shown:", kid.Interval.Contains(0))
	for i := range x.Data { // inverted pictures
		x.Data[i] = 1 - x.Data[i]
	}
	if kid, err = eval.KID(ctx, engine, "pixels-8", x, y); err == nil {
		fmt.Println(kid.Name, kid.N, "no difference shown:", kid.Interval.Contains(0))
	}
	// Output:
	// KID-pixels-8 200 no difference shown: true
	// KID-pixels-8 200 no difference shown: false
}
