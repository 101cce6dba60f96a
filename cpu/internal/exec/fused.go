package exec

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// Sizes of tiles and tasks. They depend on nothing but the program, so results do not depend on the number of workers.
const (
	tileValues    = 1024    // registers of 4 KiB: half a dozen of them fit the first-level cache
	taskValues    = 1 << 14 // at least that much work for one task
	mostTasks     = 64
	mostPartials  = 16      // tasks of a program whose results need combining
	partialValues = 1 << 20 // most values of all partial results together
)

// Classes of registers: when they are computed.
const (
	perTask   = iota // they vary along no dimension that a task walks
	perPrefix        // they vary along the dimensions before the tile's
	perTile
)

// fused is a [ir.Program] prepared to run. A tile is a range of dimension j with all dimensions after it; the dimensions
// before it are the prefix.
type fused struct {
	p         *ir.Program
	in, out   []dtypes.DType
	j         int
	inner     int // values of one index of dimension j
	rows      int // range of j in a whole tile
	prefix    int
	perPrefix int // tiles for one prefix
	code      [3][]instruction
	regs      []register
	reduces   []*reduction
	stores    []store
	factors   []int32  // of each output that sums a product: the second factor's register, else -1
	loads     []int    // registers that are loads
	direct    [3][]int // those used where they lie, by class
	written   []int    // registers in an output's memory
	sized     []int    // registers in the worker's space that vary along j
	floats    int      // registers' space for one worker
	unitTiles int      // tiles that must stay in one task
	tasks     int
	partials  int // floats of partial results of one task
	ahead     asks
}

// instruction computes a register.
type instruction struct {
	reg int
	run func(t *tile)
}

// register says where a register's values are.
type register struct {
	class int
	size  int // values in a whole tile
	unit  int // values for each index of j, or 0 if the register does not vary with it
	load  *load
	out   int  // output whose memory it is, or -1
	at    int  // offset in the worker's space
	apart bool // it has a place there although it has an output's memory
}

// load is a register that is a part of an input.
type load struct {
	input   int
	strides []int // in the input, of each prefix dimension
	unit    int   // stride of dimension j
}

// store is a full register copied or converted to an output.
type store struct{ reg, out int }

func newFused(p *ir.Program, in, out []dtypes.DType, k *kernels) *fused {
	f := &fused{p: p, in: in, out: out}
	f.shapeTile()
	f.absorb(k)
	f.layRegisters()
	f.bindCode(k)
	f.planReductions(k)
	f.planAsks()
	f.planTasks()
	return f
}

// shapeTile chooses the tile: as many inner dimensions as fit, but all those that a reduction within the program needs.
func (f *fused) shapeTile() {
	dims := f.p.Dims
	if len(dims) == 0 {
		dims = []int{1}
		f.p = &ir.Program{Dims: dims, Code: f.p.Code, Outputs: f.p.Outputs}
	}
	f.j, f.inner = len(dims)-1, 1
	local := f.firstLocal()
	most := f.tileSize()
	for f.j > 0 && (f.inner*dims[f.j] <= most || f.j >= local) {
		f.inner *= dims[f.j]
		f.j--
	}
	f.rows = min(dims[f.j], max(1, most/f.inner))
	if f.j >= local { // only when the reduction reaches the outermost dimension
		f.rows = dims[f.j]
	}
	f.prefix = 1
	for _, d := range dims[:f.j] {
		f.prefix *= d
	}
	f.perPrefix = (dims[f.j] + f.rows - 1) / f.rows
}

// tileSize returns how many values a tile should have: what keeps the registers of a program in the first-level cache, more
// for one that passes over each value but once.
func (f *fused) tileSize() int {
	instructions := 0
	for _, in := range f.p.Code {
		if in.Op != ir.Load && in.Keep == f.p.Full() {
			instructions++
		}
	}
	if f.isLarge() { // results are copied
		instructions++
	}
	if instructions <= 1 {
		return 4 * tileValues
	}
	return tileValues
}

// firstLocal returns the outermost dimension over which a register is reduced, or the number of dimensions.
func (f *fused) firstLocal() int {
	first := len(f.p.Dims)
	for _, in := range f.p.Code {
		if !isReduce(in.Op) {
			continue
		}
		gone := f.p.Code[in.Args[0]].Keep &^ in.Keep
		for d := range first {
			if gone>>d&1 == 1 {
				first = d
				break
			}
		}
	}
	return first
}

func isReduce(op ir.Op) bool {
	switch compute.OpType(op) {
	case compute.OpTypeReduceSum, compute.OpTypeReduceMax, compute.OpTypeReduceMin:
		return true
	}
	return false
}

func (f *fused) bit(d int) uint32 { return 1 << d }

// innerSize returns how many values the dimensions after j that are in the mask have.
func (f *fused) innerSize(keep uint32) int {
	n := 1
	for d := f.j + 1; d < len(f.p.Dims); d++ {
		if keep>>d&1 == 1 {
			n *= f.p.Dims[d]
		}
	}
	return n
}

