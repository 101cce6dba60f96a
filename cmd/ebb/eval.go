package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/assess"
	"github.com/ebb-ml/ebb/eval/report"
	"github.com/ebb-ml/ebb/recipe"
)

// evalCmd is the verb eval.
type evalCmd struct {
	modelFlags
	Data   []string `help:"Default: what the run held out." placeholder:"PATH" sep:"none"`
	Images int      `help:"How many, the first in the order of their names." default:"512"`
	Batch  int      `help:"Pictures or rows at once." default:"64"`

	TrainData []string `help:"For overfitting, copies, leaks, judges." placeholder:"PATH" sep:"none"`
	Samples   int      `help:"Of a report; default: 1000 pictures, no texts." placeholder:"N"`
	JSON      bool     `name:"json" help:"One line of JSON."`
	evalTextFlags
	reportFlags
	engineFlags
}

// Help is shown below the flags.
func (*evalCmd) Help() string {
	return `Measures the held-out error of the model's estimate of the noise (mean squared, so
that 1 is the worst), at ten noise levels: t = 50, 150, … 950 of 1000. Noise and
pictures are the same each time. Of a model of text: bits per character and per byte,
and the perplexity of a token, by the bound of the process (masking by count).

  ebb eval runs/mine --data held-out.zip --checkpoint best --json
  ebb eval runs/mine --data held-out.zip --train-data train.zip --out report`
}

// evalResult is the line of JSON.
type evalResult struct {
	Peer   string    `json:"peer"`
	Model  string    `json:"model"`
	Images int       `json:"images"`
	MSE    float64   `json:"heldout_mse"`
	PerT   []float64 `json:"per_t"`
	Levels []float64 `json:"t"`
	// Of the pictures estimated in one step from each level, on the scale of 0…255.
	MSEPerT  []float64     `json:"mse_per_t,omitempty"`
	PSNR     []float64     `json:"psnr,omitempty"`
	SSIM     []float64     `json:"ssim,omitempty"`
	CopyRate *float64      `json:"copy_rate,omitempty"`
	Figures  []eval.Figure `json:"figures,omitempty"` // of a whole report
	Notes    []string      `json:"notes,omitempty"`   // on the held-out pictures
}

const evalLevels = 10

// Run implements the verb.
func (c *evalCmd) Run(a *app) error {
	if c.Images < 1 || c.Batch < 1 {
		return usage(fmt.Errorf("--images %d --batch %d: give at least 1 of each", c.Images, c.Batch))
	}
	if c.Advise {
		return c.advise(a)
	}
	t, err := c.load()
	if err != nil {
		return err
	}
	ctx, stop := a.untilSignal()
	defer stop()
	if t.text != nil {
		return c.text(ctx, a, t)
	}
	set, err := c.pictures(ctx, t.config)
	if err != nil {
		return withCode(exitData, err)
	}
	defer set.Close()
	var notes []string
	if len(c.Data) > 0 {
		if notes, err = heldOutNotes(ctx, t.config, set); err != nil {
			return withCode(exitData, err)
		}
	}
	for _, n := range notes {
		fmt.Fprintln(a.stderr, "note: "+n)
	}
	engine, err := c.open()
	if err != nil {
		return err
	}
	defer engine.Finalize()
	subject := assess.Subject{Config: t.config, Model: t.model, Weights: t.weights, Engine: engine, HeldOut: set, Seen: t.images}
	if c.wanted() {
		return c.wholeReport(ctx, a, t, subject)
	}
	r, err := c.measure(ctx, subject, t.seen)
	if err != nil {
		return err
	}
	r.Notes = notes
	return r.print(a.stdout, c.JSON)
}

