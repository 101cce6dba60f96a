package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/assess"
	"github.com/ebb-ml/ebb/eval/features"
	"github.com/ebb-ml/ebb/eval/plot"
	"github.com/ebb-ml/ebb/internal/enum"
	"github.com/ebb-ml/ebb/recipe"
)

// evalSweepCmd is the verb eval sweep.
type evalSweepCmd struct {
	Path       string             `arg:"" name:"run" help:"Run, or model folder."`
	Checkpoint string             `help:"Which checkpoint of a run: last, best or a step." default:"last"`
	Data       []string           `help:"Pictures not trained on; default: what the run held out." placeholder:"PATH" sep:"none"`
	Samplers   []diffusion.Method `help:"Samplers to try." default:"ddim,dpmpp-2m,heun" placeholder:"NAME,…"`
	Steps      []int              `help:"Numbers of steps." default:"10,20,50" placeholder:"N,…"`
	Guidance   []float64          `help:"Strengths of guidance; 1: none; default: as in the run's [sample]." placeholder:"SCALE,…"`
	Averages   []string           `help:"Weights: raw, an average, or sigma-WIDTH from snapshots; default: the first average." placeholder:"NAME,…"`
	Measure    sweepMeasure       `help:"fd (Fréchet distance) or kid." default:"fd" placeholder:"NAME"`
	Features   string             `help:"Its feature space: dct, pixels, train (a classifier made for it), or a file of Inception-v3 or DINOv2 weights." default:"dct" placeholder:"NAME"`
	Resize     features.Resize    `help:"How a network of features gets pictures of its size: tensorflow, torch, clean, pillow; default: as its published figures." default:"default" placeholder:"WAY"`
	Samples    int                `help:"Samples of the settings that get to the end." default:"1000"`
	Batch      int                `help:"Samples at once; default: as in the run."`
	Seed       uint64             `help:"Of the samples." default:"1"`
	TrainData  []string           `help:"Training pictures, for --features train; default: the run's own." placeholder:"PATH" sep:"none"`
	Write      bool               `help:"Make the recommendation the run's [sample]."`
	Out        string             `help:"Folder for sweep.json, sweep.svg and samples' features; default: RUN/sweep." placeholder:"DIR"`
	JSON       bool               `name:"json" help:"One line of JSON."`
	engineFlags
}

// Help is shown below the flags.
func (*evalSweepCmd) Help() string {
	return `Tries every sampler with every number of steps, guidance and average. All begin with
few samples; those that others beat at no more cost drop out, the rest get more, from
the same seeds. Cost is calls of the network for a sample: heun takes two a step,
guidance doubles. The same command goes on where it was stopped.

  ebb eval sweep runs/mine --data held-out.zip
  ebb eval sweep runs/mine --samplers dpmpp-2m,heun --steps 8,12,20 --guidance 1,1.5,2 --write`
}

// sweepMeasure is a measure of ebb eval sweep.
type sweepMeasure int

const (
	sweepFD sweepMeasure = iota
	sweepKID
)

var sweepNames = enum.New[sweepMeasure]("eval", "measure of a sweep", "fd", "kid")

func (m sweepMeasure) String() string                   { return sweepNames.Name(m) }
func (m sweepMeasure) MarshalText() ([]byte, error)     { return sweepNames.Marshal(m) }
func (m *sweepMeasure) UnmarshalText(text []byte) error { return sweepNames.Unmarshal(m, text) }

// distance is the measure as a function of features.
func (m sweepMeasure) distance() eval.Measure {
	if m == sweepKID {
		return eval.KID
	}
	return eval.Frechet
}

// paired is the measure for differences, in which what is the same for both sides falls out.
func (m sweepMeasure) paired() eval.Measure {
	if m == sweepKID {
		return eval.KID
	}
	return assess.PlainFrechet
}

// cell is one way of drawing samples.
type cell struct {
	Sampler  diffusion.Method `json:"sampler"`
	Steps    int              `json:"steps"`
	Guidance float64          `json:"guidance"`
	Weights  string           `json:"weights"`
}

func (c cell) String() string {
	s := fmt.Sprintf("%v, %d steps", c.Sampler, c.Steps)
	if c.Guidance != 1 {
		s += fmt.Sprintf(", guidance %g", c.Guidance)
	}
	return s + ", " + c.Weights
}

