package data

import "testing"

// BenchmarkAugment is one picture of 32×32 that is turned, scaled and shifted.
func BenchmarkAugment(b *testing.B) {
	x := make([]float32, 32*32*3)
	for i := range x {
		x[i] = float32(i%251) / 251
	}
	t := transform{scale: 0.3, rotate: 0.5, axis: 1, squeeze: 0.2, shiftX: 0.4}
	for b.Loop() {
		t.apply(x, 32, 32, 3)
	}
}
