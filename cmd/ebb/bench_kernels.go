package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/ebb-ml/ebb/cpu"
)

// kernelMeter is what an engine offers that can measure its kernels beside the machine's limits.
type kernelMeter interface {
	MeasureKernels(ctx context.Context, report func(cpu.KernelMeasurement) error) error
}

// kernels prints every kernel of the engine beside its limit, as soon as it is measured.
func (c *benchCmd) kernels(a *app) error {
	b, err := c.open()
	if err != nil {
		return err
	}
	defer b.Finalize()
	m, ok := b.(kernelMeter)
	if !ok {
		return usage(fmt.Errorf("--kernels: backend %s does not measure its kernels; leave out --backend", c.Backend))
	}
	if c.JSON {
		e := json.NewEncoder(a.stdout)
		return m.MeasureKernels(context.Background(), func(k cpu.KernelMeasurement) error { return e.Encode(k) })
	}
	if _, err := fmt.Fprintln(a.stdout, b.Description()); err != nil {
		return err
	}
	family := ""
	return m.MeasureKernels(context.Background(), func(k cpu.KernelMeasurement) error {
		if k.Family != family {
			family = k.Family
			if _, err := fmt.Fprintf(a.stdout, "\n%s\n", family); err != nil {
				return err
			}
		}
		return printKernel(a.stdout, k)
	})
}

// printKernel writes a row: name, speed, limit, share and goal.
func printKernel(w io.Writer, k cpu.KernelMeasurement) error {
	row := fmt.Sprintf("  %-44s %8.1f %s", k.Name, k.Value, k.Unit)
	if k.Limit > 0 {
		row += fmt.Sprintf(" of %6.1f: %4.0f %%", k.Limit, 100*k.Share())
	}
	switch {
	case k.Goal > 0 && k.Share() >= k.Goal:
		row += fmt.Sprintf("  (goal %.0f)", 100*k.Goal)
	case k.Goal > 0:
		row += fmt.Sprintf("  (goal %.0f, missed)", 100*k.Goal)
	}
	_, err := fmt.Fprintln(w, row)
	return err
}
