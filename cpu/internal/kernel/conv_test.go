package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/cpu/internal/pool"
)

var allKinds = []ConvKind{ConvForward, ConvInputGradient, ConvFilterGradient}

// same3 is a 3×3 convolution that keeps height and width.
func same3(batch, h, w, in, out int) ConvSpec {
	return ConvSpec{Batch: batch, InH: h, InW: w, InC: in, OutC: out, KernelH: 3, KernelW: 3,
		PadTop: 1, PadBottom: 1, PadLeft: 1, PadRight: 1}
}

func convName(s ConvSpec) string {
	return strings.NewReplacer("{", "", "}", "", " ", ",").Replace(fmt.Sprint(s))
}

// convCases are small, but reach every path: blocks and groups of tiles, partial tiles, vectors and panels, windows and
// rows, several images in a task, phases without taps.
func convCases() []ConvSpec {
	few := same3(2, 8, 8, 32, 32)
	odd := same3(3, 7, 9, 19, 37)
	wide := same3(1, 5, 70, 16, 48)
	many := same3(5, 29, 31, 16, 24) // more than fewTiles
	tall := same3(1, 97, 45, 17, 16)
	none, two, crop, skew := same3(1, 6, 6, 16, 16), same3(1, 5, 5, 16, 16), same3(1, 9, 8, 16, 16), same3(2, 7, 6, 16, 33)
	none.PadTop, none.PadBottom, none.PadLeft, none.PadRight = 0, 0, 0, 0
	two.PadTop, two.PadBottom, two.PadLeft, two.PadRight = 2, 2, 2, 2
	crop.PadTop, crop.PadBottom, crop.PadLeft, crop.PadRight = -1, -2, 0, -1
	skew.PadTop, skew.PadBottom, skew.PadLeft, skew.PadRight = 0, 3, 5, -2
	return []ConvSpec{
		few, odd, wide, many, tall, none, two, crop, skew,
		same3(33, 1, 29, 16, 72), same3(2, 6, 6, 77, 40), same3(1, 3, 5, 176, 168), // groups of channels; two workers transform alone
		same3(1, 4, 4, 16, 16), same3(1, 1, 1, 16, 16), same3(2, 2, 3, 64, 8), same3(1, 9, 9, 3, 40), same3(1, 9, 9, 40, 3), same3(1, 3, 3, 1, 1),
		{Batch: 2, InH: 9, InW: 8, InC: 20, OutC: 33, KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, PadTop: 1, PadBottom: 1, PadLeft: 1, PadRight: 1},
		{Batch: 2, InH: 8, InW: 8, InC: 24, OutC: 16, KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, PadBottom: 1, PadRight: 1},
		{Batch: 3, InH: 4, InW: 4, InC: 64, OutC: 16, KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1},
		{Batch: 2, InH: 11, InW: 7, InC: 5, OutC: 7, KernelH: 1, KernelW: 1, StrideH: 3, StrideW: 2},
		{Batch: 2, InH: 12, InW: 13, InC: 4, OutC: 6, KernelH: 2, KernelW: 4, StrideH: 3, StrideW: 1, PadTop: 2, PadRight: 3},
		{Batch: 1, InH: 13, InW: 12, InC: 16, OutC: 20, KernelH: 3, KernelW: 3, DilationH: 2, DilationW: 3, PadTop: 2, PadBottom: 2, PadLeft: 3, PadRight: 1},
		{Batch: 1, InH: 13, InW: 14, InC: 3, OutC: 5, KernelH: 3, KernelW: 2, StrideH: 2, StrideW: 3, DilationH: 2, DilationW: 2, PadTop: -1, PadLeft: 4},
		{Batch: 2, InH: 6, InW: 7, InC: 12, OutC: 18, KernelH: 3, KernelW: 3, Groups: 3, PadTop: 1, PadBottom: 1, PadLeft: 1, PadRight: 1},
		{Batch: 1, InH: 8, InW: 8, InC: 64, OutC: 96, KernelH: 3, KernelW: 3, Groups: 2, StrideH: 2, StrideW: 2, PadTop: 1, PadBottom: 1, PadLeft: 1, PadRight: 1},
		{Batch: 2, InH: 7, InW: 9, InC: 12, OutC: 12, KernelH: 3, KernelW: 3, Groups: 12, PadTop: 1, PadBottom: 1, PadLeft: 1, PadRight: 1},
		{Batch: 1, InH: 5, InW: 300, InC: 9, OutC: 9, KernelH: 2, KernelW: 3, Groups: 9, StrideH: 2, DilationW: 2, PadTop: 1, PadLeft: 3, PadRight: -2},
		{Batch: 1, InH: 9, InW: 10, InC: 20, OutC: 20, KernelH: 3, KernelW: 3, Groups: 20, StrideH: 3, StrideW: 2, PadTop: 1, PadRight: 2},
		{Batch: 1, InH: 9, InW: 10, InC: 40, OutC: 3, KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, PadRight: 1},
		{Batch: 1, InH: 9, InW: 10, InC: 3, OutC: 40, KernelH: 3, KernelW: 3, DilationH: 2, DilationW: 2, PadTop: 3, PadLeft: 2, PadRight: 1},
		{Batch: 2, InH: 1, InW: 1, InC: 9, OutC: 2, KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, PadTop: 2, PadBottom: 2, PadLeft: 2, PadRight: 2},
		{Batch: 1, InH: 3, InW: 1, InC: 9, OutC: 1, KernelH: 1, KernelW: 1, StrideW: 3, PadLeft: 1, PadRight: 4},
		{Batch: 1, InH: 6, InW: 5, InC: 9, OutC: 18, KernelH: 3, KernelW: 3, Groups: 9, PadTop: 1, PadBottom: 1, PadLeft: 1, PadRight: 1},
		{Batch: 1, InH: 17, InW: 19, InC: 3, OutC: 16, KernelH: 7, KernelW: 7, StrideH: 4, StrideW: 4, PadTop: 3, PadBottom: 3, PadLeft: 3, PadRight: 3},
		{Batch: 1, InH: 8, InW: 8, InC: 2, OutC: 40, KernelH: 4, KernelW: 4, StrideH: 4, StrideW: 4},
		{Batch: 1, InH: 2, InW: 2, InC: 3, OutC: 2, KernelH: 5, KernelW: 5}, // no output
		{Batch: 2, InH: 9, InW: 1, InC: 9, OutC: 16, KernelH: 1, KernelW: 3, StrideW: 2, PadLeft: 5},
		{Batch: 0, InH: 4, InW: 4, InC: 3, OutC: 2, KernelH: 3, KernelW: 3},
		{Batch: 1, InH: 0, InW: 4, InC: 3, OutC: 2, KernelH: 1, KernelW: 1, PadTop: 2},
		{Batch: 1, InH: 6, InW: 400, InC: 33, OutC: 2, KernelH: 2, KernelW: 1, PadLeft: 1},
	}
}

