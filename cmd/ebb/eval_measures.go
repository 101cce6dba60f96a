package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/assess"
	"github.com/ebb-ml/ebb/internal/enum"
	"github.com/gomlx/compute"
)

// pictureMeasure is a measure of ebb eval pictures.
type pictureMeasure int

const (
	measureMSE pictureMeasure = iota
	measurePSNR
	measureSSIM
	measureMSSSIM
	measureFDDCT
	measureFDPixels
	measureFD
	measureFDInf
	measureKID
	measurePrecision
	measureRecall
	measureDensity
	measureCoverage
	measureSW2
	measureMMD
	measureFID
	measureSFID
	measureIS
)

var measureNames = enum.New[pictureMeasure]("eval", "measure", "mse", "psnr", "ssim", "ms-ssim", "fd-dct", "fd-pixels", "fd", "fd-inf", "kid",
	"precision", "recall", "density", "coverage", "sw2", "mmd", "fid", "sfid", "is")

func (m pictureMeasure) String() string                   { return measureNames.Name(m) }
func (m pictureMeasure) MarshalText() ([]byte, error)     { return measureNames.Marshal(m) }
func (m *pictureMeasure) UnmarshalText(text []byte) error { return measureNames.Unmarshal(m, text) }

// paired says whether pictures are compared one by one.
func (m pictureMeasure) paired() bool { return m <= measureMSSSIM }

// defaultMeasures are those taken when none is asked for: all that the features allow, but mmd, which says the same as kid, and fd where it has a
// name of its own.
func defaultMeasures(features string, f assess.Features) (all []pictureMeasure) {
	own := features != dctFeatures && features != pixelFeatures
	for _, m := range measureNames.Values() {
		switch m {
		case measureMMD:
			continue
		case measureFD:
			if !own || f.FID {
				continue
			}
		case measureFID, measureSFID, measureIS:
			if _, err := m.space(f); err != nil {
				continue
			}
		}
		all = append(all, m)
	}
	return all
}

// space is where a measure is taken, given the features asked for.
func (m pictureMeasure) space(f assess.Features) (eval.Space, error) {
	switch m {
	case measureFDDCT:
		return eval.DCTSpace(), nil
	case measureFDPixels:
		return eval.PixelSpace(pixelSide), nil
	case measureFID:
		if !f.FID {
			return eval.Space{}, usage(errors.New("fid needs --features FILE with the weights of the FID's Inception (pt_inception-2015-12-05 as safetensors); of other features take fd"))
		}
	case measureSFID, measureIS:
		space := f.Spatial
		if m == measureIS {
			space = f.Probabilities
		}
		if space.Name == "" {
			return space, usage(fmt.Errorf("%v needs --features FILE with weights of Inception-v3", m))
		}
		return space, nil
	}
	return f.Space, nil
}

// distances computes measures of distributions.
type distances struct {
	*compared
	ctx      context.Context
	features assess.Features
	manifold *eval.Manifold
}

// measured is a figure, and for distances what real pictures get against each other.
type measured struct {
	eval.Figure
	Real    *eval.Figure `json:"real,omitempty"`
	measure pictureMeasure
}

// figure computes one measure.
func (d *distances) figure(m pictureMeasure) (measured, error) {
	space, err := m.space(d.features)
	if err != nil {
		return measured{}, err
	}
	x, err := d.vectors(d.ctx, space)
	if err != nil {
		return measured{}, err
	}
	var out measured
	switch {
	case m >= measurePrecision && m <= measureCoverage:
		out, err = d.share(m, space, x)
	case m == measureIS:
		out, err = inceptionScores(space, x)
	default:
		out, err = d.distance(m, space, x)
	}
	out.measure, out.Figure = m, d.features.Named(out.Figure)
	if out.Real != nil {
		named := d.features.Named(*out.Real)
		out.Real = &named
	}
	return out, err
}

