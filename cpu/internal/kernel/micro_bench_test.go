package kernel

import (
	"flag"
	"testing"
	"time"

	"github.com/ebb-ml/ebb/cpu/internal/pool"
)

var benchWorkers = flag.Int("workers", 2, "workers of benchmarks")

func newBenchRunner(b *testing.B) Runner {
	b.Helper()
	p, err := pool.New(*benchWorkers)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Close)
	return p
}

// reportShare times f and reports its best GFLOPS and the share of what the machine can do, measured in the same run.
func reportShare(b *testing.B, set *Set, r Runner, flops float64, f func()) {
	b.Helper()
	peak := MeasurePeak(set, 0.005)
	f()
	best := time.Hour
	for b.Loop() {
		begin := time.Now()
		f()
		best = min(best, time.Since(begin))
	}
	peak = max(peak, MeasurePeak(set, 0.005)) * float64(r.Workers())
	rate := flops / float64(best.Nanoseconds())
	b.ReportMetric(rate, "GFLOPS")
	b.ReportMetric(100*rate/peak, "%peak")
	b.ReportMetric(float64(peak), "peak")
}
