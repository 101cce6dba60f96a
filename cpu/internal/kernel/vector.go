package kernel

//go:generate go -C _gen run ./vector -family vector -out ../vector_amd64.s -stubs ../vector_stubs_amd64.go -tables ../vector_tables_amd64.go -pkg kernel

// Vector holds a tier's element-wise kernels, reductions, data movement, conversions and random numbers.
//
// An element-wise kernel works on a block in the first-level cache and costs a few nanoseconds a call beside the work.
// Blocks of 256 to 1024 floats are best where a program of several kernels streams through memory: 94 % of a copy's
// bandwidth against 68 % with 2048, since reading and writing overlap no more. All slices of a call have the same length, which the caller has checked; any
// length, zero included, and any alignment will do. dst may be one of the operands, but may not overlap one in part.
// Every entry of every table is set, in every tier.
//
// Results are those of IEEE 754 with denormals kept. The limit of error of an opcode is written beside it, in units in the
// last place (ulp) of the exact result; where none is written the result is the exact one correctly rounded. Tiers differ
// by no more than these limits allow.
type Vector struct {
	Unary        [UnaryCount]func(dst, x []float32)                       // dst = op(x)
	Binary       [BinaryCount]func(dst, a, b []float32)                   // dst = a op b
	BinaryScalar [BinaryCount]func(dst, a []float32, s float32)           // dst = a op s
	ScalarBinary [BinaryCount]func(dst []float32, s float32, a []float32) // dst = s op a
	Ternary      [TernaryCount]func(dst, a, b, c []float32)               // dst = op(a, b, c)

	// ScaleAdd computes dst = a·s + c, rounded once.
	ScaleAdd func(dst, a []float32, s float32, c []float32)
	// Affine computes dst = a·s + t, rounded once.
	Affine func(dst, a []float32, s, t float32)

	Reductions
	Movement
	Conversions
	Random
	Optimizer
}

// Unary is an opcode of one operand.
type Unary uint8

// The unary opcodes.
const (
	Neg Unary = iota
	Abs
	Sign // ±1, and x itself for ±0 and NaN
	Square
	Sqrt
	Rsqrt // 1.5 ulp
	Reciprocal
	Exp      // 1.5 ulp; denormal results within one unit of 2^-149
	Expm1    // 2.5 ulp
	Log      // 2 ulp; -Inf at ±0, NaN below
	Log1p    // 2.5 ulp
	Tanh     // 3 ulp
	Logistic // 1/(1+e^-x), 3 ulp; denormal results within one unit of 2^-149
	Erf      // 2 ulp
	Sin      // 2 ulp for |x| <= 2^20; beyond, element by element through package math
	Cos      // as Sin
	Floor
	Ceil
	Round      // halves to even
	IsNaN      // 1 or 0
	IsFinite   // 1 or 0
	Not        // 1-x, for truth values 0 and 1
	SiLU       // x·Logistic(x), 4 ulp or 1e-37
	GeluTanh   // 0.5·x·(1+tanh(√(2/π)·(x+0.044715·x³))), relative error 4e-7·(1+x²) or 1e-37 (Hendrycks & Gimpel 2016, §2)
	GeluErf    // 0.5·x·(1+erf(x/√2)), error 2e-7·|x| (the exact GELU of the same paper)
	UnaryCount = iota
)

var unaryNames = [UnaryCount]string{
	"neg", "abs", "sign", "square", "sqrt", "rsqrt", "reciprocal", "exp", "expm1", "log", "log1p", "tanh", "logistic",
	"erf", "sin", "cos", "floor", "ceil", "round", "isnan", "isfinite", "not", "silu", "gelutanh", "geluerf",
}

// String returns the opcode's name in lower case.
func (op Unary) String() string { return unaryNames[op] }

// Binary is an opcode of two operands.
type Binary uint8