// calls is how often the network is called for a sample. A guided call is two: with the class and without.
func (c cell) calls() int {
	n := diffusion.NewSampler(c.Sampler).Evaluations(c.Steps)
	if c.Guidance != 1 {
		n *= 2
	}
	return n
}

// cells are all combinations.
func (c *evalSweepCmd) cells() (all []cell) {
	for _, w := range c.Averages {
		for _, m := range c.Samplers {
			for _, g := range c.Guidance {
				for _, n := range c.Steps {
					all = append(all, cell{m, n, g, w})
				}
			}
		}
	}
	return all
}

// fewestSwept is how many samples settings must be judged by at least.
const fewestSwept = 40

// complete checks the flags and fills in what the run says.
func (c *evalSweepCmd) complete(config recipe.Config, m *recipe.Model) error {
	if c.Samples < fewestSwept {
		return fmt.Errorf("--samples %d: the order of settings cannot be told from fewer than %d samples", c.Samples, fewestSwept)
	}
	if config.Data.Source == recipe.Points {
		return errors.New("a sweep measures samples against pictures, and this is a model of points")
	}
	if min(m.Height, m.Width) < 8 && c.Features == dctFeatures {
		return errors.New("--features dct needs pictures of at least 8 x 8 pixels: take pixels")
	}
	if len(c.Guidance) == 0 {
		c.Guidance = []float64{config.Sample.Guidance}
	}
	for _, g := range c.Guidance {
		if g != 1 && len(m.Classes) == 0 {
			return fmt.Errorf("--guidance %g: the model knows no classes that it could be guided to; leave --guidance out", g)
		}
		if !(g >= 0) {
			return fmt.Errorf("--guidance %g: must not be negative", g)
		}
	}
	for _, n := range c.Steps {
		if n < 1 {
			return fmt.Errorf("--steps %d: give at least 1", n)
		}
	}
	if c.Out == "" {
		c.Out = filepath.Join(c.Path, "sweep")
	}
	if c.Batch == 0 {
		c.Batch = config.Sample.Batch
	}
	return nil
}

// Run implements the verb.
func (c *evalSweepCmd) Run(a *app) error {
	ctx, stop := a.untilSignal()
	defer stop()
	s, err := c.open(ctx, a)
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := s.run(ctx)
	if err != nil {
		return endedBy(ctx, err, "stopped; what was drawn is in "+c.Out+", the same command goes on")
	}
	if err := errors.Join(writeWhole(filepath.Join(c.Out, "sweep.json"), func(w io.Writer) error { return r.print(w, true) }),
		writeWhole(filepath.Join(c.Out, "sweep.svg"), r.chart().SVG)); err != nil {
		return withCode(exitIO, err)
	}
	if err := r.print(a.stdout, c.JSON); err != nil || !c.Write {
		return err
	}
	return c.adopt(a, r.rows[r.recommended].cell, s.models[0].config)
}

// endedBy is the error of work that a signal ended, which says how to go on; any other is returned as it is.
func endedBy(ctx context.Context, err error, message string) error {
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return err
	case errors.Is(cause, errInterrupt):
		return withCode(exitBreak, errors.New(message))
	default:
		return withCode(exitStopped, errors.New(message))
	}
}

// adopt makes a cell the default of a run and of its model.
func (c *evalSweepCmd) adopt(a *app, best cell, config recipe.Config) error {
	for _, dir := range []string{c.Path, filepath.Join(c.Path, "model")} {
		own, err := readConfig(filepath.Join(dir, configFile))
		if err != nil {
			if os.IsNotExist(err) && dir != c.Path {
				continue
			}
			return err
		}
		own.Sample.Method, own.Sample.Steps, own.Sample.Guidance = best.Sampler, best.Steps, best.Guidance
		if err := writeConfig(writeInto(dir), own); err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "%s: [sample] is now %v, %d steps, guidance %g\n", filepath.Join(dir, configFile), best.Sampler, best.Steps, best.Guidance)
	}
	if used := defaultWeights(config); weightsIn(c.Path) == "" && best.Weights != used {
		fmt.Fprintf(a.stderr, "the run goes on using %s: say --weights %s where you draw, or see ebb average\n", used, best.Weights)
	}
	return nil
}

