package assess

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"math"

	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/report"
)

// Points measures how near drawn points come to held-out ones, and shows where both lie.
func (s *Subject) Points(ctx context.Context, c Settings) (report.Section, error) {
	section := report.Section{Title: "Distribution of points"}
	drawn, err := s.drawPoints(ctx, c)
	if err != nil {
		return section, err
	}
	real := eval.Matrix{N: 0, D: s.size()}
	if err := s.batches(ctx, s.HeldOut, drawn.N, c.Batch, func(_ int, x []float32, labels []int32) error {
		real.Data, real.N = append(real.Data, x...), real.N+len(labels)
		return nil
	}); err != nil {
		return section, err
	}
	drawn = drawn.Rows(0, min(drawn.N, real.N))
	mmd, err := eval.MMD(ctx, s.Engine, "points", drawn, real, 0)
	if err != nil {
		return section, err
	}
	sliced, err := eval.SlicedWasserstein(ctx, s.Engine, "points", drawn, real, 256, c.Seed)
	if err != nil {
		return section, err
	}
	section.Figures = []eval.Figure{mmd, sliced}
	for _, m := range []struct {
		of      eval.Matrix
		caption string
	}{{drawn, "density of drawn points"}, {real, "density of held-out points"}} {
		picture, err := density(m.of, m.caption)
		if err != nil {
			return section, err
		}
		section.Pictures = append(section.Pictures, picture)
	}
	return section, nil
}

// drawPoints draws samples as numbers of the network's scale.
func (s *Subject) drawPoints(ctx context.Context, c Settings) (eval.Matrix, error) {
	g, err := s.generator()
	if err != nil {
		return eval.Matrix{}, err
	}
	defer g.Finalize()
	r := s.Request
	r.Seed, r.Count = c.Seed, c.Samples
	out := eval.Matrix{D: s.size()}
	err = g.Draw(ctx, r, func(_ int, x []float32) error {
		out.Data, out.N = append(out.Data, x...), out.N+len(x)/out.D
		return nil
	})
	return out, err
}

// density draws how many points lie where in the plane of their first two numbers, from -3 to 3.
func density(m eval.Matrix, caption string) (report.Picture, error) {
	const side, reach = 64, 3
	counts, most := make([]float64, side*side), 0.0
	for i := range m.N {
		row := m.Row(i)
		x, y := int((row[0]+reach)/(2*reach)*side), side-1
		if m.D > 1 {
			y = int((row[1] + reach) / (2 * reach) * side)
		}
		if x >= 0 && x < side && y >= 0 && y < side {
			at := (side-1-y)*side + x
			counts[at]++
			most = max(most, counts[at])
		}
	}
	picture := image.NewNRGBA(image.Rect(0, 0, side, side))
	for i, n := range counts {
		v := math.Sqrt(n / max(most, 1))
		picture.SetNRGBA(i%side, i/side, color.NRGBA{uint8(255 - 235*v), uint8(255 - 190*v), uint8(255 - 90*v), 255})
	}
	var b bytes.Buffer
	err := png.Encode(&b, picture)
	return report.Picture{Caption: caption, PNG: b.Bytes(), Pixelated: true}, err
}
