package train

import (
	"time"

	"github.com/ebb-ml/ebb/event"
)

// meter sums up steps between reports and measures speed. Evaluation, sampling and the first step of a process, which compiles, do not
// count.
type meter struct {
	loss, norm float64
	steps      int
	began      time.Time // of the process's training
	since      time.Time // of the steps that count for the speed
	from, seen int64     // images or tokens at since, and now
	idle       time.Duration
	counting   bool
}

func (m *meter) restart(seen int64) { *m = meter{began: time.Now(), from: seen, seen: seen} }

func (m *meter) add(o Outcome, seen int64) {
	m.loss += o.Loss
	m.norm += o.GradNorm
	m.steps++
	m.seen = seen
	if !m.counting {
		m.counting, m.since, m.from, m.idle = true, time.Now(), seen, 0
	}
}

// pause stops the clock until the function that it returns is called.
func (m *meter) pause() (resume func()) {
	t := time.Now()
	return func() { m.idle += time.Since(t) }
}

func (m *meter) perSecond() float64 {
	d := time.Since(m.since) - m.idle
	if m.seen == m.from || d <= 0 {
		return 0
	}
	return float64(m.seen-m.from) / d.Seconds()
}

func (m *meter) remaining(target int64) time.Duration {
	r := m.perSecond()
	if r <= 0 {
		return 0
	}
	return time.Duration(float64(target-m.seen) / r * float64(time.Second))
}

// busy is how long this process has trained.
func (m *meter) busy() time.Duration { return time.Since(m.began) }

// progress sums up the steps since the last call.
func (m *meter) progress(rate float64, target int64) event.Progress {
	n := float64(max(m.steps, 1))
	p := event.Progress{Loss: event.Number(m.loss / n), GradNorm: event.Number(m.norm / n), LearningRate: event.Number(rate),
		PerSecond: event.Number(m.perSecond()), Remaining: event.Number(m.remaining(target).Seconds())}
	m.loss, m.norm, m.steps = 0, 0, 0
	return p
}
