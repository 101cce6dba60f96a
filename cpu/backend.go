// Package cpu is ebb's compute engine: a GoMLX backend in pure Go and Go assembly, for machines with nothing installed.
//
// A GoMLX program uses it by importing it for its side effect, which registers the backend under the name "cpu":
//
//	import _ "github.com/ebb-ml/ebb/cpu"
//
//	backend, err := compute.NewWithConfig("cpu")
//
// The name may be followed by a configuration (see [Config]), as in "cpu:threads=4,tier=avx2".
//
// GoMLX builds a graph operation by operation. Each is checked and recorded (capture, function*.go); Compile turns the
// recording into a program (internal/pass, plan, exec); Execute runs it on buffers, whose memory the backend reuses from
// step to step. Package internal/interp defines what every operation means.
package cpu

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/kernel"
	"github.com/ebb-ml/ebb/cpu/internal/pool"
)

// Name is the name that the backend is registered under.
const Name = "cpu"

// GoMLX finds backends by name among those that registered when the program started.
func init() {
	compute.Register(Name, func(config string) (compute.Backend, error) { return New(config) })
}

// Backend computes on this machine's processor. It is safe for use by several goroutines at once.
type Backend struct {
	config    Config
	memory    *memory
	kernels   *kernel.Set
	pool      *pool.Pool
	profiles  profiles
	dumps     atomic.Int64 // computations that were dumped
	interpret bool         // instead of compiling: tests compare the two
	finalized atomic.Bool
}

var _ compute.Backend = (*Backend)(nil)

// New opens a backend; config is the text form of [Config], without the backend's name.
func New(config string) (*Backend, error) {
	c, err := parseConfig(config)
	if err != nil {
		return nil, err
	}
	workers, err := pool.New(c.Threads)
	if err != nil {
		return nil, err
	}
	return &Backend{config: c, memory: newMemory(), kernels: kernel.ForTier(c.Tier), pool: workers}, nil
}

// Config returns how the backend computes.
func (b *Backend) Config() Config { return b.config }

// Name returns "cpu".
func (b *Backend) Name() string { return Name }

// String returns the name.
func (b *Backend) String() string { return Name }

// Description tells the number of threads and the instruction set.
func (b *Backend) Description() string {
	return fmt.Sprintf("ebb CPU engine (%d threads, %s)", b.config.Threads, b.config.Tier)
}

// NumDevices returns 1.
func (b *Backend) NumDevices() int { return 1 }

// DeviceDescription describes the only device, 0.
func (b *Backend) DeviceDescription(compute.DeviceNum) string {
	return fmt.Sprintf("%s/%s, %d threads, %s", runtime.GOOS, runtime.GOARCH, b.config.Threads, b.config.Tier)
}

// Builder starts a new computation.
func (b *Backend) Builder(name string) compute.Builder { return newBuilder(b, name) }

// Finalize gives back all memory that no buffer uses; that of a buffer in use follows when it is finalized or forgotten.
// The backend cannot be used afterwards.
func (b *Backend) Finalize() {
	if !b.finalized.Swap(true) {
		b.pool.Close()
		b.memory.close()
	}
}

// IsFinalized tells whether Finalize was called.
func (b *Backend) IsFinalized() bool { return b.finalized.Load() }

// check refuses to work on a finalized backend or another device than 0.
func (b *Backend) check(device compute.DeviceNum) error {
	if b.finalized.Load() {
		return errors.New("cpu: the backend is finalized")
	}
	if device != 0 {
		return fmt.Errorf("cpu: there is no device %d, only device 0", device)
	}
	return nil
}

// HasSharedBuffers returns true: [Buffer.Data] is the buffer's own memory.
func (b *Backend) HasSharedBuffers() bool { return true }

// NewSharedBuffer returns a buffer of zeros and its memory as a flat slice, which is valid as long as the buffer is
// referred to and neither finalized nor donated.
func (b *Backend) NewSharedBuffer(device compute.DeviceNum, shape shapes.Shape) (compute.Buffer, any, error) {
	buffer, err := b.newBuffer(device, shape)
	if err != nil {
		return nil, nil, err
	}
	clear(buffer.block)
	return buffer, flatOf(buffer.block, buffer.shape), nil
}

// BufferFromFlatData copies a flat slice, of the Go type of the shape's dtype (bytes for packed ones), into a new buffer.
func (b *Backend) BufferFromFlatData(device compute.DeviceNum, flat any, shape shapes.Shape) (compute.Buffer, error) {
	bytes, err := flatBytes(flat, shape)
	if err != nil {
		return nil, err
	}
	buffer, err := b.newBuffer(device, shape)
	if err != nil {
		return nil, err
	}
	copy(buffer.block, bytes)
	return buffer, nil
}
