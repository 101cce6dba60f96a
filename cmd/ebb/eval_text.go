package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/text"
	"github.com/ebb-ml/ebb/text/judge"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
)

// evalTextResult is the line of JSON of a run on text.
type evalTextResult struct {
	Peer  string `json:"peer"`
	Model string `json:"model"`
	judge.Report
}

// text measures a model of text.
func (c *evalCmd) text(ctx context.Context, a *app, t *trained) error {
	if t.config.Text.Source == recipe.TextEquations && len(c.Data) > 0 {
		return usage(fmt.Errorf("--data: recipe %s makes its own text; leave it out", t.config.Recipe))
	}
	n, err := c.windows()
	if err != nil {
		return usage(err)
	}
	part, closeData, err := c.heldText(ctx, a, t)
	if err != nil {
		return withCode(exitData, err)
	}
	defer closeData()
	engine, err := c.open()
	if err != nil {
		return err
	}
	defer engine.Finalize()
	e, err := c.measureText(ctx, a, t, part, n, engine)
	if err != nil {
		return err
	}
	if c.Out != "" {
		r, err := e.page()
		if err != nil {
			return err
		}
		if err := writeReport(a, c.Out, r); err != nil {
			return err
		}
	}
	return (&evalTextResult{"ebb-" + version, t.seen, e.r}).print(a.stdout, c.JSON)
}

// windows is how many rows to measure on, 0 for all.
func (c *evalCmd) windows() (int, error) {
	if err := c.checkText(); err != nil {
		return 0, err
	}
	if c.Windows == "all" {
		return 0, nil
	}
	n, err := strconv.Atoi(c.Windows)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("--windows %s: give a number of rows, or all", c.Windows)
	}
	return n, nil
}

// heldText is the text to measure on: all that is named, but of the text that the run was trained on only what it held out.
func (c *evalCmd) heldText(ctx context.Context, a *app, t *trained) (*text.Part, func() error, error) {
	config := t.config
	own := *config.Text
	config.Text = &own
	if trained := len(c.Data) == 0 || samePaths(c.Data, own.Paths); !trained {
		own.Paths, own.Valid, own.HeldOut.Windows = c.Data, nil, 0
	} else if len(c.Data) > 0 {
		fmt.Fprintln(a.stderr, "the model was trained on this text: measuring on the part that was held out")
	}
	sets, err := config.OpenText(ctx, t.tokenizer)
	if err != nil {
		return nil, nil, err
	}
	part := sets.Text.Valid
	if own.HeldOut.Windows == 0 && len(c.Data) > 0 {
		part = sets.Text.Train
	}
	if part == nil {
		return nil, nil, errors.Join(errors.New("the run holds no text out: name some with --data"), sets.Close())
	}
	return part.Relabel(config.Text.Classes), sets.Close, nil
}

// samePaths says whether two lists name the same files.
func samePaths(a, b []string) bool {
	return slices.EqualFunc(a, b, func(p, q string) bool {
		one, err := os.Stat(p)
		if err != nil {
			return false
		}
		other, err := os.Stat(q)
		return err == nil && os.SameFile(one, other)
	})
}

// measureText measures all that the flags ask for.
func (c *evalCmd) measureText(ctx context.Context, a *app, t *trained, part *text.Part, n int, engine compute.Backend) (*textReport, error) {
	rows, chars, bytes, err := t.config.Rows(part, t.tokenizer, n)
	if err != nil {
		return nil, withCode(exitData, err)
	}
	e := &textReport{evalCmd: c, app: a, t: t, engine: engine, held: part, rows: rows}
	if err := e.identify(); err != nil {
		return nil, err
	}
	if e.score, err = once(e, "likelihood", "", func() (train.Score, error) { return e.likelihood(ctx, chars) }); err != nil {
		return nil, err
	}
	score := e.score
	for i := range chars {
		e.extents = append(e.extents, judge.Extent{Tokens: score.Free[i], Chars: chars[i], Bytes: bytes[i]})
	}
	if e.r.Likelihood, err = judge.NewLikelihood(score.Nats, e.extents); err != nil {
		return nil, err
	}
	return e, e.fill(ctx)
}

// likelihood measures the windows by the headline's measure.
func (e *textReport) likelihood(ctx context.Context, chars []int64) (train.Score, error) {
	t := e.t
	task, err := t.config.TextTask(t.text)
	if err != nil {
		return train.Score{}, err
	}
	h, err := t.config.TextHeldOut(e.engine, task, t.text, train.HeldOutTokensConfig{Rows: e.rows, Chars: chars, Batch: e.Batch, Seed: t.config.Text.HeldOut.Seed})
	if err != nil {
		return train.Score{}, err
	}
	defer h.Finalize()
	return h.Score(ctx, t.weights)
}

func (r *evalTextResult) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	if _, err := fmt.Fprintf(w, "%s, held-out text: ", r.Model); err != nil {
		return err
	}
	return r.WriteText(w)
}