// distance is one of the measures that real pictures can be given beside.
func (d *distances) distance(m pictureMeasure, space eval.Space, x *[2]eval.Matrix) (measured, error) {
	f := d.function(m)
	value, err := f(d.ctx, d.engine, space.Name, x[0], x[1])
	out := measured{Figure: value}
	if err != nil || m == measureFDInf {
		return out, err
	}
	// as many on each side as were measured, if there are as many real ones, else half of them
	n := min(x[0].N, x[1].N/2)
	if base, err := eval.RealAgainstReal(d.ctx, d.engine, f, space.Name, x[1], n, d.seed); err == nil {
		out.Real = &base
	}
	return out, context.Cause(d.ctx)
}

// inceptionScores are those of both sides.
func inceptionScores(space eval.Space, x *[2]eval.Matrix) (out measured, err error) {
	if out.Figure, err = eval.InceptionScore(space.Name, x[0]); err != nil {
		return out, err
	}
	base, err := eval.InceptionScore(space.Name, x[1])
	out.Real = &base
	return out, err
}

// function is the measure as a function of features.
func (d *distances) function(m pictureMeasure) eval.Measure {
	switch m {
	case measureKID:
		return eval.KID
	case measureMMD:
		return func(ctx context.Context, b compute.Backend, space string, x, y eval.Matrix) (eval.Figure, error) {
			return eval.MMD(ctx, b, space, x, y, 0)
		}
	case measureSW2:
		return func(ctx context.Context, b compute.Backend, space string, x, y eval.Matrix) (eval.Figure, error) {
			return eval.SlicedWasserstein(ctx, b, space, x, y, 512, d.seed)
		}
	case measureFDInf:
		return func(ctx context.Context, b compute.Backend, space string, x, y eval.Matrix) (eval.Figure, error) {
			return eval.ExtrapolateFrechet(ctx, b, space, x, y, d.seed)
		}
	}
	return eval.Frechet
}

// share is one of the four that are computed together.
func (d *distances) share(m pictureMeasure, space eval.Space, x *[2]eval.Matrix) (measured, error) {
	if d.manifold == nil {
		all, err := eval.NewManifold(d.ctx, d.engine, space.Name, x[0], x[1])
		if err != nil {
			return measured{}, err
		}
		d.manifold = &all
	}
	f := map[pictureMeasure]eval.Figure{measurePrecision: d.manifold.Precision, measureRecall: d.manifold.Recall,
		measureDensity: d.manifold.Density, measureCoverage: d.manifold.Coverage}[m]
	return measured{Figure: f}, nil
}

// pictureResult is what ebb eval pictures found.
type pictureResult struct {
	N, Reference int
	Features     string
	Figures      []measured
	Notes        []string
}

// MarshalJSON writes paired measures as numbers and the others as objects, under their names with underscores.
func (r *pictureResult) MarshalJSON() ([]byte, error) {
	out := map[string]any{"n": r.N, "reference_n": r.Reference, "features": r.Features}
	intervals := map[string]eval.Interval{}
	for _, f := range r.Figures {
		key := strings.ReplaceAll(f.measure.String(), "-", "_")
		out[key] = f
		if f.measure.paired() {
			out[key], intervals[key] = f.Value, f.Interval
		}
	}
	if len(intervals) > 0 {
		out["intervals"] = intervals
	}
	if len(r.Notes) > 0 {
		out["notes"] = r.Notes
	}
	return json.Marshal(out)
}

func (r *pictureResult) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d pictures against %d\n  %-22s %12s  %-26s %s\n", r.N, r.Reference, "", "value", "95 % interval", "real against real")
	for _, f := range r.Figures {
		real := ""
		if f.Real != nil {
			real = fmt.Sprintf("%.5g (n = %d)", f.Real.Value, f.Real.N)
		}
		interval := fmt.Sprintf("%.5g … %.5g", f.Interval.Low, f.Interval.High)
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %-22s %12.5g  %-26s %s", f.Name, f.Value, interval, real), " ") + "\n")
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "- %s\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