// wholeReport measures everything, writes the report and says what is in it.
func (c *evalCmd) wholeReport(ctx context.Context, a *app, t *trained, subject assess.Subject) (err error) {
	e, err := c.examine(ctx, a, t, subject)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	r, err := e.report(ctx)
	if err != nil {
		return err
	}
	if c.Out != "" {
		if err := writeReport(a, c.Out, r); err != nil {
			return err
		}
	}
	if !c.JSON {
		return r.Table(a.stdout)
	}
	line, err := c.measure(ctx, subject, t.seen)
	if err != nil {
		return err
	}
	return line.whole(r).print(a.stdout, true)
}

// pictures are those to measure on.
func (c *evalCmd) pictures(ctx context.Context, config recipe.Config) (data.Set, error) {
	if len(c.Data) == 0 {
		sets, err := config.Open(ctx)
		if err != nil {
			return nil, err
		}
		if sets.Valid == nil {
			return nil, errors.Join(fmt.Errorf("the run holds no pictures out: name some with --data"), sets.Close())
		}
		if config.Data.Source != recipe.Files { // drawn in order, and a million of them
			return data.First(sets.Valid, c.most()), nil
		}
		return recipe.FirstByName(sets.Valid, c.most()), nil
	}
	config.Data.Source, config.Data.Paths, config.Data.Limit, config.HeldOut.Images = recipe.Files, c.Data, 0, 0
	set, err := config.OpenAll(ctx)
	if err != nil {
		return nil, err
	}
	return recipe.FirstByName(recipe.Relabel(set, config.Data.Classes), c.most()), nil
}

// most is how many held-out pictures are of use: a report holds samples against twice their number, half of them real against real.
func (c *evalCmd) most() int {
	if c.wanted() {
		return max(c.Images, 2*c.drawn())
	}
	return c.Images
}

// measure is the error by noise level.
func (c *evalCmd) measure(ctx context.Context, s assess.Subject, seen string) (evalResult, error) {
	r := evalResult{Peer: "ebb-" + version, Model: seen, Images: min(c.Images, s.HeldOut.Len())}
	pictures := s.Config.Data.Source != recipe.Points
	levels, err := s.ByLevel(ctx, assess.Settings{Images: c.Images, Levels: evalLevels, Batch: min(c.Batch, s.HeldOut.Len()), Seed: 1}, pictures)
	if err != nil {
		return r, err
	}
	mean := 0.0
	for _, l := range levels {
		mean += l.Eps / float64(len(levels))
		r.PerT, r.Levels = append(r.PerT, rounded(l.Eps)), append(r.Levels, rounded(l.T))
		if pictures {
			r.MSEPerT, r.PSNR = append(r.MSEPerT, rounded(l.MSE)), append(r.PSNR, rounded(l.PSNR))
		}
		if l.SSIM != 0 {
			r.SSIM = append(r.SSIM, rounded(l.SSIM))
		}
	}
	r.MSE = rounded(mean)
	return r, nil
}

func rounded(v float64) float64 { return math.Round(v*1e6) / 1e6 }

// whole adds the figures of a report.
func (r evalResult) whole(rep *report.Report) evalResult {
	for _, s := range rep.Sections {
		r.Figures = append(r.Figures, s.Figures...)
		if s.Key == "copies" && len(s.Figures) > 0 {
			rate := float64(s.Figures[0].Value)
			r.CopyRate = &rate
		}
	}
	return r
}

func (r evalResult) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	_, err := fmt.Fprintf(w, "%s on %d pictures: held-out error of the noise estimate %.5f\n", r.Model, r.Images, r.MSE)
	for i, t := range r.Levels {
		line := fmt.Sprintf("  t %7.1f  error %.5f", t, r.PerT[i])
		if i < len(r.PSNR) {
			line += fmt.Sprintf("   picture estimated in one step: PSNR %5.2f", r.PSNR[i])
		}
		if i < len(r.SSIM) {
			line += fmt.Sprintf("  SSIM %.4f", r.SSIM[i])
		}
		_, e := fmt.Fprintln(w, line)
		err = errors.Join(err, e)
	}
	return err
}
