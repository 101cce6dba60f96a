package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestUnhalf goes through all 65,536 halves.
func TestUnhalf(t *testing.T) {
	forTiers(t, func(t *testing.T, set *Set) {
		in := make([]uint16, 1<<16)
		for i := range in {
			in[i] = uint16(i)
		}
		out := make([]float32, len(in))
		set.Vector.F16ToF32(out, in)
		back := make([]uint16, len(in))
		set.Vector.F32ToF16(back, out)
		for i, got := range out {
			e, m := i>>10&31, float64(i&1023)
			want := math.Ldexp(1+m/1024, e-15)
			switch e {
			case 0:
				want = math.Ldexp(m, -24)
			case 31:
				want = math.Inf(1)
				if m != 0 {
					if got == got || back[i]&0x7c00 != 0x7c00 || back[i]&0x3ff == 0 {
						t.Fatalf("half %04x is %v and back %04x, want NaN", i, got, back[i])
					}
					continue
				}
			}
			if i>>15 != 0 {
				want = -want
			}
			if float64(got) != want || int(back[i]) != i {
				t.Fatalf("half %04x is %v and back %04x, want %v", i, got, back[i], want)
			}
		}
	})
}

// halfway returns floats at, next to and between the values of a 16-bit format, from a few values around.
func halfway(widen func(uint16) float32) []float32 {
	var x []float32
	for b := 0; b < 1<<15; b += 13 {
		lo, hi := widen(uint16(b)), widen(uint16(b+1))
		if lo != lo || hi != hi || math.IsInf(float64(hi), 0) {
			continue
		}
		mid := float32((float64(lo) + float64(hi)) / 2)
		x = append(x, lo, mid, math.Nextafter32(mid, 0), math.Nextafter32(mid, hi), -mid)
	}
	return x
}

// checkNearest asserts that b is the value nearest to x, with an even last bit if two are.
func checkNearest(t *testing.T, name string, widen func(uint16) float32, x float32, b uint16) {
	t.Helper()
	distance := func(b uint16) float64 { return math.Abs(float64(widen(b)) - float64(x)) }
	d := distance(b)
	for _, other := range []uint16{b - 1, b + 1} {
		if o := distance(other); o < d || o == d && b&1 != 0 {
			t.Fatalf("%s(%v) = %04x is %v, but %04x is %v", name, x, b, widen(b), other, widen(other))
		}
	}
}

func TestNarrowFloats(t *testing.T) {
	special := []float32{float32(math.NaN()), math.Float32frombits(0x7f800001), math.Float32frombits(0xffffffff), float32(math.Inf(1)), float32(math.Inf(-1)),
		65519.99, 65520, math.MaxFloat32, -math.MaxFloat32, 1e-40, 0x1p-25, 0x1.8p-25, 0x1p-26}
	wantHalf := []uint16{0, 0, 0, 0x7c00, 0xfc00, 0x7bff, 0x7c00, 0x7c00, 0xfc00, 0, 0, 1, 0}
	unbf := func(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }
	forTiers(t, func(t *testing.T, set *Set) {
		v := &set.Vector
		out := make([]uint16, len(special))
		v.F32ToF16(out, special)
		for i, b := range out {
			if i < 3 && unhalf(b) == unhalf(b) || i >= 3 && b != wantHalf[i] {
				t.Errorf("half of %v is %04x, want %04x", special[i], b, wantHalf[i])
			}
		}
		padded := append(special, make([]float32, 32)...) // so that the vectors do them
		out = make([]uint16, len(padded))
		v.F32ToBF16(out, padded)
		for i, want := range []float32{0, 0, 0, special[3], special[4], 65536, 65536, float32(math.Inf(1)), float32(math.Inf(-1))} {
			if got := unbf(out[i]); i < 3 && got == got || i >= 3 && got != want {
				t.Errorf("bfloat16 of %v is %v, want %v", special[i], got, want)
			}
		}
		for _, c := range []struct {
			name   string
			narrow func([]uint16, []float32)
			widen  func(uint16) float32
		}{{"F32ToF16", v.F32ToF16, unhalf}, {"F32ToBF16", v.F32ToBF16, unbf}} {
			x := halfway(c.widen)
			b := make([]uint16, len(x))
			c.narrow(b, x)
			for i := range x {
				checkNearest(t, c.name, c.widen, x[i], b[i])
			}
		}
	})
}

func TestConversionLengths(t *testing.T) {
	rng := rand.New(rand.NewPCG(25, 26))
	reference := conversionsReference()
	forTiers(t, func(t *testing.T, set *Set) {
		v := &set.Vector
		for n := range lengths {
			x := make([]float32, n)
			small := make([]float32, n)
			i32, u8, u16 := make([]int32, n), make([]uint8, n), make([]uint16, n)
			for i := range n {
				x[i] = float32(rng.NormFloat64() * 1e6)
				small[i] = float32(rng.IntN(256)) + float32(rng.Float64()*0.9)
				i32[i], u8[i], u16[i] = int32(rng.Uint32()), uint8(rng.Uint32()), uint16(rng.Uint32())&0x7bff
				if i%3 == 0 {
					x[i] = 0
				}
			}
			sameConversion(t, "F32ToI32", n, x, v.F32ToI32, reference.F32ToI32)
			sameConversion(t, "I32ToF32", n, i32, v.I32ToF32, reference.I32ToF32)
			sameConversion(t, "F32ToU8", n, small, v.F32ToU8, reference.F32ToU8)
			sameConversion(t, "U8ToF32", n, u8, v.U8ToF32, reference.U8ToF32)
			sameConversion(t, "F32ToBool", n, x, v.F32ToBool, reference.F32ToBool)
			sameConversion(t, "F32ToBF16", n, x, v.F32ToBF16, reference.F32ToBF16)
			sameConversion(t, "BF16ToF32", n, u16, v.BF16ToF32, reference.BF16ToF32)
			sameConversion(t, "F32ToF16", n, small, v.F32ToF16, reference.F32ToF16)
			sameConversion(t, "F16ToF32", n, u16, v.F16ToF32, reference.F16ToF32)
		}
	})
}

func sameConversion[D Number, S any](t *testing.T, name string, n int, x []S, f, reference func([]D, []S)) {
	t.Helper()
	got, want := make([]D, n+1), make([]D, n)
	got[n] = 99
	f(got[:n], x)
	reference(want, x)
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s, %d of %d: of %v %v, want %v", name, i, n, x[i], got[i], want[i])
		}
	}
	if got[n] != 99 {
		t.Fatalf("%s wrote beyond %d elements", name, n)
	}
}

func TestConvert(t *testing.T) {
	out := make([]int64, 3)
	Convert(out, []float32{-1.9, 2.5, 1 << 40})
	if out[0] != -1 || out[1] != 2 || out[2] != 1<<40 {
		t.Errorf("got %v", out)
	}
}
