package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/plot"
	"github.com/ebb-ml/ebb/eval/report"
)

func sample() *report.Report {
	return &report.Report{Title: `runs/<mine> & "yours"`, Facts: []report.Fact{{Name: "weights", Value: "ema-0.999"}},
		Sections: []report.Section{{Key: "denoising", Title: "Denoising", Summary: "fine", Warnings: []string{"50 pictures are in both sets"},
			Figures: []eval.Figure{{Name: "eps-MSE", Value: 0.0326, Interval: eval.Interval{Low: 0.031, High: 0.034}, N: 512},
				{Name: "MS-SSIM", Value: eval.Number(math.NaN()), Interval: eval.Interval{Low: math.NaN(), High: math.NaN()}, N: 3}},
			Charts:   []plot.Chart{{Title: "by level", Series: []plot.Series{{Name: "ema", X: []float64{1, 2}, Y: []float64{math.NaN(), 3}}}}},
			Pictures: []report.Picture{{Caption: "grid", PNG: []byte("\x89PNG\r\n\x1a\n")}}, Seconds: 61}},
		Advice: []report.Advice{{Finding: "the gap grows", Try: "more data", Command: "ebb finetune …"}}}
}

func TestHTML(t *testing.T) {
	var b bytes.Buffer
	if err := sample().HTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"runs/&lt;mine&gt; &amp;", "0.0326", "0.031 … 0.034", "<svg", "data:image/png;base64,", "50 pictures are in both sets", "1.0 min", "ebb finetune"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"<script", "http://www.w3.org/1999", "ZgotmplZ", "NaN"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := sample().JSON(&b); err != nil {
		t.Fatal(err)
	}
	var r struct {
		Sections map[string]struct {
			Figures []struct {
				Value    *float64
				Interval []*float64
				N        int
			}
		}
	}
	if err := json.Unmarshal(b.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	f := r.Sections["denoising"].Figures
	if len(f) != 2 || *f[0].Value != 0.0326 || f[1].Value != nil || f[0].N != 512 {
		t.Errorf("figures %+v", f)
	}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	if err := sample().Table(&b); err != nil || !strings.Contains(b.String(), "eps-MSE") || !strings.Contains(b.String(), "warning: 50") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestCache(t *testing.T) {
	c := report.Cache{Dir: filepath.Join(t.TempDir(), "parts")}
	calls := 0
	get := func(depends string) report.Section {
		s, err := c.Section("denoising", depends, func() (report.Section, error) { calls++; return sample().Sections[0], nil })
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	get("weights 1")
	if s := get("weights 1"); calls != 1 || len(s.Figures) != 2 || !math.IsNaN(float64(s.Figures[1].Value)) || !math.IsNaN(s.Charts[0].Series[0].Y[0]) {
		t.Errorf("%d calls; %+v", calls, s)
	}
	if get("weights 2"); calls != 2 {
		t.Error("other weights were not measured")
	}
	files, _ := filepath.Glob(filepath.Join(c.Dir, "*"))
	for _, f := range files {
		if err := os.WriteFile(f, []byte("damaged"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if get("weights 1"); calls != 3 {
		t.Error("a damaged file was not measured anew")
	}
	broken := errors.New("no data")
	if _, err := c.Section("x", "", func() (report.Section, error) { return report.Section{}, broken }); !errors.Is(err, broken) || c.Has("x", "") {
		t.Errorf("%v", err)
	}
}