// eachConv calls f for every kind and every algorithm that can compute it.
func eachConv(t *testing.T, set *Set, s ConvSpec, f func(t *testing.T, c *Conv)) {
	t.Helper()
	for _, kind := range allKinds {
		auto, err := NewConv(set, s, kind, ConvAuto)
		if err != nil {
			t.Fatal(err)
		}
		for _, cost := range auto.Costs() {
			c, err := NewConv(set, s, kind, cost.Algorithm)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(fmt.Sprintf("%v/%v/%v", convName(s), kind, cost.Algorithm), func(t *testing.T) { f(t, c) })
		}
	}
}

// winogradFactor is how much larger than a direct sum's limit of rounding Winograd's may be.
const winogradFactor = 24

func (o *convOracle) check(t *testing.T, c *Conv, got []float32) {
	t.Helper()
	rms := 0.0
	for _, v := range o.magnitude {
		rms = max(rms, v)
	}
	for i, v := range got {
		limit := tolerance(o.terms[i], o.magnitude[i])
		if c.Algorithm() == ConvWinograd { // whose error depends on the neighbours' size too
			limit = winogradFactor * 0x1p-23 * rms
		}
		if diff := math.Abs(float64(v) - o.value[i]); !(diff <= limit) {
			t.Fatalf("[%d] = %v, want %v (off by %g, limit %g)", i, v, o.value[i], diff, limit)
		}
	}
}

