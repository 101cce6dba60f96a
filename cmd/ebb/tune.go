package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ebb-ml/ebb/eval/plot"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/tune"
)

// tuneCmd is the verb tune.
type tuneCmd struct {
	From    string        `arg:"" optional:"" name:"run" help:"Run whose settings to start from; instead of --recipe."`
	Recipe  string        `help:"Recipe to start from." placeholder:"NAME"`
	Data    []string      `help:"Folders, archives or caches of pictures, or text." placeholder:"PATH" sep:"none"`
	Valid   []string      `help:"Data to hold out; default: a share of the other." placeholder:"PATH" sep:"none"`
	Config  string        `help:"TOML or JSON file with settings." type:"existingfile" placeholder:"FILE"`
	Set     []string      `help:"One setting that all trials have, such as train.batch=32." placeholder:"KEY=VALUE" sep:"none"`
	Knobs   []string      `help:"Settings to try values of: KEY, KEY=LOW..HIGH or KEY=A:B:C." default:"train.rate.peak" placeholder:"KEY,…"`
	Time    time.Duration `help:"How long to search in all." default:"30m"`
	Trials  int           `help:"Combinations of values to begin with." default:"9"`
	Longest int64         `help:"Images or tokens of the longest trials; default: what fits the time." placeholder:"N"`
	Ramp    int           `name:"range-steps" help:"Steps of the learning-rate range test, at most." default:"200"`
	Seed    uint64        `help:"Of the values that are tried." default:"1"`
	Out     string        `help:"Folder; default: runs/NAME-tune. A search that is there goes on." placeholder:"DIR"`
	JSON    bool          `name:"json" help:"One line of JSON."`
	Quiet   bool          `short:"q" help:"Say only what matters."`
	engineFlags
}

// Help is shown below the flags.
func (*tuneCmd) Help() string {
	return `First a learning-rate range test on fresh weights; then trials with different values,
each a real training run in a folder of its own. All begin short; the best third goes
on. Trials are judged by their held-out loss. The first trial has the settings as they
are. What is found is tuned.toml. The same command goes on where it was stopped.

  ebb tune --recipe folder --data my-pictures --time 30m
  ebb tune runs/mine --knobs train.rate.peak,train.batch=16:32:64,network.unet.dropout=0.0..0.3`
}

// configure reads what the command line says all trials have in common.
func (c *tuneCmd) configure() (config recipe.Config, err error) {
	name := c.Recipe
	switch {
	case c.From != "" && c.Recipe != "":
		return config, fmt.Errorf("%s and --recipe %s: start from one of them", c.From, c.Recipe)
	case c.From != "":
		if config, err = readConfig(filepath.Join(c.From, configFile)); err != nil {
			return config, fmt.Errorf("%s is no run: %w", c.From, err)
		}
		if config.Finetune != nil {
			return config, fmt.Errorf("%s is a run of ebb finetune: tune searches settings for training from nothing", c.From)
		}
		name = filepath.Base(filepath.Clean(c.From))
	default:
		if name == "" {
			name = "glyphs"
		}
		if config, err = recipe.Preset(name); err != nil {
			return config, err
		}
	}
	if c.Out == "" {
		c.Out = filepath.Join("runs", name+"-tune")
	}
	flags := runFlags{Data: c.Data, Valid: c.Valid, Config: c.Config, Set: c.Set}
	return config, flags.apply(&config)
}

// Run implements the verb.
func (c *tuneCmd) Run(a *app) error {
	if c.Trials < 2 || c.Time <= 0 || c.Ramp < fewestRamp || c.Longest < 0 {
		return usage(fmt.Errorf("--trials %d --time %v --range-steps %d --longest %d: give at least 2 trials, some time, and %d steps", c.Trials, c.Time, c.Ramp,
			c.Longest, fewestRamp))
	}
	config, err := c.configure()
	if err != nil {
		return usage(err)
	}
	ctx, stop := a.untilSignal()
	defer stop()
	sets, notes, err := prepareData(ctx, &config, c.Out)
	if err != nil {
		return err
	}
	defer sets.Close()
	if heldOut(sets) == 0 || config.Text == nil && config.HeldOut.Images == 0 {
		return usage(errors.New("tune judges by the held-out loss, and nothing is held out: give --valid, or held_out.share above 0"))
	}
	t := &tuner{tuneCmd: c, app: a, config: config, sets: sets, begin: time.Now()}
	if err := t.chooseKnobs(); err != nil {
		return usage(err)
	}
	if t.engine, err = c.open(); err != nil {
		return err
	}
	defer t.engine.Finalize()
	for _, n := range notes {
		t.say("%s", n)
	}
	result, err := t.search(ctx)
	if err != nil {
		return endedBy(ctx, classify(err), "stopped; what was found is in "+c.Out+", the same command goes on")
	}
	return t.conclude(result)
}

