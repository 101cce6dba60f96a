package train_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/event"
	"github.com/ebb-ml/ebb/optim"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
)

// tinyText is a run of 16 steps on labelled text with rows that are not full: dropout, classes, two averages, batches in two parts.
func tinyText(t testing.TB) recipe.Config {
	t.Helper()
	c, err := recipe.Preset("text-small")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "labelled.jsonl")
	var lines strings.Builder
	for i := range 60 {
		fmt.Fprintf(&lines, `{"text":"the cat sat on the mat, %d times","mood":"calm"}`+"\n"+`{"text":"run run run %d","mood":"wild"}`+"\n", i, i)
	}
	if err := os.WriteFile(path, []byte(lines.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	c.SetBatch(8)
	c.SetTokens(16 * 8 * 24)
	c.Train.Parts, c.Train.DropClass, c.Train.Averages = 2, 0.2, []optim.EMA{{Decay: 0.9}, {SigmaRel: 0.1}}
	c.Train.LogEvery, c.Train.SaveEvery, c.Train.EvalEvery = 8*24, 5*8*24, 8*8*24
	for _, s := range []string{"text.length=24", "text.packing=separate", "text.label=mood", "text.paths=['" + path + "']", "text.tokenizer={kind='bytes'}",
		"text.tokenizer.no_special=false", "text.tokenizer.alphabet=''", "text.held_out.share=0.3", "text.held_out.batch=5", "network.conditional=true",
		"network.text.dim=16", "network.text.layers=1", "network.text.heads=2", "network.text.dropout=0.1"} {
		if err := c.Set(s); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// newTextTrainer joins the parts of a configuration in a run folder.
func newTextTrainer(t testing.TB, c recipe.Config, dir string, b compute.Backend) *train.Trainer {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	own := *c.Text
	net := *c.Network.Text
	c.Text, c.Network.Text = &own, &net
	sets, err := c.Open(t.Context())
	must(err)
	t.Cleanup(func() { must(sets.Close()) })
	_, err = c.ResolveText(sets.Text)
	must(err)
	folder, _, err := train.OpenFolder(dir, train.FolderOptions{Keep: 20})
	must(err)
	run, err := c.Build(t.Context(), sets, b, folder)
	must(err)
	return run.Trainer
}

// A run on text that is stopped ends as one that ran straight through, bit for bit, whatever the number of threads. Progress is counted
// in tokens, and the held-out loss comes in bits per character too.
func TestTextResumeIsExact(t *testing.T) {
	c := tinyText(t)
	straight, broken := t.TempDir(), t.TempDir()
	one, two := engine(t, 1), engine(t, 2)
	a := newTextTrainer(t, c, straight, one)
	if r, err := a.Train(t.Context()); err != nil || r.Seen != 16*8*24 || r.Step != 16 || r.Unit != "tokens" {
		t.Fatal(r, err)
	}
	if err := a.Folder.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	b := newTextTrainer(t, c, broken, two)
	b.OnStep = func(s train.Status) {
		if s.Step == 7 {
			cancel(errStop)
		}
	}
	_, err := b.Train(ctx)
	var stopped *train.StoppedError
	if !errors.As(err, &stopped) || stopped.Step != 7 || !strings.Contains(err.Error(), "after 1344 tokens") {
		t.Fatal(err)
	}
	if err := b.Folder.Close(); err != nil {
		t.Fatal(err)
	}
	d := newTextTrainer(t, c, broken, one)
	if r, err := d.Train(t.Context()); err != nil || r.Step != 16 {
		t.Fatal(r, err)
	}
	if err := d.Folder.Close(); err != nil {
		t.Fatal(err)
	}
	want, got := checkpoint(t, straight), checkpoint(t, broken)
	if len(want) != 5 { // weights, two averages, optimiser, state
		t.Fatalf("%d files in a checkpoint", len(want))
	}
	for name, w := range want {
		if !bytes.Equal(got[name], w) {
			t.Errorf("%s differs after stop and resume", name)
		}
	}
	events, _, err := event.ReadFile(filepath.Join(straight, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if v, ok := e.Body.(event.Evaluated); ok && !(v.BitsPerChar > 0 && v.Loss > 0) {
			t.Errorf("%+v", v)
		}
	}
}

// The result does not depend on the number of parts that a batch of text is computed in.
func TestTextPartsAgree(t *testing.T) {
	var losses []float64
	var all [][]float32
	for _, parts := range []int{1, 4} {
		c := tinyText(t)
		c.Train.Parts, c.Train.Tokens, c.Train.LogEvery = parts, 8*24, 8*24
		c.Train.Rate.Warmup, c.Train.AdamW.Eps, c.Text.HeldOut.Windows = 0, 1e-3, 0
		tr := newTextTrainer(t, c, t.TempDir(), engine(t, 2))
		if _, err := tr.Train(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := tr.Folder.Close(); err != nil {
			t.Fatal(err)
		}
		losses = append(losses, float64(progress(t, tr.Folder.Dir()).Loss))
		all = append(all, savedWeights(t, tr.Folder.Dir()))
	}
	if d := math.Abs(losses[0]/losses[1] - 1); d > 1e-5 {
		t.Errorf("losses %v differ by %g", losses, d)
	}
	for i := range all[0] {
		if d := math.Abs(float64(all[0][i] - all[1][i])); d > 1e-5 {
			t.Fatalf("weight %d is %v in one part and %v in four", i, all[0][i], all[1][i])
		}
	}
}
