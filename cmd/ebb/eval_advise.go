package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ebb-ml/ebb/eval/assess"
	"github.com/ebb-ml/ebb/eval/report"
	"github.com/ebb-ml/ebb/recipe"
)

// The files of a report: for people, and for programs.
const (
	reportPage = "report.html"
	reportFile = "report.json"
)

// defaultReport is where the report of a run is looked for, and where commands that ebb suggests put it.
func defaultReport(run string) string { return filepath.Join(run, "report") }

// advise says what to try next, from a report that is there and the log of the run. Nothing is measured.
func (c *evalCmd) advise(a *app) error {
	config, err := readConfig(filepath.Join(c.Path, configFile))
	if errors.Is(err, fs.ErrNotExist) {
		return usage(fmt.Errorf("%s is neither a run nor a model: it has no %s; ebb train makes runs", c.Path, configFile))
	} else if err != nil {
		return usage(err)
	}
	dir := c.Out
	if dir == "" {
		dir = defaultReport(c.Path)
	}
	r, err := readReport(filepath.Join(dir, reportFile))
	if errors.Is(err, fs.ErrNotExist) {
		return usage(fmt.Errorf("there is no report in %s to take advice from; make one:  ebb eval %s --out %s", dir, c.Path, dir))
	} else if err != nil {
		return withCode(exitData, err)
	}
	advice := assess.Advise(r.Sections, adviceContext(c.Path, config))
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(map[string]any{"report": dir, "model": r.Title, "advice": advice})
	}
	return printAdvice(a.stdout, c.Path, dir, r, advice, config.Text != nil)
}

func readReport(path string) (*report.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := report.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// adviceContext is what the rules need to know of a run besides figures.
func adviceContext(dir string, config recipe.Config) assess.Context {
	if config.Text != nil {
		return textContext(dir, config)
	}
	c := assess.Context{Run: dir, Recipe: config.Recipe, Guidance: config.Sample.Guidance, Images: config.Train.Images, History: history(dir, config),
		Data: strings.Join(config.Data.Paths, " --data ")}
	if n := len(c.History.Seen); n > 0 {
		c.Images = int64(c.History.Seen[n-1])
	}
	return c
}

func printAdvice(w io.Writer, run, dir string, r *report.Report, advice []report.Advice, text bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, by the report in %s:\n", r.Title, dir)
	for i, v := range advice {
		fmt.Fprintf(&b, "\n%d. %s\n   %s\n   %s\n", i+1, v.Finding, v.Try, v.Command)
	}
	if len(advice) == 0 && text {
		b.WriteString("\nNothing stands out.\n")
	} else if len(advice) == 0 {
		fmt.Fprintf(&b, "\nNothing stands out. Cheaper or better samples may still be had from other settings:\n   ebb eval sweep %s\n", run)
	}
	for _, m := range r.Warned() {
		fmt.Fprintf(&b, "\nwarning: %s\n", m)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
