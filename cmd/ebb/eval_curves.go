package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ebb-ml/ebb/eval/plot"
	"github.com/ebb-ml/ebb/event"
)

// evalCurvesCmd is the verb eval curves.
type evalCurvesCmd struct {
	Runs    []string `arg:"" help:"Run folders, or files of JSON lines with step and heldout_mse or bits_per_char."`
	Out     string   `help:"The picture, an .svg file." default:"curves.svg" placeholder:"FILE"`
	Raw     bool     `help:"Also the weights as they are trained, not only their average."`
	Measure string   `help:"Another figure that [eval] recorded, such as eps-MSE." placeholder:"NAME"`
	Title   string   `help:"Over the picture; default: Held-out loss, or the measure." placeholder:"TEXT"`
}

// Help is shown below the flags.
func (*evalCurvesCmd) Help() string {
	return `Draws how the held-out loss of runs fell while they were trained, one curve for each.

  ebb eval curves runs/small runs/large --out curves.svg`
}

// curvePoint is one measurement.
type curvePoint struct {
	step, seen int64
	loss       float64
}

// curve is what one run or file tells.
type lossCurve struct {
	name    string
	points  []curvePoint
	unit    string // of what was seen
	bits    bool   // the loss is in bits per character
	foreign bool
}

// Run implements the verb.
func (c *evalCurvesCmd) Run(a *app) error {
	var curves []lossCurve
	for _, path := range c.Runs {
		found, err := c.read(path)
		if err != nil {
			return withCode(exitData, err)
		}
		curves = append(curves, found...)
	}
	chart, err := lossChart(cmp.Or(c.Title, c.Measure, "Held-out loss"), curves)
	if err != nil {
		return usage(err)
	}
	if c.Measure != "" {
		chart.Y, chart.LogY = c.Measure, false
	}
	if err := writeWhole(c.Out, chart.SVG); err != nil {
		return withCode(exitIO, err)
	}
	_, err = fmt.Fprintln(a.stdout, c.Out)
	return err
}

// read takes the curves of a run folder, or of a file of another program.
func (c *evalCurvesCmd) read(path string) ([]lossCurve, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		curve, err := foreignCurve(path)
		return []lossCurve{curve}, err
	}
	events, _, err := event.ReadFile(filepath.Join(path, "events.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("%s has no log of a run: %w", path, err)
	}
	if c.Measure != "" {
		curve, err := measuredCurve(path, event.Timeline(events), c.Measure)
		return []lossCurve{curve}, err
	}
	byWeights, order, unit := map[string]*lossCurve{}, []string(nil), "images"
	for _, e := range event.Timeline(events) {
		switch v := e.Body.(type) {
		case event.Started:
			unit = v.Unit
		case event.Evaluated:
			p := curvePoint{e.Step, e.Seen, float64(v.Loss)}
			if v.BitsPerChar != 0 {
				p.loss = float64(v.BitsPerChar)
			}
			if byWeights[v.Weights] == nil {
				byWeights[v.Weights] = &lossCurve{name: filepath.Base(path) + ", " + v.Weights, unit: unit, bits: v.BitsPerChar != 0}
				order = append(order, v.Weights)
			}
			byWeights[v.Weights].points = append(byWeights[v.Weights].points, p)
		}
	}
	var all []lossCurve
	for _, name := range order {
		if name != "raw" || c.Raw || len(order) == 1 {
			all = append(all, *byWeights[name])
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no held-out loss yet: it needs --valid, or held_out.share above 0", path)
	}
	return all, nil
}

// measuredCurve is a figure that was measured again and again.
func measuredCurve(path string, events []event.Event, measure string) (lossCurve, error) {
	c := lossCurve{name: filepath.Base(path), unit: "images"}
	var names []string
	for _, e := range events {
		v, ok := e.Body.(event.Measured)
		if ok && v.Name == measure {
			c.points = append(c.points, curvePoint{e.Step, e.Seen, float64(v.Value)})
		}
		if ok && !slices.Contains(names, v.Name) {
			names = append(names, v.Name)
		}
	}
	if len(c.points) == 0 && len(names) > 0 {
		return c, fmt.Errorf("%s has no figure %q; it has: %s", path, measure, strings.Join(names, "; "))
	} else if len(c.points) == 0 {
		return c, fmt.Errorf("%s has no figures: set eval.every_images, and ebb train measures while it trains", path)
	}
	return c, nil
}

// foreignLine is a line of a file of another program.
type foreignLine struct {
	Peer string   `json:"peer"`
	Step int64    `json:"step"`
	MSE  *float64 `json:"heldout_mse"`
	Bits *float64 `json:"bits_per_char"`
}

func foreignCurve(path string) (c lossCurve, err error) {
	f, err := os.Open(path)
	if err != nil {
		return c, err
	}
	defer f.Close()
	c = lossCurve{name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), foreign: true}
	lines := bufio.NewScanner(io.LimitReader(f, 64<<20))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		var l foreignLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return c, fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		if l.MSE == nil && l.Bits == nil || l.Step < 1 {
			return c, fmt.Errorf("%s, line %d: need step and heldout_mse or bits_per_char", path, n)
		}
		p := curvePoint{step: l.Step}
		if l.MSE != nil {
			p.loss = *l.MSE
		} else {
			p.loss, c.bits = *l.Bits, true
		}
		c.points = append(c.points, p)
		if l.Peer != "" {
			c.name = l.Peer
		}
	}
	return c, lines.Err()
}

// lossChart draws curves over what was seen. Files that count steps alone are drawn as if their batches were those of the first run.
func lossChart(title string, curves []lossCurve) (*plot.Chart, error) {
	var first *lossCurve
	for i := range curves {
		if !curves[i].foreign {
			first = &curves[i]
			break
		}
	}
	chart := &plot.Chart{Title: title, X: "steps", Y: "loss", LogY: true}
	perStep := 1.0
	if first != nil && len(first.points) > 0 {
		chart.X = first.unit
		perStep = float64(first.points[0].seen) / float64(max(first.points[0].step, 1))
	}
	for i, c := range curves {
		if c.bits != curves[0].bits {
			return nil, errors.New("losses of pictures and of text do not belong into one picture")
		}
		if c.bits {
			chart.Y = "bits per character"
		}
		s := plot.Series{Name: c.name}
		if c.foreign {
			s.Style = plot.Dashed
		}
		for _, p := range curves[i].points {
			seen := float64(p.seen)
			if c.foreign {
				seen = float64(p.step) * perStep
			}
			s.X, s.Y = append(s.X, seen), append(s.Y, p.loss)
		}
		chart.Series = append(chart.Series, s)
	}
	return chart, nil
}
