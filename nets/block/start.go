package block

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
)

// Start says how a parameter starts. The zero value is all zeros.
type Start struct {
	kind  startKind
	scale float64
}

type startKind int

const (
	constant startKind = iota
	uniform
	normal
)

// Constant starts at v.
func Constant(v float64) Start { return Start{constant, v} }

// Uniform starts evenly spread over [-bound, bound].
func Uniform(bound float64) Start { return Start{uniform, bound} }

// Normal starts with mean 0 and the given standard deviation.
func Normal(std float64) Start { return Start{normal, std} }

// torchUniform is how PyTorch starts weight and bias of nn.Linear and nn.Conv2d:
// kaiming_uniform with a = √5, which is U(±1/√fanIn) (torch/nn/modules/linear.py).
func torchUniform(fanIn int) Start { return Uniform(1 / math.Sqrt(float64(fanIn))) }

// XavierUniform is U(±√(6/(fanIn+fanOut))) (Glorot & Bengio 2010, equation 16).
func XavierUniform(fanIn, fanOut int) Start {
	return Uniform(math.Sqrt(6 / float64(fanIn+fanOut)))
}

// values draws the starting value of p. Its stream hangs on seed and name only, so
// that adding a layer leaves the others as they were.
func values[T float32 | float64](p *Param, seed uint64) []T {
	h := fnv.New64a()
	h.Write([]byte(p.Name))
	r := rand.NewPCG(seed, h.Sum64())
	out := make([]T, p.Size())
	for i := range out {
		switch p.Start.kind {
		case constant:
			out[i] = T(p.Start.scale)
		case uniform:
			out[i] = T(p.Start.scale * (2*unit(r) - 1))
		case normal: // Box and Muller 1958; 1-u is never zero
			out[i] = T(p.Start.scale * math.Sqrt(-2*math.Log(1-unit(r))) * math.Cos(2*math.Pi*unit(r)))
		}
	}
	return out
}

// unit draws from [0, 1) with 53 bits. (rand.Float64 is not promised to stay the same.)
func unit(r *rand.PCG) float64 { return float64(r.Uint64()>>11) / (1 << 53) }
