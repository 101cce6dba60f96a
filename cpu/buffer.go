package cpu

import (
	"fmt"
	"reflect"
	"runtime"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// Buffer is a tensor in the backend's memory.
type Buffer struct {
	backend *Backend
	shape   shapes.Shape

	mu      sync.Mutex
	block   []byte
	gone    string // why the buffer cannot be used any more, or ""
	readers int    // executions that are reading it
	cleanup runtime.Cleanup
}

var _ compute.Buffer = (*Buffer)(nil)

// newBuffer allocates a buffer with undefined contents.
func (b *Backend) newBuffer(device compute.DeviceNum, shape shapes.Shape) (*Buffer, error) {
	if err := b.check(device); err != nil {
		return nil, err
	}
	if err := checkShape(shape); err != nil {
		return nil, err
	}
	block, err := b.memory.Alloc(shape.ByteSize())
	if err != nil {
		return nil, err
	}
	return b.adopt(block, plain(shape)), nil
}

// adopt makes a buffer of a block. The block is freed when the buffer is finalized, or forgotten.
func (b *Backend) adopt(block []byte, shape shapes.Shape) *Buffer {
	buffer := &Buffer{backend: b, shape: shape, block: block}
	if len(block) >= mapFrom {
		buffer.cleanup = runtime.AddCleanup(buffer, b.memory.Free, block)
	}
	return buffer
}

// flatBytes checks that a flat slice fits a shape and returns its memory.
func flatBytes(flat any, shape shapes.Shape) ([]byte, error) {
	if err := checkShape(shape); err != nil {
		return nil, err
	}
	t := reflect.TypeOf(flat)
	if t == nil || t.Kind() != reflect.Slice || t.Elem().Size() != shape.DType.GoType().Size() || !sameElement(t.Elem(), shape.DType) {
		return nil, fmt.Errorf("cpu: flat data of type %T does not fit dtype %s of shape %s", flat, shape.DType, shape)
	}
	want := shape.Size()
	if shape.DType.IsPacked() {
		want = int(shape.ByteSize())
	}
	if n := reflect.ValueOf(flat).Len(); n != want {
		return nil, fmt.Errorf("cpu: flat data has %d elements, shape %s takes %d", n, shape, want)
	}
	return dtypes.UnsafeByteSliceFromAny(flat), nil
}

// sameElement tells whether a Go type is that of a dtype; int is that of its width.
func sameElement(t reflect.Type, d dtypes.DType) bool {
	if t.Kind() == reflect.Int {
		return d == dtypes.FromGoType(t)
	}
	return t == d.GoType()
}

// Backend returns the backend that the buffer belongs to.
func (b *Buffer) Backend() compute.Backend { return b.backend }

// Finalize frees the buffer's memory, at once or when the executions that are reading it are done. It may be called again.
func (b *Buffer) Finalize() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone == "" {
		b.leave("finalized")
	}
	return nil
}

// leave makes the buffer unusable and frees its memory as soon as nobody reads it.
func (b *Buffer) leave(why string) {
	b.gone = why
	b.cleanup.Stop()
	if b.readers == 0 {
		b.backend.memory.Free(b.block)
		b.block = nil
	}
}

// usable returns an error if the buffer is gone.
func (b *Buffer) usable() error {
	if b.gone != "" {
		return fmt.Errorf("cpu: the buffer of shape %s was %s", b.shape, b.gone)
	}
	return nil
}

// Shape returns the shape.
func (b *Buffer) Shape() (shapes.Shape, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.usable(); err != nil {
		return shapes.Invalid(), err
	}
	return b.shape, nil
}

// DeviceNum returns 0.
func (b *Buffer) DeviceNum() (compute.DeviceNum, error) { return 0, nil }

// Data returns the buffer's memory as a flat slice of the Go type of its dtype. It is valid as long as the buffer is
// referred to and neither finalized nor donated.
func (b *Buffer) Data() (any, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.usable(); err != nil {
		return nil, err
	}
	return flatOf(b.block, b.shape), nil
}

// ToFlatData copies the buffer into a flat slice of the right type and length.
func (b *Buffer) ToFlatData(flat any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.usable(); err != nil {
		return err
	}
	bytes, err := flatBytes(flat, b.shape)
	if err == nil {
		copy(bytes, b.block)
	}
	return err
}

// CopyToDevice returns a copy; the only device is 0.
func (b *Buffer) CopyToDevice(device compute.DeviceNum) (compute.Buffer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.usable(); err != nil {
		return nil, err
	}
	out, err := b.backend.newBuffer(device, b.shape)
	if err != nil {
		return nil, err
	}
	copy(out.block, b.block)
	return out, nil
}

// reserve lets an execution use the buffer until release; a donated one cannot be used by anyone else any more.
func (b *Buffer) reserve(donated bool) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.usable(); err != nil {
		return nil, err
	}
	if donated {
		if b.readers > 0 {
			return nil, fmt.Errorf("cpu: the buffer of shape %s cannot be donated: it is in use, as another input or by another execution", b.shape)
		}
		b.gone = "donated"
	}
	b.readers++
	return b.block, nil
}

// restore undoes reserve.
func (b *Buffer) restore(donated bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.readers--; donated {
		b.gone = ""
	} else if b.gone != "" && b.readers == 0 {
		b.leave(b.gone)
	}
}

// release ends an execution's use. A donated buffer's memory is freed unless it was kept as a result.
func (b *Buffer) release(donated, kept bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.readers--
	if kept {
		b.cleanup.Stop()
		b.block = nil
		return
	}
	if b.gone != "" && b.readers == 0 {
		b.leave(b.gone)
	}
}
