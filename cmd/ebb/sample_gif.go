package main

import (
	"fmt"
	"image"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"io"
	"math"

	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/sample"
)

// film records how samples come out of noise: a grid for each noise level.
type film struct {
	t      *trained
	frames [][]*image.NRGBA // by level, all samples
	frame  int              // next of the batch being drawn
	last   float64          // level of the frame before
	err    error
}

// Times between frames of a GIF, in hundredths of a second.
const (
	frameDelay = 8
	lastDelay  = 200
)

// mostFilmed bounds the pixels of all frames together: the frames are kept until the last sample is drawn.
const mostFilmed = 1 << 28

// newFilm lets a request be recorded.
func newFilm(t *trained, r *sample.Request) (*film, error) {
	if t.config.Data.Source == recipe.Points {
		return nil, usage(fmt.Errorf("--gif: points make no pictures"))
	}
	frames := len(r.Levels)
	if pixels := frames * r.Count * t.model.Height * t.model.Width; pixels > mostFilmed {
		return nil, usage(fmt.Errorf("--gif: %d frames of %d pictures are %d million pixels, at most %d are recorded: draw fewer with -n, or take fewer --steps",
			frames, r.Count, pixels>>20, mostFilmed>>20))
	}
	f := &film{t: t, frames: make([][]*image.NRGBA, frames), last: math.Inf(1)}
	r.Watch = f.watch
	return f, nil
}

// watch records the samples of a batch at a level. Samplers that look at a level twice, or go back, are recorded once.
func (f *film) watch(_ int, x []float32, sigma float64) {
	if sigma >= f.last || f.err != nil || f.frame >= len(f.frames)-1 {
		return
	}
	f.last = sigma
	alpha, _ := diffusion.VP.AlphaSigma(sigma) // the scale at which noise and picture look alike bright
	shown := make([]float32, len(x))
	for i, v := range x {
		shown[i] = v * float32(alpha)
	}
	f.add(f.frame, shown)
	f.frame++
}

// finish records the finished samples of a batch.
func (f *film) finish(x []float32) error {
	f.add(len(f.frames)-1, x)
	f.frame, f.last = 0, math.Inf(1)
	return f.err
}

func (f *film) add(frame int, x []float32) {
	batch, err := f.t.model.Views(x)
	f.frames[frame], f.err = append(f.frames[frame], batch...), err
}

// write makes an animated GIF.
func (f *film) write(path string, columns int) error {
	g := &gif.GIF{}
	for i, all := range f.frames {
		if len(all) == 0 { // a sampler that skips a level
			continue
		}
		grid, err := sample.Grid(all, columns)
		if err != nil {
			return err
		}
		frame := image.NewPaletted(grid.Bounds(), palette.Plan9)
		draw.FloydSteinberg.Draw(frame, frame.Bounds(), grid, image.Point{})
		delay := frameDelay
		if i == len(f.frames)-1 {
			delay = lastDelay
		}
		g.Image, g.Delay = append(g.Image, frame), append(g.Delay, delay)
	}
	return withCode(exitIO, replaceFile(path, func(w io.Writer) error { return gif.EncodeAll(w, g) }))
}
