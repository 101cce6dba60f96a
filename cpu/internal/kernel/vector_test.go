package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// limit is what is allowed between a result and the exact value: ulps of the exact value, or an absolute error that may
// depend on the operands.
type limit struct {
	ulps     float64
	absolute func(x, y float64) float64
}

func unaryLimits() [UnaryCount]limit {
	var l [UnaryCount]limit
	for i := range l {
		l[i].ulps = 0.5001
	}
	for op, ulps := range map[Unary]float64{
		Rsqrt: 1.5, Exp: 1.5, Expm1: 2.5, Log: 2, Log1p: 2.5, Tanh: 3, Logistic: 3, Erf: 2, Sin: 2, Cos: 2, SiLU: 4,
	} {
		l[op].ulps = ulps
	}
	l[SiLU].absolute = func(_, _ float64) float64 { return 1e-37 }
	l[GeluTanh].absolute = func(x, y float64) float64 { return 4e-7*math.Abs(y)*(1+x*x) + 1e-37 }
	l[GeluErf].absolute = func(x, _ float64) float64 { return 2e-7 * math.Abs(x) }
	return l
}

// ulp32 is the distance of the floats next to y.
func ulp32(y float64) float64 {
	y = math.Abs(y)
	if y >= math.MaxFloat32 {
		return 0x1p104
	}
	_, e := math.Frexp(y)
	return math.Ldexp(1, max(e-24, -149))
}

// excess returns the error of got in units of what the limit allows: at most 1 is right.
func (l limit) excess(got float32, exact, x float64) float64 {
	want := float32(exact)
	if got == want || got != got && want != want {
		return 0
	}
	if got != got || want != want {
		return math.Inf(1)
	}
	allowed := l.ulps * ulp32(exact)
	if l.absolute != nil {
		allowed = max(allowed, l.absolute(x, exact))
	}
	return math.Abs(max(-0x1p128, min(0x1p128, float64(got)))-max(-0x1p128, min(0x1p128, exact))) / allowed
}

// exactUnary are the functions in float64, written again apart from the kernels'.
func exactUnary() [UnaryCount]func(float64) float64 {
	gelu := func(x float64) float64 {
		if x < -30 && !math.IsInf(x, -1) {
			return math.Copysign(0, x)
		}
		// (1+tanh u)/2 = 1/(1+e^-2u); the plain formula loses all digits for negative x
		return x / (1 + math.Exp(-2*math.Sqrt(2/math.Pi)*(x+0.044715*math.Pow(x, 3))))
	}
	truth := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	return [UnaryCount]func(float64) float64{
		Neg: func(x float64) float64 { return -x }, Abs: math.Abs,
		Sign: func(x float64) float64 {
			if x == 0 || x != x {
				return x
			}
			return math.Copysign(1, x)
		},
		Square: func(x float64) float64 { return x * x }, Sqrt: math.Sqrt,
		Rsqrt: func(x float64) float64 { return 1 / math.Sqrt(x) }, Reciprocal: func(x float64) float64 { return 1 / x },
		Exp: math.Exp, Expm1: math.Expm1, Log: math.Log, Log1p: math.Log1p, Tanh: math.Tanh,
		Logistic: func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, Erf: math.Erf, Sin: math.Sin, Cos: math.Cos,
		Floor: math.Floor, Ceil: math.Ceil, Round: math.RoundToEven,
		IsNaN:    func(x float64) float64 { return truth(math.IsNaN(x)) },
		IsFinite: func(x float64) float64 { return truth(!math.IsNaN(x) && !math.IsInf(x, 0)) },
		Not:      func(x float64) float64 { return 1 - x },
		SiLU:     func(x float64) float64 { return x / (1 + math.Exp(-x)) },
		GeluTanh: gelu,
		GeluErf:  func(x float64) float64 { return x / 2 * math.Erfc(-x/math.Sqrt2) },
	}
}