// conclude writes what was found and says it.
func (t *tuner) conclude(r tune.Result) error {
	best, whole := r.Best()
	if !whole { // the time was over before the first round was: the best of those that had a turn
		var ok bool
		if best, ok = (tune.Result{Trials: r.Trials, Rungs: 1}).Best(); !ok {
			return withCode(exitNumerics, errors.New("no trial ended with a finite loss: lower the rates (--knobs train.rate.peak=LOW..HIGH), or give more --time"))
		}
	}
	tuned, err := t.tuned(best.Candidate)
	if err != nil {
		return err
	}
	path := filepath.Join(t.Out, "tuned.toml")
	if err := errors.Join(writeWhole(path, tuned.Encode), writeWhole(filepath.Join(t.Out, "tune.svg"), t.chart(best.Candidate).SVG)); err != nil {
		return withCode(exitIO, err)
	}
	command := fmt.Sprintf("ebb train --recipe %s --config %s --run %s", tuned.Recipe, path, filepath.Join("runs", tuned.Recipe+"-tuned"))
	if t.JSON {
		return json.NewEncoder(t.app.stdout).Encode(map[string]any{"winner": t.settings(best.Candidate), "score": best.Score, "config": path, "command": command,
			"range": t.state.Range, "trials": t.state.Trials, "seconds": t.state.Spent})
	}
	return t.table(t.app.stdout, best, whole, path, command)
}

// table lists all trials, the best first.
func (t *tuner) table(w io.Writer, best tune.Trial, whole bool, path, command string) error {
	var b strings.Builder
	if r := t.state.Range; r != nil {
		fmt.Fprintf(&b, "learning-rate range test: the loss falls fastest at %.2g and is lowest at %.2g", r.Steepest, r.Lowest)
		if r.Diverged > 0 {
			fmt.Fprintf(&b, "; training breaks out at %.2g", r.Diverged)
		}
		fmt.Fprintf(&b, " (%s)\n\n", filepath.Join(t.Out, "rate.svg"))
	}
	fmt.Fprintf(&b, "%5s  %10s  %12s  settings\n", "trial", t.unit(), "held-out")
	for _, c := range t.standing() {
		v := t.state.last(c)
		mark := ""
		if c == best.Candidate {
			mark = "  <- best"
		}
		fmt.Fprintf(&b, "%5d  %10d  %12.5f  %s%s\n", c, v.Budget, float64(v.Score), strings.Join(t.settings(c), "  "), mark)
	}
	if !whole {
		fmt.Fprintf(&b, "\nThe time was over before every trial had a turn: the same command with more --time goes on.\n")
	}
	if first := t.state.at(0, best.Rung); best.Candidate != 0 && first != nil {
		fmt.Fprintf(&b, "\nAfter as much training the settings as they were have %.5f, the best %.5f.\n", float64(first.Score), best.Score)
	}
	fmt.Fprintf(&b, "\n%s has the settings of the best trial.\nTry:  %s\n", path, command)
	_, err := io.WriteString(w, b.String())
	return err
}

// standing are the trials that were judged, those that got farthest first, and of these the best first.
func (t *tuner) standing() (all []int) {
	for c := range t.state.Plan.Trials {
		if t.state.last(c) != nil {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b int) int {
		x, y := t.state.last(a), t.state.last(b)
		return cmp.Or(y.Rung-x.Rung, cmp.Compare(x.Score, y.Score))
	})
	return all
}

// chart shows the held-out loss of each trial at the ends of its rounds.
func (t *tuner) chart(best int) *plot.Chart {
	c := &plot.Chart{Title: "Held-out loss of trials", X: t.unit(), Y: "held-out loss", LogX: true, LogY: true}
	for _, i := range t.standing() {
		s := plot.Series{}
		if i == best {
			s.Name = "best: trial " + fmt.Sprint(i)
		} else if i == 0 {
			s.Name, s.Style = "as it was", plot.Dashed
		} else if len(c.Series) < 8 {
			s.Name = fmt.Sprintf("trial %d", i)
		}
		for rung := range t.state.Plan.Rungs {
			if v := t.state.at(i, rung); v != nil {
				s.X, s.Y = append(s.X, float64(v.Budget)), append(s.Y, float64(v.Score))
			}
		}
		c.Series = append(c.Series, s)
	}
	return c
}