// layRegisters classifies the registers and gives each a place: in an input, in an output, or in the worker's space, where
// registers of the tile share room as soon as they are dead.
func (f *fused) layRegisters() {
	f.regs = make([]register, len(f.p.Code))
	depends := make([]uint32, len(f.p.Code))
	for i, in := range f.p.Code {
		r := &f.regs[i]
		r.out = -1
		if in.Op == ir.Load {
			depends[i] = in.Keep
		}
		for _, a := range in.Args {
			depends[i] |= depends[a]
		}
		switch {
		case depends[i]&f.bit(f.j) != 0:
			r.class = perTile
		case depends[i]&(f.bit(f.j)-1) != 0:
			r.class = perPrefix
		}
		r.size = f.innerSize(in.Keep)
		if in.Keep&f.bit(f.j) != 0 {
			r.unit = r.size
			r.size *= f.rows
		}
		if in.Op == ir.Load {
			r.load = f.newLoad(in)
		}
	}
	f.assignOutputs()
	f.assignSpace()
	f.listRegisters()
}

// listRegisters sorts the registers by what the loop over tiles does with them.
func (f *fused) listRegisters() {
	for i := range f.regs {
		r := &f.regs[i]
		if r.load != nil {
			f.loads = append(f.loads, i)
		}
		switch {
		case f.isDirect(i):
			f.direct[r.class] = append(f.direct[r.class], i)
		case r.out >= 0:
			f.written = append(f.written, i)
		case r.unit > 0:
			f.sized = append(f.sized, i)
		}
	}
}

func (f *fused) newLoad(in ir.Instr) *load {
	l := &load{input: in.Input, strides: make([]int, f.j)}
	n := f.innerSize(in.Keep)
	if in.Keep&f.bit(f.j) != 0 {
		l.unit = n
		n *= f.p.Dims[f.j]
	}
	for d := f.j - 1; d >= 0; d-- {
		if in.Keep&f.bit(d) != 0 {
			l.strides[d] = n
			n *= f.p.Dims[d]
		}
	}
	return l
}

// isDirect tells whether a register's values are used where they lie in the input.
func (f *fused) isDirect(i int) bool {
	return f.regs[i].load != nil && f.in[f.regs[i].load.input] == dtypes.Float32
}

// assignOutputs lets registers that are stored as they are be computed in the output's memory.
func (f *fused) assignOutputs() {
	for o, out := range f.p.Outputs {
		if out.Reduce != compute.ReduceOpUndefined {
			continue
		}
		r := &f.regs[out.Reg]
		if r.class == perTile && r.load == nil && r.out < 0 && f.out[o] == dtypes.Float32 && f.p.Code[out.Reg].Keep == f.p.Full() {
			r.out = o
			continue
		}
		f.stores = append(f.stores, store{int(out.Reg), o})
	}
}

// assignSpace gives the other registers room. Registers of one tile reuse the room of those that are dead.
func (f *fused) assignSpace() {
	last := f.lastUses()
	free := map[int][]int{} // by size
	take := func(size, class int) int {
		if l := free[size]; class == perTile && len(l) > 0 {
			free[size] = l[:len(l)-1]
			return l[len(l)-1]
		}
		at := f.floats
		f.floats += (size + 15) / 16 * 16
		return at
	}
	for i := range f.regs {
		r := &f.regs[i]
		r.apart = r.out >= 0 && f.isLarge()
		if !f.isDirect(i) && r.out < 0 || r.apart {
			r.at = take(r.size, r.class)
		}
		// Free after the instruction has taken its own place, so that a kernel never writes over what it reads.
		for _, a := range f.p.Code[i].Args {
			if q := &f.regs[a]; q.class == perTile && r.class == perTile && last[a] == i && !f.isDirect(int(a)) && q.out < 0 {
				free[q.size] = append(free[q.size], q.at)
				last[a] = -1
			}
		}
	}
}

// lastUses returns the last instruction that reads each register; those that outputs read never die.
func (f *fused) lastUses() []int {
	last := make([]int, len(f.p.Code))
	for i, in := range f.p.Code {
		for _, a := range in.Args {
			last[a] = i
		}
	}
	for i, o := range f.p.Outputs {
		last[o.Reg] = len(f.p.Code)
		if b := f.factors[i]; b >= 0 {
			last[b] = len(f.p.Code)
		}
	}
	return last
}

// inPlace tells whether output out may lie in the memory of input in: the input is read only in full, tile by tile, and
// never after the tile of the output has been written.
func (f *fused) inPlace(out, in int) bool {
	o := f.p.Outputs[out]
	if f.out[out] != dtypes.Float32 || f.in[in] != dtypes.Float32 || f.regs[o.Reg].out != out {
		return false
	}
	last := f.lastUses()
	for i, c := range f.p.Code {
		if c.Op == ir.Load && c.Input == in && (c.Keep != f.p.Full() || last[i] > int(o.Reg)) {
			return false
		}
	}
	return true
}
