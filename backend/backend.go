// Package backend opens the engine that graphs run on. There are three:
//
//	cpu   ebb's own SIMD compiler for CPUs; the default
//	go    GoMLX's stock interpreter in plain Go: slow, an oracle to compare with
//	xla   XLA through a PJRT plugin; only in programs built with -tags xla and cgo
//
// All implement compute.Backend, so nothing else in ebb knows which one runs.
package backend

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
)

// Options says which engine to open.
type Options struct {
	Name    string // "cpu", "go" or "xla"; "" is cpu
	Threads int    // 0: one for each core that Go may use
	Plugin  string // xla: path of the PJRT plugin; "" lets go-xla look in its usual places
}

// Default is the engine that an empty name stands for.
const Default = "cpu"

// engine is one row of the table of engines.
type engine struct {
	name  string
	about string
	open  func(Options) (compute.Backend, error)
}

// engines lists all engines, those that this program was built without included, so that asking for one says why.
func engines() []engine {
	return []engine{
		{"cpu", "ebb's SIMD engine", openCPU},
		{"go", "GoMLX's stock interpreter: slow, an oracle", openGo},
		{"xla", "XLA by a PJRT plugin", openXLA},
	}
}

// Names lists the engines by name, the default first.
func Names() []string {
	var names []string
	for _, e := range engines() {
		names = append(names, e.name)
	}
	return names
}

// ErrAbsent is wrapped by errors of engines that this program was built without.
var ErrAbsent = errors.New("not part of this program")

// Open opens an engine. Its error says why it cannot be had and what to do.
func Open(o Options) (compute.Backend, error) {
	if o.Name == "" {
		o.Name = Default
	}
	if o.Threads < 0 {
		return nil, fmt.Errorf("backend %s: %d threads: give at least 1, or 0 for all cores", o.Name, o.Threads)
	}
	for _, e := range engines() {
		if e.name == o.Name {
			return open(e, o)
		}
	}
	return nil, fmt.Errorf("no backend %q: choose one of %s", o.Name, strings.Join(Names(), ", "))
}

// open calls the engine's constructor; some panic where they should return an error.
func open(e engine, o Options) (b compute.Backend, err error) {
	defer func() {
		if p := recover(); p != nil {
			b, err = nil, fmt.Errorf("backend %s (%s): %v", e.name, e.about, p)
		}
	}()
	if b, err = e.open(o); err != nil {
		return nil, fmt.Errorf("backend %s (%s): %w", e.name, e.about, err)
	}
	return b, nil
}

// Status tells whether an engine can be had here.
type Status struct {
	Name, About string
	Err         error // nil if it opened
}

// Probe opens and closes every engine.
func Probe(o Options) []Status {
	var all []Status
	for _, e := range engines() {
		b, err := open(e, o)
		if err == nil {
			b.Finalize()
		}
		all = append(all, Status{e.name, e.about, err})
	}
	return all
}

// openGo opens the stock backend, which takes all cores. By default it runs several ops at once and deadlocks on U-Nets: convolutions
// hold all worker slots while each waits for one more (compute v0.1.4). Its option parallelism=N would print to standard output.
func openGo(Options) (compute.Backend, error) { return gobackend.New("ops_sequential") }
