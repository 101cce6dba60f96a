package main

import (
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/cpu"
)

func TestPrintKernel(t *testing.T) {
	for _, c := range []struct {
		k    cpu.KernelMeasurement
		want string
	}{
		{cpu.KernelMeasurement{Name: "copy", Unit: "GB/s", Value: 39.06}, "copy 39.1 GB/s"},
		{cpu.KernelMeasurement{Name: "NN", Unit: "GFLOPS", Value: 90, Limit: 100, Goal: 0.88}, "NN 90.0 GFLOPS of 100.0: 90 % (goal 88)"},
		{cpu.KernelMeasurement{Name: "NN", Unit: "GFLOPS", Value: 80, Limit: 100, Goal: 0.88}, "NN 80.0 GFLOPS of 100.0: 80 % (goal 88, missed)"},
	} {
		var b strings.Builder
		if err := printKernel(&b, c.k); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(b.String()), " "); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// Of several sweeps the best of each kernel stays, with its limit of that time.
func TestBestKernels(t *testing.T) {
	var b bestKernels
	for _, sweep := range [][]cpu.KernelMeasurement{
		{{Name: "region", Unit: "µs", Value: 3}, {Name: "NN", Unit: "GFLOPS", Value: 80, Limit: 100}},
		{{Name: "region", Unit: "µs", Value: 2}, {Name: "NN", Unit: "GFLOPS", Value: 60, Limit: 110}},
	} {
		b.next = 0
		for _, k := range sweep {
			if err := b.take(k); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(b.all) != 2 || b.all[0].Value != 2 || b.all[1].Value != 80 || b.all[1].Limit != 100 {
		t.Errorf("%+v", b.all)
	}
}

// TestKernelsNeedTheEngine wants a usage error for a backend that cannot measure its kernels.
func TestKernelsNeedTheEngine(t *testing.T) {
	var out, err strings.Builder
	if code := run([]string{"bench", "--kernels", "--backend", "go"}, &app{stdout: &out, stderr: &err}); code != exitUsage || !strings.Contains(err.String(), "--kernels") {
		t.Errorf("exit code %d, %q", code, err.String())
	}
}
