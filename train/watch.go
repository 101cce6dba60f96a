package train

import "fmt"

// watch looks for overfitting: a held-out loss that rises while the training loss goes on falling.
type watch struct {
	Best    float64 `json:"best"`     // lowest held-out loss so far
	AtBest  float64 `json:"at_best"`  // training loss then
	Count   int     `json:"count"`    // evaluations so far
	Rising  int     `json:"rising"`   // evaluations in a row clearly above the best
	Alarmed bool    `json:"alarmed"`  // said so already
	BestAt  int64   `json:"best_at"`  // images or tokens seen at the best
	Sum     float64 `json:"sum"`      // of training losses since the last evaluation
	Steps   int64   `json:"in_sum"`   // how many those are
	Last    float64 `json:"last"`     // mean training loss before the last evaluation
	LastOut float64 `json:"last_out"` // last held-out loss
	Stale   int     `json:"stale"`    // evaluations since the best
}

// A held-out loss counts as risen when it is riseShare above the best, and risen for good after risePatience evaluations, or at once when it is
// riseClear above: pictures and noise are the same each time, so that chance does not move it so far, and evaluations may be few.
const (
	riseShare    = 0.01
	riseClear    = 0.03
	risePatience = 3
)

// trained takes in the loss of a training step.
func (w *watch) trained(loss float64) {
	w.Sum += loss
	w.Steps++
}

// evaluated takes in a held-out loss and returns the alarm to raise, if it is time for one.
func (w *watch) evaluated(loss float64, seen int64, unit string) (alarm string) {
	if w.Steps > 0 {
		w.Last = w.Sum / float64(w.Steps)
	}
	w.Sum, w.Steps, w.LastOut = 0, 0, loss
	w.Count++
	w.Stale++
	if w.Count == 1 || loss < w.Best {
		w.Best, w.AtBest, w.BestAt, w.Rising, w.Stale, w.Alarmed = loss, w.Last, seen, 0, 0, false
		return ""
	}
	if loss > w.Best*(1+riseShare) && w.Last < w.AtBest {
		w.Rising++
		if loss > w.Best*(1+riseClear) {
			w.Rising = max(w.Rising, risePatience)
		}
	} else {
		w.Rising = 0
	}
	if w.Rising < risePatience || w.Alarmed {
		return ""
	}
	w.Alarmed = true
	return fmt.Sprintf("the model begins to learn the training data by heart: the held-out loss is %.4g, it was %.4g after %d %s, while "+
		"the training loss fell from %.4g to %.4g. The best checkpoint is kept. More data, dropout or a smaller network help; going on does not",
		loss, w.Best, w.BestAt, unit, w.AtBest, w.Last)
}