// sampleBits is coprime to 2^32, so that the sample covers signs, exponents and low bits evenly.
const sampleBits = 24593

// denseSample returns floats from all of float32, more of them where functions bend, and the special values.
func denseSample() []float32 {
	x := []float32{0, float32(math.Copysign(0, -1)), 1, -1, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
		math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 0x1p-126,
		0.5, 1.5, 2.5, -0.5, -1.5, 88.72283, 88.72284, -87.33655, -103.97208, -103.97209, 0x1p20, 0x1p20 + 1, 1e30}
	for b := uint64(0); b < 1<<32; b += sampleBits {
		x = append(x, math.Float32frombits(uint32(b)))
	}
	for i := range 60000 {
		x = append(x, float32(i-30000)/270)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		x = append(x, float32(rng.NormFloat64()))
	}
	return x
}

func TestUnaryAccuracy(t *testing.T) {
	x, limits, exact := denseSample(), unaryLimits(), exactUnary()
	want := make([]float64, len(x))
	got := make([]float32, len(x))
	for op := range UnaryCount {
		for i, v := range x {
			want[i] = exact[op](float64(v))
		}
		for tier := Reference; tier <= BestTier(); tier++ {
			v := ForTier(tier).Vector
			v.Unary[op](got, x)
			worst, at := 0.0, 0
			for i := range x {
				if e := limits[op].excess(got[i], want[i], float64(x[i])); e > worst {
					worst, at = e, i
				}
			}
			if worst > 1 {
				t.Errorf("%s, %v(%v) = %v where %v is exact: %.3g of the limit", tier, Unary(op), x[at], got[at], want[at], worst)
			}
			t.Logf("%s %v: worst %.3f ulp at %v", tier, Unary(op), worst*limits[op].ulps, x[at])
		}
	}
}

// binaryLimits holds only what is not correctly rounded. x is the first operand; errors in proportion to dy get the exact
// value divided by the formula's own size, so they are bounded with dy = 1.
func binaryLimits() [BinaryCount]limit {
	var l [BinaryCount]limit
	for i := range l {
		l[i].ulps = 0.5001
	}
	l[Pow].ulps, l[Atan2].ulps = 1, 1
	l[LogisticGrad].ulps, l[TanhGrad].ulps = 2, 2
	return l
}

