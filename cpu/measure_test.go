package cpu

import (
	"context"
	"errors"
	"testing"
)

// TestMeasureKernelsEnds ends the measurement at the first kernel: the machine's limits have been reported before, the error
// is the context's, and nothing is left in memory.
func TestMeasureKernelsEnds(t *testing.T) {
	b := open(t, "threads=2")
	ctx, cancel := context.WithCancel(t.Context())
	limits, shares := 0, 0
	err := b.MeasureKernels(ctx, func(k KernelMeasurement) error {
		switch {
		case !(k.Value > 0):
			t.Errorf("nothing measured: %+v", k)
		case k.Family == "machine" && k.Share() == 0:
			limits++
		case k.Share() > 0:
			shares++
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || limits != 5 || shares != 1 {
		t.Errorf("error %v after %d limits and %d kernels", err, limits, shares)
	}
	if used, _ := b.memory.sizes(); used != 0 {
		t.Errorf("%d bytes are still in use", used)
	}
}

// TestStreamsCompile compiles every program whose speed is measured; all of them must be kernels, not the interpreter.
func TestStreamsCompile(t *testing.T) {
	b := open(t, "threads=1")
	for _, s := range streamCases() {
		if _, err := s.compile(b); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
	}
}
