package exec

// streamFrom is the size in bytes from which on a program's results are written past the caches. A result that large is not
// there any more when it is read next, and writing through the caches would read it from memory first.
const streamFrom = 32 << 20

// isLarge tells whether results are written past the caches, but those that lie in an input's memory: their registers have
// room of their own, in the first-level cache, and are copied tile by tile.
func (f *fused) isLarge() bool { return 4*f.p.Size(f.p.Full()) >= streamFrom }

// bindStreams finds the results that are written past the caches.
func (t *tile) bindStreams(in, out [][]byte) {
	t.streamed = grow(t.streamed, len(out))
	for o := range out {
		t.streamed[o] = t.f.isLarge()
		for _, block := range in {
			t.streamed[o] = t.streamed[o] && !overlaps(out[o], block)
		}
	}
}

// overlaps tells whether two blocks share memory; blocks are either the same from their beginning or apart.
func overlaps(a, b []byte) bool {
	return len(a) > 0 && len(b) > 0 && &a[0] == &b[0]
}

// asks is what a program asks memory for ahead of time. A program of several passes over a tile reads memory in the first
// only, and writes it in the last: between passes it asks for a part of the next tile, so that memory is busy all the time.
type asks struct {
	loads []int // registers that lie in inputs read in full, tile after tile
	done  []int // the part of the next tile that has been asked for after each instruction and reduction, of total
	total int
}

// mostAsks is the most inputs of a program that asks ahead.
const mostAsks = 3

// planAsks shares the next tile among the passes over this one, whatever they take: a few inputs only are asked for, since the
// reading of many keeps memory busy by itself.
func (f *fused) planAsks() {
	full := f.p.Full()
	a := &f.ahead
	for _, i := range f.direct[perTile] {
		if f.p.Code[i].Keep == full {
			a.loads = append(a.loads, i)
		}
	}
	for _, in := range f.code[perTile] {
		op := f.p.Code[in.reg]
		if op.Keep == full || len(op.Args) > 0 && f.p.Code[op.Args[0]].Keep == full {
			a.total++
		}
		a.done = append(a.done, a.total)
	}
	for range f.reduces {
		a.total++
		a.done = append(a.done, a.total)
	}
	if a.total < 2 || len(a.loads) > mostAsks { // one pass reads along by itself
		a.loads = nil
	}
}

// execAsking computes the tile and asks for the next one meanwhile.
func (t *tile) execAsking() {
	for k, in := range t.f.code[perTile] {
		t.now = in.reg
		in.run(t)
		t.ask(k)
	}
}

// ask asks for the next tile's part after pass k.
func (t *tile) ask(k int) {
	a := &t.f.ahead
	from := 0
	if k > 0 {
		from = a.done[k-1]
	}
	to := a.done[k]
	if from == to {
		return
	}
	for _, i := range a.loads {
		at, n := t.extent(i)
		x := t.inputs[t.f.regs[i].load.input][at+n:]
		n = min(n, len(x))
		t.k.set.Vector.Prefetch(x[n*from/a.total : n*to/a.total])
	}
}

// stream copies the tile's results past the caches.
func (t *tile) stream(at int) {
	for _, i := range t.f.written {
		if o := t.f.regs[i].out; t.streamed[o] {
			t.k.set.Vector.Stream(t.output[o][at:at+t.rows*t.f.inner], t.r[i])
		}
	}
}
