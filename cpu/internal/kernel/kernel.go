// Package kernel holds the engine's numerical kernels: slices and sizes in, no graph, no allocation while running.
//
// Every kernel exists once in plain Go (the reference, always compiled, the oracle of the tests) and, on amd64, in assembly
// for the tiers AVX2+FMA and AVX-512. A [Set] is one tier's kernels; [ForTier] returns it. The choice is made once by the
// caller and passed along, so that two tiers can be compared within one process.
//
// Drivers such as [Gemm] split their work into tasks whose number and boundaries never depend on the number of workers:
// the same inputs give the same bits on any number of threads.
package kernel

import (
	"fmt"

	"golang.org/x/sys/cpu"
)

// Tier names an instruction set that kernels are written for.
type Tier uint8

// The tiers, slowest first.
const (
	Reference Tier = iota // plain Go
	AVX2                  // AVX2 and FMA, 256-bit
	AVX512                // AVX-512 F, BW, DQ, VL
)

var tierNames = [...]string{"reference", "avx2", "avx512"}

// String returns the tier's name as it is written in EBB_CPU_TIER.
func (t Tier) String() string { return tierNames[t] }

// ParseTier is the inverse of [Tier.String].
func ParseTier(name string) (Tier, error) {
	for i, n := range tierNames {
		if n == name {
			return Tier(i), nil
		}
	}
	return 0, fmt.Errorf("kernel: unknown tier %q (one of %v)", name, tierNames)
}

// Available tells whether this machine can run the tier.
func (t Tier) Available() bool {
	switch t {
	case AVX512:
		return cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL && cpu.X86.HasFMA
	case AVX2:
		return cpu.X86.HasAVX2 && cpu.X86.HasFMA
	}
	return true
}

// BestTier returns the fastest tier that this machine can run.
func BestTier() Tier {
	for _, t := range []Tier{AVX512, AVX2} {
		if t.Available() {
			return t
		}
	}
	return Reference
}

// Set is one tier's kernels.
type Set struct {
	Tier     Tier
	Micro    Micro    // matrix products
	Winograd Winograd // transforms of 3×3 convolutions
	Vector   Vector   // element-wise operations and reductions on blocks
}

// ForTier returns the kernels of a tier; on a machine without it, those of the fastest tier below it.
func ForTier(t Tier) *Set {
	for !t.Available() {
		t--
	}
	return &Set{Tier: t, Micro: microFor(t), Winograd: winogradFor(t), Vector: vectorFor(t)}
}

// Runner runs the tasks of one parallel region: f(worker, task) for every task in [0, tasks), each once, and returns when
// all are done. worker is in [0, Workers()) and no two tasks run at the same time with the same worker.
type Runner interface {
	Workers() int
	Run(tasks int, f func(worker, task int))
}

// Serial is the Runner that runs every task on the calling goroutine.
type Serial struct{}

// Workers returns 1.
func (Serial) Workers() int { return 1 }

// Run calls f(0, task) for each task in order.
func (Serial) Run(tasks int, f func(worker, task int)) {
	for i := range tasks {
		f(0, i)
	}
}
