package kernel

import "time"

// MeasurePeak returns the most GFLOPS (two per multiply-add) that one core reaches with the tier's widest multiply-adds,
// operands in registers, measured for about the given time. The reference tier, which has no such kernel, reports its
// micro-kernel on operands in the first-level cache. Clock rates vary: measure in the same process, next to what is
// compared with it.
func MeasurePeak(set *Set, seconds float64) float64 {
	flops, work := peakWork(&set.Micro)
	best := 0.0
	for end := time.Now().Add(time.Duration(seconds * float64(time.Second))); best == 0 || time.Now().Before(end); {
		begin := time.Now()
		work()
		best = max(best, flops/float64(time.Since(begin).Nanoseconds()))
	}
	return best
}

// peakWork returns a piece of work of at most about 100 µs and its floating-point operations.
func peakWork(m *Micro) (flops float64, work func()) {
	if m.peak != nil {
		const n = 20000
		return float64(n * 24 * 2 * m.lanes), func() { m.peak(n) }
	}
	const k = 256
	a, b, c := make([]float32, m.MR*k), make([]float32, m.NR*k), make([]float32, m.MR*m.NR)
	return float64(2 * k * m.MR * m.NR), func() { m.Rows[m.MR](k, 1, &a[0], &b[0], &c[0], k, m.NR, m.NR, 0, 0, 0, false) }
}
