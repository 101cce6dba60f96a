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

// kernels prints every kernel of the engine beside its limit: as soon as it is measured, or after several sweeps the best of each.
func (c *benchCmd) kernels(a *app) error {
	if c.Rounds < 1 {
		return usage(fmt.Errorf("--rounds %d: give at least 1", c.Rounds))
	}
	b, err := c.open()
	if err != nil {
		return err
	}
	defer b.Finalize()
	m, ok := b.(kernelMeter)
	if !ok {
		return usage(fmt.Errorf("--kernels: backend %s does not measure its kernels; leave out --backend", c.Backend))
	}
	ctx, stop := a.untilSignal()
	defer stop()
	show := kernelTable(a.stdout)
	if c.JSON {
		e := json.NewEncoder(a.stdout)
		show = func(k cpu.KernelMeasurement) error { return e.Encode(k) }
	} else if _, err := fmt.Fprintln(a.stdout, b.Description()); err != nil {
		return err
	}
	if c.Rounds == 1 {
		return m.MeasureKernels(ctx, show)
	}
	var best bestKernels
	for round := range c.Rounds {
		fmt.Fprintf(a.stderr, "round %d of %d\n", round+1, c.Rounds)
		best.next = 0
		if err := m.MeasureKernels(ctx, best.take); err != nil {
			return err
		}
	}
	for _, k := range best.all {
		if err := show(k); err != nil {
			return err
		}
	}
	return nil
}

// bestKernels keeps of each kernel the sweep in which it was fastest, with its limit of that time: a machine that is shared changes its
// speed every few seconds, and a sweep meets each kernel in one state only.
type bestKernels struct {
	all  []cpu.KernelMeasurement
	next int // of this sweep
}

func (b *bestKernels) take(k cpu.KernelMeasurement) error {
	if b.next == len(b.all) {
		b.all = append(b.all, k)
	} else {
		best := &b.all[b.next]
		better := k.Value > best.Value
		if k.Unit == "µs" {
			better = k.Value < best.Value
		}
		if better {
			*best = k
		}
	}
	b.next++
	return nil
}

// kernelTable writes rows below the names of their families.
func kernelTable(w io.Writer) func(k cpu.KernelMeasurement) error {
	family := ""
	return func(k cpu.KernelMeasurement) error {
		if k.Family != family {
			family = k.Family
			if _, err := fmt.Fprintf(w, "\n%s\n", family); err != nil {
				return err
			}
		}
		return printKernel(w, k)
	}
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
