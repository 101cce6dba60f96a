package ir

import "github.com/gomlx/compute"

// The engine's own operations, which only passes create. Their attributes are defined beside them.
const (
	// Fused runs an element-wise program over an iteration space; attribute *Program.
	Fused Op = Op(compute.OpTypeLast) + iota
	// MatMul is a batched product of dense matrices; inputs: a, b; attribute MatMul.
	MatMul
	// Conv2D is a convolution over two spatial axes in NHWC and HWIO, or one of its gradients; inputs and attribute: Conv2D.
	Conv2D
)

var ownNames = map[Op]string{Fused: "Fused", MatMul: "MatMul", Conv2D: "Conv2D"}

// MatMulAttr is the attribute of [MatMul]: for each of Batch products C[M,N] = A·B. A is stored [M,K], or [K,M] when TransA;
// B is stored [K,N], or [N,K] when TransB. Leading dimensions and strides are counted in elements. Batches have two levels,
// since attention's heads lie inside its sequence: batch (i, j) starts at i*Stride[0] + j*Stride[1].
type MatMulAttr struct {
	M, N, K                   int
	TransA, TransB            bool
	LDA, LDB, LDC             int
	Batch                     [2]int
	StrideA, StrideB, StrideC [2]int
}

// ConvKind tells which of a convolution's three products a [Conv2D] node computes.
type ConvKind uint8

// The three products; the names of their inputs in order.
const (
	ConvForward        ConvKind = iota // x, w → y
	ConvInputGradient                  // dy, w → dx
	ConvFilterGradient                 // x, dy → dw
)

// Conv2DAttr is the attribute of [Conv2D]: the forward convolution that the node computes, or computes a gradient of.
// x is [Batch, InH, InW, InC], w is [KernelH, KernelW, InC/Groups, OutC], y is [Batch, OutH, OutW, OutC].
type Conv2DAttr struct {
	Kind                                   ConvKind
	Batch, InH, InW, InC                   int
	OutH, OutW, OutC                       int
	KernelH, KernelW                       int
	StrideH, StrideW, DilationH, DilationW int
	PadTop, PadBottom, PadLeft, PadRight   int
	Groups                                 int
}