// operands returns pairs of ordinary and special values.
func operands() (a, b []float32) {
	special := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 2, 0.5, -3.7, 1e-40, -1e-40, 1e38, -1e38,
		float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}
	for _, x := range special {
		for _, y := range special {
			a, b = append(a, x), append(b, y)
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	return append(a, normal(rng, 3000)...), append(b, normal(rng, 3000)...)
}

func exactBinary(op int, a, b float64) (exact float64, checked bool) {
	f := binaryFunctions()[op]
	switch op {
	case int(Add):
		return a + b, true
	case int(Sub):
		return a - b, true
	case int(Mul):
		return a * b, true
	case int(Div):
		return a / b, true
	case int(And), int(Or), int(Xor):
		isTruth := func(v float64) bool { return v == 0 && !math.Signbit(v) || v == 1 }
		return float64(f(float32(a), float32(b))), isTruth(a) && isTruth(b)
	case int(SiLUGrad), int(GeluTanhGrad):
		return 0, false // TestActivationGradients
	case int(LogisticGrad), int(TanhGrad): // for values that the function has
		return float64(f(float32(a), float32(b))), a >= 0 && a <= 1 && math.Abs(b) < 1e30 && (b == 0 || math.Abs(b) > 1e-30)
	}
	return float64(f(float32(a), float32(b))), true
}

func TestBinaryAccuracy(t *testing.T) {
	a, b := operands()
	limits := binaryLimits()
	scalar := []float32{0, 1, -1, 0.37, -2.5, float32(math.Inf(1)), float32(math.NaN())}
	got := make([]float32, len(a))
	check := func(t *testing.T, form string, op, i int, x, y float32) {
		exact, ok := exactBinary(op, float64(x), float64(y))
		if e := limits[op].excess(got[i], exact, float64(x)); ok && e > 1 {
			t.Errorf("%s %v(%v, %v) = %v where %v is exact: %.3g of the limit", form, Binary(op), x, y, got[i], exact, e)
		}
	}
	forTiers(t, func(t *testing.T, set *Set) {
		v := set.Vector
		for op := range BinaryCount {
			v.Binary[op](got, a, b)
			for i := range got {
				check(t, "vectors", op, i, a[i], b[i])
			}
			for _, s := range scalar {
				v.BinaryScalar[op](got, a, s)
				for i := range got {
					check(t, "scalar second", op, i, a[i], s)
				}
				v.ScalarBinary[op](got, s, a)
				for i := range got {
					check(t, "scalar first", op, i, s, a[i])
				}
			}
		}
	})
}

// TestActivationGradients compares with central differences of the functions in float64, which know nothing of the
// formulas of the gradients.
func TestActivationGradients(t *testing.T) {
	exact := exactUnary()
	cases := []struct {
		op    Binary
		f     Unary
		limit func(x float64) float64
	}{
		{SiLUGrad, SiLU, func(x float64) float64 { return 4e-7 * (1 + math.Abs(x)) }},
		{GeluTanhGrad, GeluTanh, func(float64) float64 { return 1e-6 }},
	}
	var x []float32
	for i := range 20001 {
		x = append(x, float32(i-10000)/200)
	}
	dy := make([]float32, len(x))
	for i := range dy {
		dy[i] = 1 + float32(i%7)
	}
	got := make([]float32, len(x))
	forTiers(t, func(t *testing.T, set *Set) {
		for _, c := range cases {
			set.Vector.Binary[c.op](got, x, dy)
			for i, v := range x {
				const h = 1e-4
				p := float64(v)
				slope := (8*(exact[c.f](p+h)-exact[c.f](p-h)) - (exact[c.f](p+2*h) - exact[c.f](p-2*h))) / (12 * h)
				if e := math.Abs(float64(got[i])/float64(dy[i]) - slope); !(e <= c.limit(p)+1e-10) {
					t.Fatalf("%v(%v): %v where the slope is %v", c.op, v, got[i]/dy[i], slope)
				}
			}
			extreme := []float32{-3e38, 3e38, -1e20, 200, -200}
			out := make([]float32, len(extreme))
			set.Vector.Binary[c.op](out, extreme, []float32{1, 1, 1, 1, 1})
			for i, want := range []float32{0, 1, 0, 1, 0} {
				if math.Abs(float64(out[i]-want)) > 1e-30 {
					t.Errorf("%v(%v) = %v, want %v", c.op, extreme[i], out[i], want)
				}
			}
		}
	})
}

func TestTernary(t *testing.T) {
	a, b := operands()
	rng := rand.New(rand.NewPCG(5, 6))
	c := normal(rng, len(a))
	got := make([]float32, len(a))
	want := make([]float32, len(a))
	forTiers(t, func(t *testing.T, set *Set) {
		same := func(name string) {
			t.Helper()
			for i := range got {
				// the reference rounds twice: the last bit may differ
				if e := (limit{ulps: 1.01}).excess(got[i], float64(want[i]), 0); e > 1 {
					t.Errorf("%s(%v, %v, %v) = %v, want %v", name, a[i], b[i], c[i], got[i], want[i])
				}
			}
		}
		for op, f := range ternaryFunctions() {
			set.Vector.Ternary[op](got, a, b, c)
			for i := range want {
				want[i] = f(a[i], b[i], c[i])
			}
			same(Ternary(op).String())
		}
		set.Vector.ScaleAdd(got, a, 0.3, c)
		for i := range want {
			want[i] = fma32(a[i], 0.3, c[i])
		}
		same("ScaleAdd")
		set.Vector.Affine(got, a, 0.3, -7)
		for i := range want {
			want[i] = fma32(a[i], 0.3, -7)
		}
		same("Affine")
	})
}

// TestElementwiseLengths runs every entry at every small length, at an odd address and in place: the bits of an element
// must not depend on where it stands, and nothing may be written beside the block.
func TestElementwiseLengths(t *testing.T) {
	const most = lengths
	rng := rand.New(rand.NewPCG(7, 8))
	a, b, c := normal(rng, most), normal(rng, most), normal(rng, most)
	a[77] = 3e6 // beyond the range of Sin
	forTiers(t, func(t *testing.T, set *Set) {
		v := set.Vector
		run := func(name string, f func(dst, a, b, c []float32)) {
			t.Helper()
			whole := make([]float32, most)
			f(whole, a, b, c)
			for n := range most {
				dst, check := guarded(t, n)
				f(dst, a[:n], b[:n], c[:n])
				check()
				inPlace := append([]float32(nil), a[:n]...)
				f(inPlace, inPlace, b[:n], c[:n])
				for i := range dst {
					w := math.Float32bits(whole[i])
					if math.Float32bits(dst[i]) != w || math.Float32bits(inPlace[i]) != w {
						t.Fatalf("%s: element %d of %d: %v, in place %v, in a longer block %v", name, i, n, dst[i], inPlace[i], whole[i])
					}
				}
			}
		}
		for op, f := range v.Unary {
			run(Unary(op).String(), func(dst, a, _, _ []float32) { f(dst, a) })
		}
		for op := range BinaryCount {
			run(Binary(op).String(), func(dst, a, b, _ []float32) { v.Binary[op](dst, a, b) })
			run(Binary(op).String()+" scalar second", func(dst, a, _, _ []float32) { v.BinaryScalar[op](dst, a, 0.7) })
			run(Binary(op).String()+" scalar first", func(dst, a, _, _ []float32) { v.ScalarBinary[op](dst, 0.7, a) })
		}
		for op, f := range v.Ternary {
			run(Ternary(op).String(), f)
		}
		run("scaleadd", func(dst, a, _, c []float32) { v.ScaleAdd(dst, a, 0.7, c) })
		run("affine", func(dst, a, _, _ []float32) { v.Affine(dst, a, 0.7, 0.1) })
	})
}

// FuzzElementwise compares the fastest tier with the reference on any bits.
func FuzzElementwise(f *testing.F) {
	f.Add(uint32(0x3f800000), uint32(0xc0490fdb), uint8(0))
	f.Add(uint32(0x7f800000), uint32(0x80000001), uint8(21))
	v := ForTier(BestTier()).Vector
	ul, bl := unaryLimits(), binaryLimits()
	exact := exactUnary()
	f.Fuzz(func(t *testing.T, x, y uint32, op uint8) {
		a, b := math.Float32frombits(x), math.Float32frombits(y)
		var dst [3]float32
		u := int(op) % UnaryCount
		v.Unary[u](dst[:], []float32{a, b, a})
		for i, p := range []float32{a, b} {
			if e := ul[u].excess(dst[i], exact[u](float64(p)), float64(p)); e > 1 {
				t.Errorf("%v(%v) = %v where %v is exact", Unary(u), p, dst[i], exact[u](float64(p)))
			}
		}
		o := int(op) % BinaryCount
		v.Binary[o](dst[:], []float32{a, b, a}, []float32{b, a, a})
		want, ok := exactBinary(o, float64(a), float64(b))
		if e := bl[o].excess(dst[0], want, float64(a)); ok && e > 1 {
			t.Errorf("%v(%v, %v) = %v where %v is exact", Binary(o), a, b, dst[0], want)
		}
	})
}

func ExampleVector() {
	v := ForTier(BestTier()).Vector
	x := []float32{0, 1, 4}
	v.Unary[Sqrt](x, x)
	v.BinaryScalar[Mul](x, x, 3)
	fmt.Println(x, v.Sum(x))
	// Output: [0 3 6] 9
}
