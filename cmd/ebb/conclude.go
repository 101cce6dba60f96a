package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/event"
	"github.com/ebb-ml/ebb/interop/safetensors"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
)

// conclude ends a run that has been trained to its end: it judges letters, exports the model (whose presence
// says that nothing is left to do), and says what to do next.
func (s *session) conclude(ctx context.Context, r train.Result) error {
	dir := s.folder.Dir()
	lines := []string{fmt.Sprintf("done: %d %s. Samples are in %s, the model in %s.", r.Seen, r.Unit, samplesOf(dir), filepath.Join(dir, "model"))}
	verdict, err := s.verdict(ctx, r)
	if err != nil {
		return err
	}
	lines = append(lines, verdict...)
	if err := s.export(r); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Join(s.folder.Dir(), "model"), err)
	}
	s.screen.print(append(lines, "Try:  "+s.sampleHint())...)
	return nil
}

// verdict judges samples where there is a truth to hold them against.
func (s *session) verdict(ctx context.Context, r train.Result) ([]string, error) {
	switch {
	case s.text != nil && s.config.Text.Source == recipe.TextEquations:
		return s.judgeEquations(ctx, r)
	case s.text == nil && s.config.Data.Source == recipe.Glyphs && len(s.model.Classes) > 0:
		right, total, err := s.judge(ctx, r.Weights)
		if err != nil {
			return nil, err
		}
		return []string{fmt.Sprintf("A judge that had no part in training reads %d of %d samples as the letter asked for (%.1f %%).", right, total,
			100*float64(right)/float64(total))}, s.measured(r, "letters_right", float64(right)/float64(total))
	}
	return nil, nil
}

// measured records a number about the samples of a run.
func (s *session) measured(r train.Result, name string, value float64) error {
	return s.folder.Emit(r.Step, r.Seen, event.Measured{Name: name, Value: event.Number(value)})
}

// export writes the model directory: weights and what is needed to use them.
func (s *session) export(r train.Result) error {
	create := func(path string, write func(io.Writer) error) error { return s.folder.WriteFile("model/"+path, write) }
	return errors.Join(s.writeTokenizer("model/"), writeConfig(create, s.config), writeWeights(create, s.config, s.model, r.Weights, r.Step))
}

// exported says whether the model directory is of this step: a process may have ended between the last checkpoint and it.
func (s *session) exported(step int64) bool {
	f, err := safetensors.Open(weightsIn(filepath.Join(s.folder.Dir(), "model")))
	if err != nil {
		return false
	}
	defer f.Close()
	return f.Metadata()[stepKey] == strconv.FormatInt(step, 10)
}

// judge draws each letter eight times and counts those that a nearest-template classifier names right.
func (s *session) judge(ctx context.Context, weights *model.Scope) (right, total int, err error) {
	judge, err := data.NewGlyphJudge()
	if err != nil {
		return 0, 0, err
	}
	g, err := newGenerator(s.engine, weights, s.model)
	if err != nil {
		return 0, 0, err
	}
	defer g.Finalize()
	total = 8 * data.GlyphLetters
	r, err := request(s.config, s.model, total)
	if err != nil {
		return 0, 0, err
	}
	r.Seed = 1 // other samples than those of the grids
	size := s.model.Height * s.model.Width
	err = g.Draw(ctx, r, func(first int, x []float32) error {
		for i := range x {
			x[i] = min(max((x[i]+1)/2, 0), 1)
		}
		for i := range len(x) / size {
			label, _, err := judge.Name(x[i*size:(i+1)*size], s.model.Height, s.model.Width)
			if err != nil {
				return err
			}
			if label == r.Classes(first+i) {
				right++
			}
		}
		return nil
	})
	return right, total, err
}

func samplesOf(dir string) string { return filepath.Join(dir, "samples") }

// sampleHint is a command to draw from a run.
func (s *session) sampleHint() string {
	dir, class := s.folder.Dir(), ""
	if s.text != nil {
		return fmt.Sprintf("ebb sample %s -n 4", dir)
	}
	if len(s.model.Classes) > 0 {
		class = " --class " + s.model.Classes[0]
	}
	return fmt.Sprintf("ebb sample %s -n 16%s --out samples.png", dir, class)
}

// writeEnv notes where a run runs: what may matter when results differ.
func writeEnv(w io.Writer, engine compute.Backend) error {
	env := map[string]string{}
	for _, v := range os.Environ() {
		if k, value, _ := strings.Cut(v, "="); strings.HasPrefix(k, "EBB_") || k == "GOMAXPROCS" || k == "GOMEMLIMIT" || k == "GOGC" {
			env[k] = value
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"ebb": version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "cores": runtime.NumCPU(),
		"host": host, "backend": engine.Description(), "command": os.Args, "environment": env})
}

// reportBroken names the pictures that were passed over.
func (s *session) reportBroken(broken []*data.ItemError, r train.Result) error {
	if len(broken) == 0 {
		return nil
	}
	var names []string
	for _, b := range broken[:min(len(broken), 5)] {
		names = append(names, b.Error())
	}
	if n := len(broken) - len(names); n > 0 {
		names = append(names, fmt.Sprintf("and %d more", n))
	}
	return s.folder.Emit(r.Step, r.Seen, event.Warned{
		Message: fmt.Sprintf("%d of the pictures could not be used; others took their place: %s", len(broken), strings.Join(names, "; "))})
}