// defaultWeights names the weights that a run uses where no others are asked for.
func defaultWeights(c recipe.Config) string {
	if len(c.Train.Averages) > 0 {
		return c.Train.Averages[0].String()
	}
	return "raw"
}

// sweepRow is what a cell was found to be.
type sweepRow struct {
	cell
	Calls  int         `json:"calls"` // of the network, for a sample
	Figure eval.Figure `json:"figure"`
	Last   bool        `json:"last"`   // it got to the end
	Pareto bool        `json:"pareto"` // of those
	Note   string      `json:"note,omitempty"`
}

// sweepResult is what a sweep found.
type sweepResult struct {
	measure     string // with its feature space
	samples     int
	reference   int
	rows        []sweepRow
	recommended int
	why         string
}

// print writes the table, the cheapest first, or one line of JSON.
func (r *sweepResult) print(w io.Writer, asJSON bool) error {
	best := r.rows[r.recommended]
	if asJSON {
		return json.NewEncoder(w).Encode(map[string]any{"measure": r.measure, "samples": r.samples, "reference": r.reference, "cells": r.rows,
			"recommended": best.cell, "why": r.why})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %d samples against %d held-out pictures; cost in calls of the network for a sample\n\n", r.measure, r.samples, r.reference)
	fmt.Fprintf(&b, "  %6s  %10s  %-24s  %s\n", "calls", "distance", "95 % interval", "")
	order := make([]int, len(r.rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { // those that got farthest first, the cheapest of them first
		return cmp.Or(r.rows[j].Figure.N-r.rows[i].Figure.N, r.rows[i].Calls-r.rows[j].Calls)
	})
	for _, i := range order {
		row, mark := r.rows[i], " "
		if row.Pareto {
			mark = "*"
		}
		note := row.String()
		if !row.Last {
			note += fmt.Sprintf(" (dropped at %d samples)", row.Figure.N)
		}
		if i == r.recommended {
			note += "  <- recommended"
		}
		interval := fmt.Sprintf("%.4g … %.4g", row.Figure.Interval.Low, row.Figure.Interval.High)
		fmt.Fprintf(&b, "%s %6d  %10.4g  %-24s  %s\n", mark, row.Calls, float64(row.Figure.Value), interval, note)
	}
	fmt.Fprintf(&b, "\n* nothing that costs no more is nearer. Recommended: %v: %s.\n  ebb sample … --sampler %v --steps %d --guidance %s --weights %s\n", best.cell, r.why,
		best.Sampler, best.Steps, strconv.FormatFloat(best.Guidance, 'g', -1, 64), best.Weights)
	_, err := io.WriteString(w, b.String())
	return err
}

// chart shows quality against cost, of those that got to the end.
func (r *sweepResult) chart() *plot.Chart {
	c := &plot.Chart{Title: "Quality against cost", X: "calls of the network for a sample", Y: fmt.Sprintf("%s of %d samples", r.measure, r.samples), LogX: true}
	bySampler := map[diffusion.Method]int{}
	front := plot.Series{Name: "Pareto set", Style: plot.Dashed}
	order := slices.Clone(r.rows)
	slices.SortStableFunc(order, func(a, b sweepRow) int { return a.Calls - b.Calls })
	for _, row := range order {
		if !row.Last {
			continue
		}
		k, there := bySampler[row.Sampler]
		if !there {
			k = len(c.Series)
			bySampler[row.Sampler] = k
			c.Series = append(c.Series, plot.Series{Name: row.Sampler.String(), Style: plot.Points})
		}
		s, v := &c.Series[k], row.Figure
		s.X, s.Y = append(s.X, float64(row.Calls)), append(s.Y, float64(v.Value))
		s.Low, s.High = append(s.Low, v.Interval.Low), append(s.High, v.Interval.High)
		if row.Pareto {
			front.X, front.Y = append(front.X, float64(row.Calls)), append(front.Y, float64(v.Value))
		}
	}
	c.Series = append(c.Series, front)
	best := r.rows[r.recommended]
	c.Marks = []plot.Mark{{X: float64(best.Calls), Y: float64(best.Figure.Value), Text: "recommended"}}
	return c
}
