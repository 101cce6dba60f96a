package train_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/ckpt"
	"github.com/ebb-ml/ebb/event"
	"github.com/gomlx/gomlx/ml/model"
)

// A run that goes on from other weights measures and saves them first, ends when the held-out loss has not fallen for long enough, keeps
// the best, and finds nothing left to do when it is started again.
func TestPatience(t *testing.T) {
	c, dir := tiny(t), t.TempDir()
	c.Train.EvalEvery, c.Train.SaveEvery, c.Train.Patience = 8, 8, 2
	losses := []float64{5, 4, 3, 3.5, 3.2, 1, 1} // the end comes after the fifth: twice not below 3
	measured := 0
	start := func(*model.Scope) error { return nil }
	measure := func(_ context.Context, weights *model.Scope) (event.Evaluated, error) {
		if strings.HasPrefix(weights.Scope(), "/net") {
			return event.Evaluated{Loss: 9}, nil // of weights that are not used
		}
		measured++
		return event.Evaluated{Loss: event.Number(losses[measured-1]), Old: 0.5}, nil
	}
	tr := newTrainer(t, c, dir, engine(t, 1))
	tr.HeldOut, tr.Start = measure, start
	r, err := tr.Train(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Step != 4 || measured != 5 {
		t.Errorf("ended at step %d after %d measurements, want 4 and 5", r.Step, measured)
	}
	all, _, err := ckpt.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	if b := ckpt.Best(all); b == nil || b.Step != 2 || *b.Score != 3 {
		t.Errorf("the best checkpoint is %+v, want step 2 of score 3", b)
	}
	if len(all) != 5 || all[4].Step != 0 {
		t.Errorf("%d checkpoints, want 5 with one of step 0", len(all))
	}
	events, _, err := event.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	said := false
	for _, e := range events {
		w, ok := e.Body.(event.Warned)
		said = said || ok && strings.Contains(w.Message, "stopping early after 32 images")
	}
	if !said {
		t.Error("the log does not say that the run stopped early")
	}
	if err := tr.Folder.Close(); err != nil {
		t.Fatal(err)
	}
	again := newTrainer(t, c, dir, engine(t, 1))
	again.HeldOut, again.Start = measure, start
	if r, err = again.Train(t.Context()); err != nil || !r.Already || measured != 5 {
		t.Errorf("started again: %+v, %v, %d measurements; want nothing to do", r, err, measured)
	}
}
