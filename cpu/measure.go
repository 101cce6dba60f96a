package cpu

import (
	"context"
	"slices"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/kernel"
)

// KernelMeasurement is the best speed of one kernel beside the machine's limit for it. The two are measured in turns within
// the same tenth of a second, since clock rates and memory bandwidth of a shared machine change by the second.
type KernelMeasurement struct {
	Family string  `json:"family"` // "machine" for the limits themselves
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`            // GFLOPS (of the direct method, even where fewer are done), GB/s or µs
	Value  float64 `json:"value"`           // in Unit
	Limit  float64 `json:"limit,omitempty"` // in Unit; 0 for the machine's own limits
	Goal   float64 `json:"goal,omitempty"`  // share of the limit that ebb asks of the kernel; 0 if none is stated
}

// Share returns which part of the limit the kernel reaches, 0 if it has none. It is above 1 for convolutions by Winograd's
// method, which does with a quarter of the multiplications.
func (k KernelMeasurement) Share() float64 {
	if k.Limit == 0 {
		return 0
	}
	return k.Value / k.Limit
}

// MeasureKernels measures this backend's kernels on its own memory and workers, and calls report after each: the machine's
// limits (multiply-adds of one worker and of all, streaming copy, the cost of a parallel region) and then every family of
// kernels, from matrix products to the update of AdamW. It takes some 20 seconds and 500 MB; nothing else should run.
// It ends early with the error of ctx or of report.
func (b *Backend) MeasureKernels(ctx context.Context, report func(KernelMeasurement) error) error {
	if err := b.check(0); err != nil {
		return err
	}
	m := &meter{Backend: b, ctx: ctx, report: report}
	defer m.freeAll()
	for _, part := range []func() error{m.machine, m.gemms, m.convolutions, m.attentions, m.streams} {
		if err := part(); err != nil {
			return err
		}
		m.freeAll()
	}
	return nil
}

// meter is one measurement of all kernels.
type meter struct {
	*Backend
	ctx    context.Context
	report func(KernelMeasurement) error
	held   [][]byte
	phase  uint32
}

// floats allocates memory that is freed after the current kernel, and fills it with values between -1 and 1.
func (m *meter) floats(n int) ([]float32, error) {
	block, err := m.memory.Alloc(4 * int64(n))
	if err != nil {
		return nil, err
	}
	m.held = append(m.held, block)
	return m.fill(flatOf(block, shapes.Make(dtypes.Float32, n))), nil
}

// fill sets a flat slice of float32 to the numbers of a linear congruential generator.
func (m *meter) fill(flat any) []float32 {
	x, _ := flat.([]float32)
	for i := range x {
		m.phase = m.phase*1664525 + 1013904223
		x[i] = float32(int32(m.phase)) / (1 << 31)
	}
	return x
}

// arrays allocates one array for each size.
func (m *meter) arrays(sizes ...int) ([][]float32, error) {
	var all [][]float32
	for _, n := range sizes {
		x, err := m.floats(n)
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

func (m *meter) freeAll() {
	for _, block := range m.held {
		m.memory.Free(block)
	}
	m.held = nil
}

const (
	measureRounds = 7
	measureTime   = 120 * time.Millisecond
	measureMost   = time.Second
)

// best runs a kernel and its limit in turns and reports the best of each. Both return nothing but errors and are timed by
// amount, which counts units of 10⁹ a second; limit returns a rate.
func (m *meter) best(k KernelMeasurement, amount float64, limit func() float64, run func() error) error {
	if err := run(); err != nil { // page faults, caches
		return err
	}
	begin := time.Now()
	for round := 0; round < 2 || time.Since(begin) < measureMost; round++ {
		if round >= measureRounds && time.Since(begin) > measureTime {
			break
		}
		if err := m.ctx.Err(); err != nil {
			return err
		}
		k.Limit = max(k.Limit, limit())
		start := time.Now()
		if err := run(); err != nil {
			return err
		}
		k.Value = max(k.Value, amount/float64(time.Since(start).Nanoseconds()))
	}
	return m.report(k)
}

// machine measures the limits.
func (m *meter) machine() error {
	one, all, region := 0.0, 0.0, time.Hour
	for range measureRounds {
		one = max(one, kernel.MeasurePeak(m.kernels, 0.01))
		all = max(all, m.peak())
		region = min(region, m.region())
	}
	ordinary, streaming := 0.0, 0.0
	copies, err := m.copies()
	if err != nil {
		return err
	}
	for range measureRounds {
		ordinary, streaming = max(ordinary, copies[0]()), max(streaming, copies[1]())
	}
	m.freeAll()
	for _, k := range []KernelMeasurement{
		{Name: "multiply-adds, 1 worker", Unit: "GFLOPS", Value: one},
		{Name: "multiply-adds, all workers", Unit: "GFLOPS", Value: all},
		{Name: "copy beyond cache, ordinary stores", Unit: "GB/s", Value: ordinary},
		{Name: "copy beyond cache, streaming stores", Unit: "GB/s", Value: streaming},
		{Name: "parallel region, fork and join", Unit: "µs", Value: float64(region.Nanoseconds()) / 1e3},
	} {
		k.Family = "machine"
		if err := m.report(k); err != nil {
			return err
		}
	}
	return nil
}

// peak returns the GFLOPS of multiply-adds of all workers at once.
func (m *meter) peak() float64 {
	rates := make([]float64, m.pool.Workers())
	m.pool.Run(len(rates), func(_, task int) { rates[task] = kernel.MeasurePeak(m.kernels, 0.002) })
	sum := 0.0
	for _, r := range rates {
		sum += r
	}
	return sum
}

// region returns what a parallel region of empty tasks costs.
func (m *meter) region() time.Duration {
	const regions = 2000
	start := time.Now()
	for range regions {
		m.pool.Run(m.pool.Workers(), func(int, int) {})
	}
	return time.Since(start) / regions
}

// Streams of 64 MiB are beyond every cache. They are cut into tasks of 1 MiB, which workers take as they can.
const (
	streamFloats = 16 << 20
	streamTask   = 256 << 10
	streamBlock  = 1024
)

// copies returns two measurements of copying in GB/s, read and written: block by block with ordinary stores, as
// element-wise kernels write, and with Go's copy, which streams past the caches.
func (m *meter) copies() ([2]func() float64, error) {
	a, err := m.arrays(streamFloats, streamFloats)
	if err != nil {
		return [2]func() float64{}, err
	}
	dst, src := a[0], a[1]
	v := &m.kernels.Vector
	timed := func(f func(dst, src []float32)) func() float64 {
		return func() float64 {
			start := time.Now()
			m.pool.Run(streamFloats/streamTask, func(_, task int) {
				f(dst[task*streamTask:(task+1)*streamTask], src[task*streamTask:(task+1)*streamTask])
			})
			return 8 * streamFloats / float64(time.Since(start).Nanoseconds())
		}
	}
	return [2]func() float64{
		timed(func(dst, src []float32) {
			for block := range slices.Chunk(src, streamBlock) {
				v.Copy2D(dst, streamBlock, block, streamBlock, 1, streamBlock)
				dst = dst[streamBlock:]
			}
		}),
		timed(func(dst, src []float32) { copy(dst, src) }),
	}, nil
}
