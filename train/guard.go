package train

import (
	"fmt"
	"math"
	"slices"

	"github.com/ebb-ml/ebb/event"
)

// NumericsError says that training gave up: numbers went wrong again and again.
type NumericsError struct {
	Step   int64
	Reason string // with the first offending tensor
}

func (e *NumericsError) Error() string {
	return fmt.Sprintf("step %d: %s. After %d attempts with a lower and lower learning rate this run is given up; its last good checkpoint "+
		"is kept. Look at the data (ebb data inspect), then try a smaller train.rate.peak or train.clip", e.Step, e.Reason, maxRollbacks+1)
}

// The guard's limits. A loss explodes when it is explosion times its slow mean, once that mean is settled.
const (
	maxRollbacks = 3
	explosion    = 100
	settled      = 50
	slowness     = 0.98
)

// fault says what is wrong with the outcome of the step just done, in words; "" when nothing is.
func (t *Trainer) fault(o Outcome) string {
	switch {
	case math.IsNaN(o.Loss) || math.IsInf(o.Loss, 0):
		return fmt.Sprintf("the loss is %v; %s", o.Loss, t.firstOffender())
	case math.IsNaN(o.GradNorm) || math.IsInf(o.GradNorm, 0):
		return fmt.Sprintf("the gradients are not finite (norm %v); %s", o.GradNorm, t.firstOffender())
	case t.state.Losses >= settled && o.Loss > explosion*t.state.Loss:
		return fmt.Sprintf("the loss exploded: %.4g, its mean was %.4g", o.Loss, t.state.Loss)
	}
	return ""
}

// firstOffender names the first tensor with a number that is not finite: in the batch, else among the weights.
func (t *Trainer) firstOffender() string {
	if where := t.batch.Offender(); where != "" {
		return where
	}
	for _, p := range t.vars {
		value, err := p.Value()
		if err != nil {
			return fmt.Sprintf("the weights are lost (%v)", err)
		}
		at := -1
		if err := value.ConstFlatData(func(flat any) { at = slices.IndexFunc(flat.([]float32), notFinite) }); err == nil && at >= 0 {
			return fmt.Sprintf("first among the weights in %s, element %d", nameIn(Weights(t.store), p), at)
		}
	}
	return "all weights are still finite"
}

// rollBack returns to the last good checkpoint, or to the start, with half the learning rate.
func (t *Trainer) rollBack(reason string) error {
	failed, attempt := t.state.Step+1, t.state.Rollbacks+1
	if attempt > maxRollbacks {
		return &NumericsError{Step: failed, Reason: reason}
	}
	if err := t.Folder.Wait(); err != nil { // a save may be under way
		t.warn(false, err.Error())
	}
	if err := t.reset(); err != nil {
		return err
	}
	t.state.Rollbacks = attempt
	if err := t.Folder.DropAfter(t.state.Step); err != nil {
		return err
	}
	return t.emit(event.RolledBack{ToStep: t.state.Step, ToSeen: t.state.Seen, Reason: fmt.Sprintf("step %d: %s", failed, reason),
		Attempt: attempt, LearningRate: event.Number(t.rate(t.state.Seen + t.perStep()))})
}
