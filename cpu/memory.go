package cpu

import (
	"fmt"
	"math/bits"
	"slices"
	"sync"
)

const (
	pageSize  = 4096
	mapFrom   = 64 << 10  // blocks of this size and more are mapped, outside the Go heap
	margin    = 128 << 10 // readable memory before and after a mapped block: kernels read beyond edges and mask what they read
	keepAtAll = 64 << 20  // unused memory that is kept whatever is in use
)

// memory hands out blocks for tensors. Large ones are mapped from the system and kept for reuse by size class when freed:
// mapping anew costs a page fault for every page of a training step, every step. Small ones come from the Go heap.
type memory struct {
	mu     sync.Mutex
	mapped map[*byte]mapping // blocks in use, by their first byte
	free   map[int][]mapping // unused ones, by class
	used   int64             // bytes in mapped
	unused int64             // bytes in free
	closed bool
}

// mapping is a mapped region with the block of a size class in its middle.
type mapping struct {
	region []byte
	class  int
}

func newMemory() *memory {
	return &memory{mapped: map[*byte]mapping{}, free: map[int][]mapping{}}
}

// sizeClass rounds a size up to one of four steps between powers of two, and to whole pages.
func sizeClass(size int) int {
	step := max(pageSize, 1<<max(bits.Len(uint(size-1))-3, 0))
	return (size + step - 1) / step * step
}

// Alloc returns a block of the given size, aligned to at least 64 bytes, with undefined contents.
func (m *memory) Alloc(size int64) ([]byte, error) {
	switch {
	case size < 0 || size > largestTensor:
		return nil, fmt.Errorf("cpu: cannot allocate %d bytes", size)
	case size == 0:
		return nil, nil
	case size < mapFrom:
		return aligned(int(size)), nil
	}
	class := sizeClass(int(size))
	m.mu.Lock()
	defer m.mu.Unlock()
	mp := mapping{class: class}
	if list := m.free[class]; len(list) > 0 {
		mp = list[len(list)-1]
		m.free[class] = list[:len(list)-1]
		m.unused -= int64(class)
	} else {
		region, err := mapRegion(class + 2*margin)
		if err != nil {
			return nil, fmt.Errorf("cpu: out of memory: %d bytes for a tensor, %d in use: %w", size, m.used, err)
		}
		mp.region = region
		touch(region[margin:][:size])
	}
	block := mp.region[margin:][:size:class]
	m.mapped[&block[0]] = mp
	m.used += int64(class)
	return block, nil
}

// Free takes back a block that Alloc returned. Blocks of the Go heap are left to the garbage collector.
func (m *memory) Free(block []byte) {
	if len(block) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	mp, ok := m.mapped[&block[0]]
	if !ok {
		return
	}
	delete(m.mapped, &block[0])
	m.used -= int64(mp.class)
	if m.closed {
		unmapRegion(mp.region)
		return
	}
	m.free[mp.class] = append(m.free[mp.class], mp)
	m.unused += int64(mp.class)
	m.trim(max(keepAtAll, m.used))
}

// trim gives unused memory back to the system, the largest blocks first, until at most limit bytes are kept.
func (m *memory) trim(limit int64) {
	if m.unused <= limit {
		return
	}
	classes := make([]int, 0, len(m.free))
	for class := range m.free {
		classes = append(classes, class)
	}
	slices.Sort(classes)
	for _, class := range slices.Backward(classes) {
		list := m.free[class]
		for len(list) > 0 && m.unused > limit {
			unmapRegion(list[len(list)-1].region)
			list = list[:len(list)-1]
			m.unused -= int64(class)
		}
		m.free[class] = list
	}
}

// sizes returns how many bytes of mapped blocks are in use, and how many are kept unused.
func (m *memory) sizes() (used, unused int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used, m.unused
}

// close gives back unused memory; blocks in use follow as they are freed.
func (m *memory) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.trim(0)
}
