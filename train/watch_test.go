package train

import (
	"strings"
	"testing"
)

// The alarm is raised once, when the held-out loss has risen for good while the training loss falls, and not for noise.
func TestOverfittingAlarm(t *testing.T) {
	for _, c := range []struct {
		name     string
		trained  []float64
		held     []float64
		alarmAt  int // evaluation, -1 for none
		mentions string
	}{
		{"falling", []float64{5, 4, 3, 2, 1}, []float64{5, 4.5, 4, 3.9, 3.8}, -1, ""},
		{"noise", []float64{5, 4, 3, 2, 1, 1}, []float64{5, 4, 4.01, 4.02, 4.03, 4.03}, -1, ""},
		{"both rise", []float64{5, 4, 5, 6, 7, 8}, []float64{5, 4, 5, 6, 7, 8}, -1, ""},
		{"overfit", []float64{5, 4, 3, 2, 1, 0.5}, []float64{5, 4, 4.05, 4.06, 4.08, 4.1}, 4, "it was 4 after 200 images"},
		{"seldom measured", []float64{5, 4, 3, 2}, []float64{5, 4, 4.13, 4.4}, 2, "it was 4 after 200 images"},
		{"64 pictures", []float64{0.3026, 0.2175, 0.1906}, []float64{0.2549, 0.2633, 0.2831}, 1, "the held-out loss is 0.2633"}, // of a run
	} {
		var w watch
		at := -1
		for k := range c.held {
			w.trained(c.trained[k])
			if alarm := w.evaluated(c.held[k], int64(100*(k+1)), "images"); alarm != "" {
				if at >= 0 {
					t.Errorf("%s: a second alarm", c.name)
				}
				if at = k; !strings.Contains(alarm, c.mentions) {
					t.Error(alarm)
				}
			}
		}
		if at != c.alarmAt {
			t.Errorf("%s: alarm at %d, expected at %d", c.name, at, c.alarmAt)
		}
	}
}
