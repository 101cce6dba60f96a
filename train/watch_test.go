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
		{"overfit", []float64{5, 4, 3, 2, 1, 0.5}, []float64{5, 4, 4.2, 4.4, 4.6, 4.8}, 4, "it was 4 after 200 images"},
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
