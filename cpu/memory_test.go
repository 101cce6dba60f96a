package cpu

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

func TestSizeClasses(t *testing.T) {
	last := 0
	for size := mapFrom; size < 1<<30; size += 1 + size/97 {
		c := sizeClass(size)
		if c < size || c > size+size/4+pageSize || c%pageSize != 0 || c < last || sizeClass(c) != c {
			t.Fatalf("class of %d is %d, after %d", size, c, last)
		}
		last = c
	}
}

// TestBlocks allocates and frees at random: blocks are aligned, do not overlap, keep their contents, and are used again.
func TestBlocks(t *testing.T) {
	m := newMemory()
	defer m.close()
	r := rand.New(rand.NewPCG(1, 2))
	type held struct {
		block []byte
		mark  byte
	}
	var blocks []held
	for i := range 500 {
		if len(blocks) > 10 || len(blocks) > 0 && r.IntN(2) == 0 {
			k := r.IntN(len(blocks))
			h := blocks[k]
			for _, at := range []int{0, len(h.block) / 2, len(h.block) - 1} {
				if h.block[at] != h.mark {
					t.Fatalf("block of %d bytes was overwritten at %d", len(h.block), at)
				}
			}
			m.Free(h.block)
			blocks[k] = blocks[len(blocks)-1]
			blocks = blocks[:len(blocks)-1]
			continue
		}
		size := 1 + r.IntN(1<<(10+r.IntN(12)))
		block, err := m.Alloc(int64(size))
		if err != nil {
			t.Fatal(err)
		}
		if len(block) != size || uintptr(unsafe.Pointer(&block[0]))%64 != 0 {
			t.Fatalf("block of %d bytes at %p for %d", len(block), &block[0], size)
		}
		for j := range block {
			block[j] = byte(i)
		}
		blocks = append(blocks, held{block, byte(i)})
	}
	for _, h := range blocks {
		m.Free(h.block)
		m.Free(h.block) // of no effect
	}
	if used, _ := m.sizes(); used != 0 {
		t.Errorf("%d bytes in use when all blocks are freed", used)
	}
}

func TestFreedMemoryIsReusedAndBounded(t *testing.T) {
	m := newMemory()
	a, err := m.Alloc(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	first := &a[0]
	m.Free(a)
	if b, err := m.Alloc(1<<20 - 100); err != nil || &b[0] != first {
		t.Errorf("a freed block was not used again: %v", err)
	}
	for range 20 {
		blocks := make([][]byte, 5)
		for i := range blocks {
			if blocks[i], err = m.Alloc(40 << 20); err != nil { // never touched, so this costs no memory
				t.Fatal(err)
			}
		}
		for _, b := range blocks {
			m.Free(b)
		}
		if _, unused := m.sizes(); unused > keepAtAll {
			t.Fatalf("%d bytes are kept while next to nothing is in use", unused)
		}
	}
	for _, size := range []int64{-1, largestTensor + 1, largestTensor} {
		if _, err := m.Alloc(size); err == nil {
			t.Errorf("allocated %d bytes", size)
		}
	}
	m.close()
	if _, unused := m.sizes(); unused != 0 {
		t.Errorf("%d bytes are kept after close", unused)
	}
}
