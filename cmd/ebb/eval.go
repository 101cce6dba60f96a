package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/event"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
)

// evalCmd is the verb eval.
type evalCmd struct {
	modelFlags
	Data   []string `help:"Pictures to measure on; default: the run's held-out ones." placeholder:"PATH" sep:"none"`
	Images int      `help:"How many, the first in the order of their names." default:"512"`
	Batch  int      `help:"Pictures at once." default:"64"`
	JSON   bool     `name:"json" help:"One line of JSON."`
	engineFlags
}

// Help is shown below the flags.
func (*evalCmd) Help() string {
	return `Measures the held-out error of the model's estimate of the noise (mean squared, so
that 1 is the worst), at ten noise levels: t = 50, 150, … 950 of 1000. Noise and
pictures are the same each time.

  ebb eval runs/mine --data held-out.zip
  ebb eval runs/mine --data held-out.zip --checkpoint best --json`
}

// evalResult is the line of JSON.
type evalResult struct {
	Peer   string    `json:"peer"`
	Model  string    `json:"model"`
	Images int       `json:"images"`
	MSE    float64   `json:"heldout_mse"`
	PerT   []float64 `json:"per_t"`
	Levels []float64 `json:"t"`
}

const evalLevels = 10

// Run implements the verb.
func (c *evalCmd) Run(a *app) error {
	if c.Images < 1 || c.Batch < 1 {
		return usage(fmt.Errorf("--images %d --batch %d: give at least 1 of each", c.Images, c.Batch))
	}
	t, err := c.load()
	if err != nil {
		return err
	}
	ctx, stop := a.untilSignal()
	defer stop()
	set, err := c.pictures(ctx, t.config)
	if err != nil {
		return withCode(exitData, err)
	}
	defer set.Close()
	engine, err := c.open()
	if err != nil {
		return err
	}
	defer engine.Finalize()
	r, err := c.measure(ctx, t, set, engine)
	if err != nil {
		return err
	}
	return r.print(a.stdout, c.JSON)
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
			return data.First(sets.Valid, c.Images), nil
		}
		return recipe.FirstByName(sets.Valid, c.Images), nil
	}
	config.Data.Source, config.Data.Paths, config.Data.Limit, config.HeldOut.Images = recipe.Files, c.Data, 0, 0
	set, err := config.OpenAll(ctx)
	if err != nil {
		return nil, err
	}
	return recipe.FirstByName(recipe.Relabel(set, config.Data.Classes), c.Images), nil
}

func (c *evalCmd) measure(ctx context.Context, t *trained, set data.Set, engine compute.Backend) (evalResult, error) {
	r := evalResult{Peer: "ebb-" + version, Model: t.seen, Images: set.Len()}
	task, err := t.config.Task(t.model)
	if err != nil {
		return r, usage(err)
	}
	loader, err := t.config.HeldOutLoader(set, min(c.Batch, set.Len()))
	if err != nil {
		return r, withCode(exitData, err)
	}
	defer loader.Close(context.WithoutCancel(ctx))
	h, err := train.NewHeldOut(engine, task, train.HeldOutConfig{Data: loader, Images: set.Len(), Batch: min(c.Batch, set.Len()), Levels: evalLevels,
		Seed: 1, Eps: true, Null: t.model.Null})
	if err != nil {
		return r, err
	}
	defer h.Finalize()
	e, err := h.Measure(ctx, t.weights)
	if err != nil {
		return r, err
	}
	return r.with(e), nil
}

func (r evalResult) with(e event.Evaluated) evalResult {
	round := func(v event.Number) float64 { return math.Round(float64(v)*1e6) / 1e6 }
	r.MSE = round(e.Loss)
	for _, l := range e.Levels {
		r.PerT, r.Levels = append(r.PerT, round(l.Loss)), append(r.Levels, round(l.T))
	}
	return r
}

func (r evalResult) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	_, err := fmt.Fprintf(w, "%s on %d pictures: held-out error of the noise estimate %.5f\n", r.Model, r.Images, r.MSE)
	for i, t := range r.Levels {
		_, e := fmt.Fprintf(w, "  t %7.1f  %.5f\n", t, r.PerT[i])
		err = errors.Join(err, e)
	}
	return err
}