func TestConvAgainstFloat64(t *testing.T) {
	forTiers(t, func(t *testing.T, set *Set) {
		for i, s := range convCases() {
			eachConv(t, set, s, func(t *testing.T, c *Conv) {
				a, b := c.operands(rand.New(rand.NewPCG(uint64(i), 1)))
				_, _, n := c.sizes()
				out, checkOut := guarded(t, n)
				scratch, checkScratch := guarded(t, c.Scratch(1))
				if err := c.Run(Serial{}, out, a, b, scratch, nil); err != nil {
					t.Fatal(err)
				}
				checkOut()
				checkScratch()
				oracle(s, c.kind, a, b).check(t, c, out)
			})
		}
	})
}

// TestConvWorkers wants the same bits from any number of workers, with filters prepared or not, and every element
// finished exactly once, with its final value.
func TestConvWorkers(t *testing.T) {
	forTiers(t, func(t *testing.T, set *Set) {
		for i, s := range convCases() {
			if s.Batch*s.InH*s.InW > 2000 && set.Tier == Reference {
				continue
			}
			eachConv(t, set, s, func(t *testing.T, c *Conv) {
				a, b := c.operands(rand.New(rand.NewPCG(uint64(i), 2)))
				want := runConv(t, c, a, b, 1, false)
				for _, workers := range []int{2, 3, 8} {
					if got := runConv(t, c, a, b, workers, workers == 3); !slices.Equal(got, want) {
						t.Fatalf("%d workers: other bits than 1", workers)
					}
				}
			})
		}
	})
}

