// Command gemm writes the kernels of matrix products and attention of package kernel: micro_amd64.s, attention_amd64.s and
// their stubs.
package main

import (
	"flag"
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// isa is one instruction set: how wide its vectors are and which tile fits its registers.
type isa struct {
	name  string
	bytes int // of one vector
	mr    int // most rows of a tile
	vec   func() VecVirtual
}

var (
	avx512 = isa{"AVX512", 64, 8, ZMM}
	avx2   = isa{"AVX2", 32, 6, YMM}
)

const vectors = 2 // across a tile: NR is two vectors

func main() {
	attention := flag.Bool("attention", false, "write the kernels of attention, not those of matrix products")
	flag.Parse()
	for _, s := range []isa{avx512, avx2} {
		if *attention {
			softmax(s)
			softmaxGradient(s)
			continue
		}
		micro(s)
	}
	Generate()
}

func micro(s isa) {
	for _, byRows := range []bool{true, false} {
		for m := 1; m <= s.mr; m++ {
			newTile(s, m, byRows).emit()
		}
	}
	asking := newTile(s, s.mr, true)
	asking.asks = true
	asking.emit()
	strips(s)
	pack(s)
	packTransposed(s)
	add(s)
	peak(s)
}

// strips writes the kernels that copy a transposed A: AVX-512 copies the next strips while it multiplies, AVX2, which has no
// registers to spare, copies a block of them at once and only asks memory for the next block meanwhile.
func strips(s isa) {
	t := newTile(s, s.mr, false)
	if s.bytes == 64 {
		t.copies = true
		t.emit()
		copyStrips(s)
		return
	}
	t.asksColumns = true
	t.emit()
	packStrips(s)
	ask(s)
}

// tile is one kernel being written: m rows of two vectors, accumulators in registers.
type tile struct {
	isa
	m           int
	byRows      bool
	asks        bool // memory is asked for the rows of A that the next tile will read
	asksColumns bool // memory is asked for a line of another matrix every four terms, ldFrom apart
	copies      bool // a row of another part of A is copied into strips every four terms
	a, b        Register
	lda, ldb    Register
	lda3, ldb3  Register   // three times those; lda3 of columns only
	nexts       []Register // from a row base to the rows of the next tile that its rows stand for, of a whole tile by rows
	from        Register   // rows to be copied to strips
	ldFrom      Register
	strips      []Register
	ahead       Register   // the row to be copied by the next tile, as long after this tile's first as from is
	rowBases    []Register // pointers to rows 0, 3, 6 of A; the rows between are reached by an index of 1 or 2 times lda
	accumulator [][vectors]VecVirtual
}

func newTile(s isa, m int, byRows bool) *tile { return &tile{isa: s, m: m, byRows: byRows} }

func (t *tile) emit() {
	form, more := "Cols", ""
	switch {
	case t.asks:
		form = "Next"
	case t.byRows:
		form = "Rows"
	case t.asksColumns:
		form, more = "Ask", ", from *float32, ldFrom int"
	case t.copies:
		form, more = "Copy", ", from *float32, ldFrom int, strip, next, ahead *float32"
	}
	one := t.copies || t.asksColumns
	signature := "func(k int, a, b, c *float32, lda, ldb, ldc int, accumulate bool"
	if !one {
		signature = "func(k, tiles int, a, b, c *float32, lda, ldb, ldc, stepA, stepB, stepC int, accumulate bool"
	}
	TEXT(fmt.Sprintf("micro%s%s%d", t.name, form, t.m), NOSPLIT, signature+more+")")
	Pragma("noescape")
	t.lda = bytesOf("lda")
	t.ldb = bytesOf("ldb")
	t.ldb3 = threeTimes(t.ldb)
	if !t.byRows {
		t.lda3 = threeTimes(t.lda)
	}
	Label("tile")
	k := Load(Param("k"), GP64())
	t.a = Load(Param("a"), GP64())
	t.b = Load(Param("b"), GP64())
	t.bases()
	if t.copies || t.asksColumns {
		t.from, t.ldFrom = Load(Param("from"), GP64()), bytesOf("ldFrom")
	}
	if t.copies {
		t.strips = []Register{Load(Param("strip"), GP64()), Load(Param("next"), GP64())}
		t.ahead = Load(Param("ahead"), GP64())
	}
	t.aimNext()
	t.fetch()
	t.clear()
	t.loop(k)
	t.store()
	if !one {
		nextTile()
	}
	VZEROUPPER()
	RET()
}

// nextTile moves the operands on and goes back, until all tiles are done: between two tiles of one call less is waited for
// than between two calls.
func nextTile() {
	DECQ(address("tiles"))
	JEQ(LabelRef("end"))
	for _, operand := range []string{"a", "b", "c"} {
		step, at := Load(Param("step"+strings.ToUpper(operand)), GP64()), Load(Param(operand), GP64())
		LEAQ(Mem{Base: at, Index: step, Scale: 4}, at)
		MOVQ(at, address(operand))
	}
	JMP(LabelRef("tile"))
	Label("end")
}

// address is where a parameter lies.
func address(param string) Mem {
	a, err := Param(param).Resolve()
	if err != nil {
		panic(err)
	}
	return a.Addr
}

// bytesOf loads a leading dimension and turns floats into bytes.
func bytesOf(param string) Register {
	r := Load(Param(param), GP64())
	SHLQ(Imm(2), r)
	return r
}

func threeTimes(r Register) Register {
	three := GP64()
	LEAQ(Mem{Base: r, Index: r, Scale: 2}, three)
	return three
}

func (t *tile) bases() {
	if !t.byRows {
		return
	}
	t.rowBases = []Register{t.a}
	if t.m <= 3 {
		return
	}
	three := threeTimes(t.lda)
	for i := 3; i < t.m; i += 3 {
		r := GP64()
		LEAQ(Mem{Base: t.rowBases[len(t.rowBases)-1], Index: three, Scale: 1}, r)
		t.rowBases = append(t.rowBases, r)
	}
}

func (t *tile) clear() {
	t.accumulator = make([][vectors]VecVirtual, t.m)
	for i := range t.accumulator {
		for j := range t.accumulator[i] {
			z := t.vec()
			VXORPS(z, z, z)
			t.accumulator[i][j] = z
		}
	}
}

// fetch asks for the lines of C early: waiting for them at the end costs a long product one to three percent of its time,
// attention six to nine.
func (t *tile) fetch() {
	c := Load(Param("c"), GP64())
	ldc := bytesOf("ldc")
	for i := range t.m {
		for at := 0; at < t.bytes*vectors; at += 64 {
			PREFETCHT0(Mem{Base: c, Disp: at})
		}
		if i < t.m-1 {
			ADDQ(ldc, c)
		}
	}
}

// aimNext and fetchNext ask for the rows of A after the tile's. They begin in as many places as there are rows and are soon
// at an end, too much for the processor to foresee.
func (t *tile) aimNext() {
	if !t.asks {
		return
	}
	t.nexts = []Register{GP64(), GP64(), GP64()}
	IMUL3Q(Imm(uint64(t.mr)), t.lda, t.nexts[0])
	LEAQ(Mem{Base: t.nexts[0], Index: t.lda, Scale: 1}, t.nexts[1])
	LEAQ(Mem{Base: t.nexts[0], Index: t.lda, Scale: 2}, t.nexts[2])
}

func (t *tile) fetchNext() {
	if !t.asks {
		return
	}
	for i := range t.m {
		PREFETCHT1(Mem{Base: t.rowBases[i/3], Index: t.nexts[i%3], Scale: 1})
	}
}

// loop runs over k in steps of four, then one by one.
func (t *tile) loop(k Register) {
	SUBQ(Imm(4), k)
	JLT(LabelRef("tail"))
	align64()
	Label("loop")
	for u := range 4 {
		t.step(u)
	}
	t.fetchNext()
	if t.asksColumns {
		PREFETCHT1(Mem{Base: t.from})
		ADDQ(t.ldFrom, t.from)
	}
	t.advance(4)
	if t.copies {
		copyRow(t.isa, t.from, t.ldFrom, t.strips)
		PREFETCHT1(Mem{Base: t.ahead, Disp: lastCopied(t.isa)})
		ADDQ(t.ldFrom, t.ahead)
	}
	SUBQ(Imm(4), k)
	JGE(LabelRef("loop"))
	Label("tail")
	ADDQ(Imm(4), k)
	JEQ(LabelRef("done"))
	Label("single")
	t.step(0)
	t.advance(1)
	DECQ(k)
	JNE(LabelRef("single"))
	Label("done")
}

// step adds the outer product of the term u after the current one; A is broadcast by its own load, which Zen 5 needs (two
// 64-byte loads a cycle). Pointers stay where they are for four terms: where another thread shares the core, which then
// starts three instructions a cycle for each, moving them with every term costs four percent.
func (t *tile) step(u int) {
	var b [vectors]VecVirtual
	for j := range b {
		b[j] = t.vec()
		VMOVUPS(term(t.b, t.ldb, t.ldb3, u, t.bytes*j), b[j])
	}
	for i := range t.m {
		a := t.vec()
		VBROADCASTSS(t.element(i, u), a)
		for j := range b {
			VFMADD231PS(a, b[j], t.accumulator[i][j])
		}
	}
}

// term addresses row u < 4 of a matrix.
func term(base, ld, ld3 Register, u, disp int) Mem {
	m := Mem{Base: base, Disp: disp}
	switch u {
	case 1, 2:
		m.Index, m.Scale = ld, uint8(u)
	case 3:
		m.Index, m.Scale = ld3, 1
	}
	return m
}

// element addresses row i of A, u terms after the current one.
func (t *tile) element(i, u int) Mem {
	if !t.byRows {
		return term(t.a, t.lda, t.lda3, u, 4*i)
	}
	m := Mem{Base: t.rowBases[i/3], Disp: 4 * u}
	if i%3 > 0 {
		m.Index, m.Scale = t.lda, uint8(i%3)
	}
	return m
}

// advance moves on by one term or four.
func (t *tile) advance(terms int) {
	LEAQ(Mem{Base: t.b, Index: t.ldb, Scale: uint8(terms)}, t.b)
	if !t.byRows {
		LEAQ(Mem{Base: t.a, Index: t.lda, Scale: uint8(terms)}, t.a)
	}
	for _, r := range t.rowBases {
		ADDQ(Imm(uint64(4*terms)), r)
	}
}

func (t *tile) store() {
	c := Load(Param("c"), GP64())
	ldc := bytesOf("ldc")
	accumulate := Load(Param("accumulate"), GP8())
	TESTB(accumulate, accumulate)
	JEQ(LabelRef("write"))
	from := GP64()
	MOVQ(c, from)
	for i, row := range t.accumulator {
		for j, z := range row {
			VADDPS(Mem{Base: from, Disp: t.bytes * j}, z, z)
		}
		if i < t.m-1 {
			ADDQ(ldc, from)
		}
	}
	Label("write")
	for i, row := range t.accumulator {
		for j, z := range row {
			VMOVUPS(z, Mem{Base: c, Disp: t.bytes * j})
		}
		if i < t.m-1 {
			ADDQ(ldc, c)
		}
	}
}

// peak writes a kernel of independent multiply-adds in registers: what the machine can do at most.
func peak(s isa) {
	TEXT("peak"+s.name, NOSPLIT, "func(n int)")
	n := Load(Param("n"), GP64())
	var z [12]VecVirtual
	for i := range z {
		z[i] = s.vec()
		VXORPS(z[i], z[i], z[i])
	}
	x := s.vec()
	VXORPS(x, x, x)
	align64()
	Label("loop")
	for range 2 {
		for _, r := range z {
			VFMADD231PS(x, x, r)
		}
	}
	DECQ(n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// align64 starts a loop on a cache line; avo has no constructor for PCALIGN.
func align64() {
	Instruction(&ir.Instruction{Opcode: "PCALIGN", Operands: []Op{Imm(64)}})
}
