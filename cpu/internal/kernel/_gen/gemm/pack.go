package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// pack writes the kernel that copies rows into panels: piece j of each of k > 0 rows, two vectors, goes to panel j, which
// begins j·gap floats on. Whole rows pass by, since memory delivers neighbouring lines sooner than scattered ones.
func pack(s isa) {
	TEXT("pack"+s.name, NOSPLIT, "func(k, panels int, b, panel *float32, ldb, gap int)")
	Pragma("noescape")
	k := Load(Param("k"), GP64())
	row := Load(Param("b"), GP64())
	out := Load(Param("panel"), GP64())
	ldb, gap := bytesOf("ldb"), bytesOf("gap")
	ahead := GP64()
	MOVQ(ldb, ahead)
	SHLQ(Imm(3), ahead) // eight rows
	x, y, n := GP64(), GP64(), GP64()
	Label("row")
	MOVQ(row, x)
	MOVQ(out, y)
	Load(Param("panels"), n)
	Label("piece")
	for j := range vectors {
		v := s.vec()
		if j*s.bytes%64 == 0 {
			PREFETCHT0(Mem{Base: x, Index: ahead, Scale: 1, Disp: s.bytes * j})
			if s.bytes == 32 {
				PREFETCHT1(Mem{Base: x, Index: ahead, Scale: 4, Disp: s.bytes * j})
			}
		}
		VMOVUPS(Mem{Base: x, Disp: s.bytes * j}, v)
		VMOVUPS(v, Mem{Base: y, Disp: s.bytes * j})
	}
	ADDQ(I32(int32(s.bytes*vectors)), x)
	ADDQ(gap, y)
	DECQ(n)
	JNE(LabelRef("piece"))
	ADDQ(ldb, row)
	ADDQ(I32(int32(s.bytes*vectors)), out)
	DECQ(k)
	JNE(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// copyStrips writes the kernel that copies k rows of a transposed A, lda apart, into two strips.
func copyStrips(s isa) {
	TEXT("copyStrips"+s.name, NOSPLIT, "func(k int, a *float32, lda int, strip, next *float32)")
	Pragma("noescape")
	k := Load(Param("k"), GP64())
	a := Load(Param("a"), GP64())
	lda := bytesOf("lda")
	strips := []Register{Load(Param("strip"), GP64()), Load(Param("next"), GP64())}
	TESTQ(k, k)
	JEQ(LabelRef("done"))
	Label("loop")
	copyRow(s, a, lda, strips)
	DECQ(k)
	JNE(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}

// packStrips writes the kernel that copies k rows of a transposed A, lda apart, into strips > 0 strips: eight floats of a row
// to each, the next strip's from MR floats further on. Eight rows pass by together, so that a strip gets whole cache lines;
// the second-level cache is asked for those that follow 32 rows later.
func packStrips(s isa) {
	TEXT("packStrips"+s.name, NOSPLIT, "func(k, strips int, a *float32, lda int, strip *float32, gap int)")
	Pragma("noescape")
	k := Load(Param("k"), GP64())
	p := stripPacker{isa: s, row: Load(Param("a"), GP64()), lda: bytesOf("lda"), out: Load(Param("strip"), GP64()), gap: bytesOf("gap"), three: GP64()}
	LEAQ(Mem{Base: p.lda, Index: p.lda, Scale: 2}, p.three)
	SUBQ(Imm(8), k)
	JLT(LabelRef("tail"))
	Label("rows")
	p.pass("rows", 8)
	SUBQ(Imm(8), k)
	JGE(LabelRef("rows"))
	Label("tail")
	ADDQ(Imm(8), k)
	JEQ(LabelRef("done"))
	Label("row")
	p.pass("row", 1)
	DECQ(k)
	JNE(LabelRef("row"))
	Label("done")
	VZEROUPPER()
	RET()
}

// stripPacker is packStrips being written.
type stripPacker struct {
	isa
	row, lda, three Register
	out, gap        Register
}

// pass copies rows, 8 or 1, to all strips and moves on.
func (p *stripPacker) pass(label string, rows int) {
	from, to, n, later := GP64(), GP64(), GP64(), GP64()
	MOVQ(p.row, from)
	MOVQ(p.out, to)
	Load(Param("strips"), n)
	Label(label + "Piece")
	if rows > 1 {
		LEAQ(Mem{Base: from, Index: p.lda, Scale: 4}, later)
	}
	for i := range rows {
		v := YMM()
		VMOVUPS(p.at(i, from, later), v)
		VMOVUPS(v, Mem{Base: to, Disp: 32 * i})
	}
	ADDQ(Imm(uint64(4*p.mr)), from)
	ADDQ(p.gap, to)
	DECQ(n)
	JNE(LabelRef(label + "Piece"))
	if rows > 1 {
		ahead := GP64()
		MOVQ(p.lda, ahead)
		SHLQ(Imm(5), ahead)
		ADDQ(p.row, ahead)
		SUBQ(p.row, from) // bytes of a row
		Label("line")
		LEAQ(Mem{Base: ahead, Index: p.lda, Scale: 4}, later)
		for i := range rows {
			PREFETCHT1(p.at(i, ahead, later))
		}
		ADDQ(Imm(64), ahead)
		SUBQ(Imm(64), from)
		JGT(LabelRef("line"))
		LEAQ(Mem{Base: p.row, Index: p.lda, Scale: 8}, p.row)
	} else {
		ADDQ(p.lda, p.row)
	}
	ADDQ(U32(uint32(32*rows)), p.out)
}

// at addresses row i from a base on, whose fourth row later points to.
func (p *stripPacker) at(i int, base, later Register) Mem {
	m := Mem{Base: base}
	if i >= 4 {
		m.Base = later
	}
	switch i % 4 {
	case 1, 2:
		m.Index, m.Scale = p.lda, uint8(i%4)
	case 3:
		m.Index, m.Scale = p.three, 1
	}
	return m
}

// ask writes the kernel that asks memory for some lines, for the second-level cache.
func ask(s isa) {
	TEXT("ask"+s.name, NOSPLIT, "func(lines int, from *float32)")
	Pragma("noescape")
	n := Load(Param("lines"), GP64())
	from := Load(Param("from"), GP64())
	TESTQ(n, n)
	JEQ(LabelRef("done"))
	Label("loop")
	PREFETCHT1(Mem{Base: from})
	ADDQ(Imm(64), from)
	DECQ(n)
	JNE(LabelRef("loop"))
	Label("done")
	RET()
}

// copyRow copies eight floats to each strip, of the second from MR floats further on, and moves on to the next row. It asks
// for a row that will be needed soon; for many at once it cannot, since they may lie in few sets of the cache. If the floats
// lie in two cache lines, the first one was there for the strips before.
func copyRow(s isa, a, lda Register, strips []Register) {
	PREFETCHT0(Mem{Base: a, Index: lda, Scale: 8, Disp: lastCopied(s)})
	for j, strip := range strips {
		v := YMM()
		VMOVUPS(Mem{Base: a, Disp: 4 * s.mr * j}, v)
		VMOVUPS(v, Mem{Base: strip})
		ADDQ(Imm(32), strip)
	}
	ADDQ(lda, a)
}

// lastCopied is the offset of the last float that copyRow copies.
func lastCopied(s isa) int { return 4 * (s.mr + 7) }

// packTransposed writes the kernel that reads B by columns: two vectors' worth of rows of k floats, ldb apart, become a
// panel of k rows. k is a multiple of a vector's floats.
func packTransposed(s isa) {
	TEXT("packTransposed"+s.name, NOSPLIT, "func(k int, b, panel *float32, ldb int)")
	Pragma("noescape")
	k := Load(Param("k"), GP64())
	b := Load(Param("b"), GP64())
	panel := Load(Param("panel"), GP64())
	ldb := bytesOf("ldb")
	lanes := s.bytes / 4
	TESTQ(k, k)
	JEQ(LabelRef("done"))
	Label("loop")
	row := GP64()
	MOVQ(b, row)
	for j := range vectors {
		x := make([]VecVirtual, lanes)
		for i := range x {
			x[i] = s.vec()
			VMOVUPS(Mem{Base: row}, x[i])
			ADDQ(ldb, row)
		}
		for i, v := range transpose(s, x) {
			VMOVUPS(v, Mem{Base: panel, Disp: s.bytes * (vectors*i + j)})
		}
	}
	ADDQ(U32(uint32(s.bytes)), b)
	ADDQ(U32(uint32(s.bytes*vectors*lanes)), panel)
	SUBQ(Imm(uint64(lanes)), k)
	JNE(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}

// transpose swaps rows and columns of a square of vectors. Two rounds of interleaving transpose the 4×4 blocks within
// 128-bit lanes, the rest moves whole lanes.
func transpose(s isa, x []VecVirtual) []VecVirtual {
	op2 := func(f func(...Op), a, b VecVirtual) VecVirtual {
		o := s.vec()
		f(b, a, o)
		return o
	}
	u := make([]VecVirtual, len(x))
	for g := 0; g < len(x); g += 4 {
		lo01, hi01 := op2(VUNPCKLPS, x[g], x[g+1]), op2(VUNPCKHPS, x[g], x[g+1])
		lo23, hi23 := op2(VUNPCKLPS, x[g+2], x[g+3]), op2(VUNPCKHPS, x[g+2], x[g+3])
		u[g], u[g+1] = op2(VUNPCKLPD, lo01, lo23), op2(VUNPCKHPD, lo01, lo23)
		u[g+2], u[g+3] = op2(VUNPCKLPD, hi01, hi23), op2(VUNPCKHPD, hi01, hi23)
	}
	out := make([]VecVirtual, len(x))
	for c := range 4 {
		if len(x) == 8 {
			out[c], out[c+4] = lanes2(s, 0x20, u[c], u[c+4]), lanes2(s, 0x31, u[c], u[c+4])
			continue
		}
		even0, odd0 := lanes4(s, 0x88, u[c], u[c+4]), lanes4(s, 0xdd, u[c], u[c+4])
		even1, odd1 := lanes4(s, 0x88, u[c+8], u[c+12]), lanes4(s, 0xdd, u[c+8], u[c+12])
		out[c], out[c+8] = lanes4(s, 0x88, even0, even1), lanes4(s, 0xdd, even0, even1)
		out[c+4], out[c+12] = lanes4(s, 0x88, odd0, odd1), lanes4(s, 0xdd, odd0, odd1)
	}
	return out
}

func lanes2(s isa, pick uint64, a, b VecVirtual) VecVirtual {
	o := s.vec()
	VPERM2F128(Imm(pick), b, a, o)
	return o
}

func lanes4(s isa, pick uint64, a, b VecVirtual) VecVirtual {
	o := s.vec()
	VSHUFF32X4(Imm(pick), b, a, o)
	return o
}

// add writes dst[i] += src[i]; n is a multiple of two vectors' floats.
func add(s isa) {
	TEXT("add"+s.name, NOSPLIT, "func(n int, dst, src *float32)")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	TESTQ(n, n)
	JEQ(LabelRef("done"))
	Label("loop")
	for j := range vectors {
		v := s.vec()
		VMOVUPS(Mem{Base: dst, Disp: s.bytes * j}, v)
		VADDPS(Mem{Base: src, Disp: s.bytes * j}, v, v)
		VMOVUPS(v, Mem{Base: dst, Disp: s.bytes * j})
	}
	ADDQ(U32(uint32(s.bytes*vectors)), dst)
	ADDQ(U32(uint32(s.bytes*vectors)), src)
	SUBQ(Imm(uint64(s.bytes*vectors/4)), n)
	JNE(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}