func runConv(t *testing.T, c *Conv, a, b []float32, workers int, prepared bool) []float32 {
	t.Helper()
	p, err := pool.New(workers)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	_, _, n := c.sizes()
	out, scratch := make([]float32, n), make([]float32, c.Scratch(workers))
	for i := range scratch {
		scratch[i] = float32(math.NaN())
	}
	width := c.outChannels()
	seen, epilogue := watch(out, width)
	if c.kind == ConvFilterGradient {
		epilogue = nil
	}
	if prepared && c.kind != ConvFilterGradient {
		filter := make([]float32, c.PreparedSize())
		if err := c.PrepareFilter(p, b, filter); err != nil {
			t.Fatal(err)
		}
		err = c.RunPrepared(p, out, a, filter, scratch, epilogue)
	} else {
		err = c.Run(p, out, a, b, scratch, epilogue)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range out {
		if epilogue != nil && math.Float32bits(seen[i]) != math.Float32bits(out[i]) {
			t.Fatalf("[%d]: finished with %v, in the end %v", i, seen[i], out[i])
		}
	}
	return out
}

// watch returns an epilogue that records the output, and NaN for elements finished twice.
func watch(out []float32, width int) (seen []float32, epilogue Epilogue) {
	seen = make([]float32, len(out))
	done := make([]bool, len(out))
	return seen, func(_, row, rows, col, cols int) {
		for r := row; r < row+rows; r++ {
			for i := r*width + col; i < r*width+col+cols; i++ {
				seen[i] = out[i]
				if done[i] {
					seen[i] = float32(math.NaN())
				}
				done[i] = true
			}
		}
	}
}

func TestConvErrors(t *testing.T) {
	set := ForTier(BestTier())
	for _, s := range []ConvSpec{
		{Batch: 1, InH: 4, InW: 4, InC: 3, OutC: 4, KernelH: 3, KernelW: 3, Groups: 2},
		{Batch: -1, InH: 4, InW: 4, InC: 3, OutC: 4, KernelH: 3, KernelW: 3},
		{Batch: 1, InH: 4, InW: 4, InC: 0, OutC: 4, KernelH: 3, KernelW: 3},
		{Batch: 1, InH: 4, InW: 4, InC: 4, OutC: 4, KernelH: 3, KernelW: 3, StrideH: -1},
		{Batch: 1 << 30, InH: 1 << 30, InW: 1 << 30, InC: 1 << 30, OutC: 4, KernelH: 3, KernelW: 3},
		{Batch: 1, InH: 4, InW: 4, InC: 1 << 30, OutC: 1 << 30, KernelH: 3, KernelW: 3},
	} {
		if _, err := NewConv(set, s, ConvForward, ConvAuto); err == nil {
			t.Errorf("%+v: no error", s)
		}
	}
	if _, err := NewConv(set, ConvSpec{Batch: 1, InH: 4, InW: 4, InC: 32, OutC: 32, KernelH: 5, KernelW: 5}, ConvForward, ConvWinograd); err == nil {
		t.Error("Winograd took a 5×5 filter")
	}
	c, err := NewConv(set, same3(1, 8, 8, 32, 32), ConvForward, ConvAuto)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(Serial{}, nil, nil, nil, nil, nil); err == nil {
		t.Error("empty slices: no error")
	}
}

// TestConvNotFinite wants Inf and NaN where a window holds one and nowhere a window does not.
func TestConvNotFinite(t *testing.T) {
	s := same3(1, 16, 16, 16, 16)
	forTiers(t, func(t *testing.T, set *Set) {
		c, err := NewConv(set, s, ConvForward, ConvDirect)
		if err != nil {
			t.Fatal(err)
		}
		a, b := c.operands(rand.New(rand.NewPCG(3, 3)))
		a[(8*16+8)*16+3] = float32(math.NaN())
		out := runConv(t, c, a, b, 1, false)
		for i, v := range out {
			y, x := i/16/16, i/16%16
			inside := y >= 7 && y <= 9 && x >= 7 && x <= 9
			if math.IsNaN(float64(v)) != inside {
				t.Fatalf("pixel %d,%d is %v", y, x, v)
			}
		}
	})
}

func FuzzConv(f *testing.F) {
	f.Add(uint8(1), uint8(8), uint8(8), uint8(16), uint8(16), uint8(3), uint8(3), uint8(1), uint8(1), int8(1), int8(1), uint8(1), uint8(1), uint8(1), uint8(2))
	f.Add(uint8(2), uint8(5), uint8(9), uint8(4), uint8(6), uint8(2), uint8(3), uint8(2), uint8(3), int8(-1), int8(2), uint8(2), uint8(1), uint8(2), uint8(1))
	f.Fuzz(func(t *testing.T, batch, h, w, in, out, kh, kw, sh, sw uint8, top, left int8, dh, dw, groups, tier uint8) {
		n := max(1, int(groups%4))
		s := ConvSpec{Batch: int(batch % 4), InH: int(h % 20), InW: int(w % 20), InC: n * (1 + int(in%20)), OutC: n * (1 + int(out%40)),
			KernelH: 1 + int(kh%5), KernelW: 1 + int(kw%5), StrideH: int(sh % 4), StrideW: int(sw % 4),
			PadTop: int(top % 6), PadBottom: int(left % 5), PadLeft: int(left % 6), PadRight: int(top % 5),
			DilationH: int(dh % 3), DilationW: int(dw % 3), Groups: n}
		set := ForTier(Tier(tier % 3))
		for _, kind := range allKinds {
			auto, err := NewConv(set, s, kind, ConvAuto)
			if err != nil {
				t.Fatal(err)
			}
			for _, cost := range auto.Costs() {
				c, err := NewConv(set, s, kind, cost.Algorithm)
				if err != nil {
					t.Fatal(err)
				}
				a, b := c.operands(rand.New(rand.NewPCG(uint64(h), uint64(w))))
				oracle(s, kind, a, b).check(t, c, runConv(t, c, a, b, 1+int(batch%3), false))
			}
		}
	})
}

// TestConvAuto states which algorithm is chosen for a U-Net's layers.
func TestConvAuto(t *testing.T) {
	strided := same3(16, 32, 32, 128, 128)
	strided.StrideH, strided.StrideW = 2, 2
	forTiers(t, func(t *testing.T, set *Set) {
		for _, x := range []struct {
			spec ConvSpec
			want ConvAlgorithm
		}{
			{same3(16, 32, 32, 128, 128), ConvWinograd}, {same3(16, 4, 4, 512, 256), ConvWinograd}, {same3(1, 8, 8, 256, 256), ConvWinograd},
			{same3(1, 4, 4, 512, 256), ConvDirect}, {same3(16, 32, 32, 3, 128), ConvDirect}, {same3(16, 32, 32, 128, 3), ConvDirect}, {strided, ConvDirect},
		} {
			for _, kind := range allKinds {
				c, err := NewConv(set, x.spec, kind, ConvAuto)
				if err != nil {
					t.Fatal(err)
				}
				if c.Algorithm() != x.want {
					t.Errorf("%v of %v: %v, want %v: %+v", kind, convName(x.spec), c.Algorithm(), x.want, c.Costs())
				}
			}
		}
	})
}
