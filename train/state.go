package train

import (
	"errors"
	"fmt"

	"github.com/ebb-ml/ebb/ckpt"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/gomlx/gomlx/ml/model"
)

// state is all that the next step depends on besides the variables. It is state.json of a checkpoint.
type state struct {
	Format    int                  `json:"format"`
	Step      int64                `json:"step"`
	Seen      int64                `json:"seen"` // images or tokens
	Seed      uint64               `json:"seed"`
	Batch     int                  `json:"batch"`
	Rollbacks int                  `json:"rollbacks"` // each halves the learning rate
	Loss      float64              `json:"loss"`      // slow mean, to tell an explosion
	Losses    int64                `json:"losses"`    // that are in it
	Watch     watch                `json:"watch"`
	Levels    *diffusion.Resampler `json:"levels,omitempty"` // loss-aware draws
}

const stateFormat = 1

// GroupWeights is the group of a checkpoint that holds the weights as they are trained. Averages are groups by their own names (the String
// of an optim.EMA).
const GroupWeights = "weights"

const groupOptimizer = "optimizer"

// groups lists the groups of a run's checkpoints with their scopes.
func (t *Trainer) groups() map[string]*model.Scope {
	g := map[string]*model.Scope{GroupWeights: Weights(t.store), groupOptimizer: t.store.Scope(optimizerScope)}
	for _, e := range t.Config.Averages {
		g[e.String()] = Averages(t.store, e)
	}
	return g
}

// save takes a checkpoint; it is written while training goes on. The score, if any, is a held-out loss of this very step.
func (t *Trainer) save(score *float64) error {
	s := ckpt.Snapshot{Step: t.state.Step, Score: score, State: t.state}
	for name, scope := range t.groups() {
		tensors, err := Tensors(scope)
		if err != nil {
			return err
		}
		s.Groups = append(s.Groups, ckpt.Group{Name: name, Tensors: tensors})
	}
	return t.Folder.Save(s)
}

// restore goes back to the newest intact checkpoint. It says whether there was one.
func (t *Trainer) restore() (found bool, err error) {
	c, skipped, err := t.Folder.Load()
	for _, s := range skipped {
		t.warn(false, fmt.Sprintf("a damaged checkpoint is passed over: %v", s))
	}
	if errors.Is(err, ckpt.ErrNone) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return true, t.adopt(c)
}

// adopt takes over the state and the variables of a checkpoint.
func (t *Trainer) adopt(c *ckpt.Checkpoint) error {
	s := state{Levels: t.Task.Levels()}
	if err := c.State(&s); err != nil {
		return err
	}
	switch {
	case s.Format != stateFormat:
		return fmt.Errorf("%s: state of format %d, this program knows %d: use the ebb that wrote it", c.Path, s.Format, stateFormat)
	case s.Seed != t.Config.Seed || s.Batch != t.Config.Batch:
		return fmt.Errorf("%s was made with seed %d and batch %d, this run has seed %d and batch %d: keep them, or begin a new run",
			c.Path, s.Seed, s.Batch, t.Config.Seed, t.Config.Batch)
	}
	for name, scope := range t.groups() {
		f, err := c.Group(name)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Path, err)
		}
		if err := SetTensors(scope, f); err != nil {
			return fmt.Errorf("%s, %s: %w", c.Path, name, err)
		}
	}
	t.state = s
	return nil
}
