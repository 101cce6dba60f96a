package torch

import (
	"errors"
	"fmt"
	"math/bits"
)

// Tensor is a tensor of a file. Its elements are read when they are asked for.
type Tensor struct {
	DType   DType
	Shape   []int
	strides []int64 // in elements
	offset  int64   // in elements
	storage *storage
}

// storage is the memory that one or more tensors are views of.
type storage struct {
	dtype DType
	bytes int64
	key   string
	read  func() ([]byte, error)
}

const (
	maxDims = 64
	// A tensor may be larger than its storage, where a dimension of stride 0 repeats it; but not by so much that a small file fills the memory.
	maxRepeated = 64 << 20
)

// rebuild makes a tensor of the arguments storage, offset, size, stride, …; of which there must be at least n, and the element type at index dtypeAt if
// the storage does not give it.
func rebuild(args Tuple, n, dtypeAt int) (any, error) {
	if len(args) < n {
		return nil, errBadArguments(args)
	}
	s, ok := args[0].(*storage)
	offset, isInt := args[1].(int64)
	shape, err1 := numbers(args[2])
	strides, err2 := numbers(args[3])
	if err := errors.Join(err1, err2); err != nil || !ok || !isInt {
		return nil, errors.Join(errBadArguments(args), err)
	}
	t := &Tensor{DType: s.dtype, strides: strides, offset: offset, storage: s}
	if dtypeAt >= 0 {
		if t.DType, ok = args[dtypeAt].(DType); !ok {
			return nil, errBadArguments(args)
		}
	}
	for _, d := range shape {
		t.Shape = append(t.Shape, int(d))
	}
	return t, t.check()
}

func numbers(v any) ([]int64, error) {
	if l, ok := v.(*List); ok {
		v = Tuple(l.Items)
	}
	items, ok := v.(Tuple)
	if !ok || len(items) > maxDims {
		return nil, fmt.Errorf("a %T is no shape", v)
	}
	out := make([]int64, len(items))
	for i, item := range items {
		if out[i], ok = item.(int64); !ok || out[i] < 0 {
			return nil, fmt.Errorf("%v is no dimension or stride", item)
		}
	}
	return out, nil
}

// check refuses a tensor of which an element would lie outside its storage.
func (t *Tensor) check() error {
	if len(t.Shape) != len(t.strides) || t.offset < 0 || t.DType == untyped {
		return fmt.Errorf("a tensor of %v has %d dimensions, %d strides and offset %d", t.DType, len(t.Shape), len(t.strides), t.offset)
	}
	count, last := uint64(1), uint64(t.offset)
	var over uint64
	for i, d := range t.Shape {
		if d == 0 {
			return nil
		}
		hi, step := bits.Mul64(uint64(d-1), uint64(t.strides[i]))
		hi2, n := bits.Mul64(count, uint64(d))
		var carry uint64
		last, carry = bits.Add64(last, step, 0)
		over |= hi | hi2 | carry
		count = n
	}
	size := uint64(dtypes[t.DType].size)
	held := uint64(t.storage.bytes) / size
	if over != 0 || last >= held {
		return fmt.Errorf("a tensor of shape %v and strides %v from %d on reaches beyond its storage of %d elements", t.Shape, t.strides, t.offset, held)
	}
	if count > max(held, maxRepeated/size) {
		return fmt.Errorf("a tensor of shape %v repeats its storage of %d elements too often", t.Shape, held)
	}
	return nil
}

// len returns the number of elements.
func (t *Tensor) len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Bytes returns the elements row-major and little-endian, whatever the strides. They must not be changed: tensors may share them.
func (t *Tensor) Bytes() ([]byte, error) {
	if t.len() == 0 {
		return nil, nil
	}
	data, err := t.storage.read()
	if err != nil {
		return nil, fmt.Errorf("storage %q: %w", t.storage.key, err)
	}
	size := dtypes[t.DType].size
	if t.contiguous() {
		from := t.offset * size
		return data[from : from+int64(t.len())*size], nil
	}
	return t.gather(data, size), nil
}

func (t *Tensor) contiguous() bool {
	want := int64(1)
	for i := len(t.Shape) - 1; i >= 0; i-- {
		if t.Shape[i] != 1 && t.strides[i] != want {
			return false
		}
		want *= int64(t.Shape[i])
	}
	return true
}

// gather copies element by element, counting the indices up as an odometer does.
func (t *Tensor) gather(data []byte, size int64) []byte {
	out := make([]byte, 0, int64(t.len())*size)
	index := make([]int, len(t.Shape))
	at := t.offset
	for {
		out = append(out, data[at*size:(at+1)*size]...)
		i := len(index) - 1
		for ; i >= 0; i-- {
			index[i]++
			at += t.strides[i]
			if index[i] < t.Shape[i] {
				break
			}
			at -= int64(t.Shape[i]) * t.strides[i]
			index[i] = 0
		}
		if i < 0 {
			return out
		}
	}
}
