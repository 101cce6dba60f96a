package testkit

// Fill returns n reproducible numbers, uniform in [-1, 1), that depend on name
// and index only. fill in fill.py computes the very same ones (SplitMix64 over
// an FNV-1a hash of the name), which is how both sides of a golden test agree on
// weights and inputs without storing them.
func Fill(name string, n int) []float64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 0x100000001b3
	}
	out := make([]float64, n)
	for i := range out {
		z := h + uint64(i+1)*0x9e3779b97f4a7c15
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
		z = (z ^ (z >> 27)) * 0x94d049bb133111eb
		z ^= z >> 31
		out[i] = float64(z>>11)/(1<<52) - 1
	}
	return out
}

// Floats32 rounds float64 values to float32.
func Floats32(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}
