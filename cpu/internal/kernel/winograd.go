package kernel

// Winograd holds a tier's transforms for F(4×4,3×3).
type Winograd struct{}

func winogradFor(Tier) Winograd { return Winograd{} }
