package kernel

// Vector holds a tier's element-wise kernels and reductions over blocks of float32.
type Vector struct{}

func vectorFor(Tier) Vector { return Vector{} }
