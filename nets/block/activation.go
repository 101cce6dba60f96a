package block

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

// SiLU is x·σ(x) (Elfwing et al. 2018).
func SiLU(x *Node) *Node { return graph.Mul(x, graph.Sigmoid(x)) }

// GELU is the tanh form of x·Φ(x) (Hendrycks & Gimpel 2016): PyTorch's approximate="tanh",
// diffusers' "gelu-approximate".
func GELU(x *Node) *Node {
	// The cube by multiplication: the gradient of Pow asks for a logarithm of x.
	cube := graph.Mul(graph.Mul(x, x), x)
	inner := graph.MulScalar(graph.Add(x, graph.MulScalar(cube, 0.044715)), math.Sqrt(2/math.Pi))
	return graph.Mul(graph.MulScalar(x, 0.5), graph.OnePlus(graph.Tanh(inner)))
}

// Modulate is x·(1+scale)+shift with one scale and shift [B, D] for all of x [B, S, D] (Peebles &
// Xie 2023, adaLN).
func Modulate(x, shift, scale *Node) *Node {
	return graph.Add(graph.Mul(x, graph.InsertAxes(graph.OnePlus(scale), 1)), graph.InsertAxes(shift, 1))
}

// Chunks splits the last axis of x into n equal parts.
func Chunks(x *Node, n int) []*Node { return graph.Split(x, -1, n) }