// The binary opcodes. Comparisons give 1 or 0 with the semantics of IEEE 754: with a NaN all are 0 but NotEqual. And, Or and
// Xor work on truth values 0 and 1. The gradients take the upstream gradient dy as second operand.
const (
	Add Binary = iota
	Sub
	Mul
	Div
	Max   // NaN if either is
	Min   // NaN if either is
	Pow   // 1 ulp
	Rem   // sign of the dividend, as C's fmod
	Atan2 // 1 ulp
	Equal
	NotEqual
	Less
	LessEqual
	Greater
	GreaterEqual
	And
	Or
	Xor
	SiLUGrad     // dy·s·(1+x·(1-s)), s = Logistic(x): error 4e-7·|dy|·(1+|x|)
	GeluTanhGrad // dy·GeluTanh'(x): error 1e-6·|dy|
	LogisticGrad // dy·y·(1-y), y = Logistic(x): 2 ulp given y
	TanhGrad     // dy·(1-y²), y = Tanh(x): 2 ulp given y
	BinaryCount  = iota
)

var binaryNames = [BinaryCount]string{
	"add", "sub", "mul", "div", "max", "min", "pow", "rem", "atan2", "equal", "notequal", "less", "lessequal", "greater",
	"greaterequal", "and", "or", "xor", "silugrad", "gelutanhgrad", "logisticgrad", "tanhgrad",
}

// String returns the opcode's name in lower case.
func (op Binary) String() string { return binaryNames[op] }

// Ternary is an opcode of three operands.
type Ternary uint8

// The ternary opcodes. The first three round once.
const (
	MulAdd       Ternary = iota // a·b + c
	MulSub                      // a·b - c
	NegMulAdd                   // c - a·b
	Select                      // b where a is not 0, else c; a NaN in a counts as not 0
	Lerp                        // a + c·(b-a): the difference is rounded, the rest once
	TernaryCount = iota
)

var ternaryNames = [TernaryCount]string{"muladd", "mulsub", "negmuladd", "select", "lerp"}

// String returns the opcode's name in lower case.
func (op Ternary) String() string { return ternaryNames[op] }

// vectorReference returns the kernels in plain Go.
func vectorReference() Vector {
	v := Vector{
		ScaleAdd: func(dst, a []float32, s float32, c []float32) {
			for i := range dst {
				dst[i] = fma32(a[i], s, c[i])
			}
		},
		Affine: func(dst, a []float32, s, t float32) {
			for i := range dst {
				dst[i] = fma32(a[i], s, t)
			}
		},
		Reductions:  reductionsReference(),
		Movement:    movementReference(),
		Conversions: conversionsReference(),
		Random:      randomReference(),
		Optimizer:   optimizerReference(),
	}
	for op, f := range unaryFunctions() {
		v.Unary[op] = mapUnary(f)
	}
	for op, f := range binaryFunctions() {
		v.Binary[op] = mapBinary(f)
		v.BinaryScalar[op] = mapBinaryScalar(f)
		v.ScalarBinary[op] = mapScalarBinary(f)
	}
	for op, f := range ternaryFunctions() {
		v.Ternary[op] = mapTernary(f)
	}
	return v
}

func mapUnary(f func(float32) float32) func(dst, x []float32) {
	return func(dst, x []float32) {
		for i := range dst {
			dst[i] = f(x[i])
		}
	}
}

func mapBinary(f func(a, b float32) float32) func(dst, a, b []float32) {
	return func(dst, a, b []float32) {
		for i := range dst {
			dst[i] = f(a[i], b[i])
		}
	}
}

func mapBinaryScalar(f func(a, b float32) float32) func(dst, a []float32, s float32) {
	return func(dst, a []float32, s float32) {
		for i := range dst {
			dst[i] = f(a[i], s)
		}
	}
}

func mapScalarBinary(f func(a, b float32) float32) func(dst []float32, s float32, a []float32) {
	return func(dst []float32, s float32, a []float32) {
		for i := range dst {
			dst[i] = f(s, a[i])
		}
	}
}

func mapTernary(f func(a, b, c float32) float32) func(dst, a, b, c []float32) {
	return func(dst, a, b, c []float32) {
		for i := range dst {
			dst[i] = f(a[i], b[i], c[i])
		}
	}
}
