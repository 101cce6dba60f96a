//go:build long

package cpu_test

import (
	"testing"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu"
)

// keeper is a backend that remembers the last executable.
type keeper struct {
	*cpu.Backend
	last *cpu.Executable
}

type keepingBuilder struct {
	compute.Builder
	k *keeper
}

// Builder implements compute.Backend.
func (k *keeper) Builder(name string) compute.Builder {
	return keepingBuilder{k.Backend.Builder(name), k}
}

// Compile implements compute.Builder.
func (b keepingBuilder) Compile() (compute.Executable, error) {
	x, err := b.Builder.Compile()
	if err == nil {
		b.k.last = x.(*cpu.Executable)
	}
	return x, err
}

// BenchmarkCompile compiles the training graphs of `ebb bench`: what the engine adds to GoMLX's own time for building them.
//
//	go test -tags long ./cpu -run xxx -bench Compile -benchmem
func BenchmarkCompile(b *testing.B) {
	for _, k := range works(b) {
		b.Run(k.name, func(b *testing.B) {
			keep := &keeper{Backend: openBackend(b, "threads=2")}
			newTrainer(b, keep, k).run()
			for b.Loop() {
				if err := keep.last.Recompile(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
