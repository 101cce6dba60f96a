package kernel

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestBroadcastRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	forTiers(t, func(t *testing.T, set *Set) {
		for n := range 40 {
			for _, rows := range []int{0, 1, 5, 8, 16, 17, 40} {
				s := normal(rng, rows)
				dst, check := guarded(t, rows*n)
				set.Vector.BroadcastRows(dst, s, n)
				check()
				for i, got := range dst {
					if got != s[i/n] {
						t.Fatalf("%d rows of %d: element %d is %v, want %v", rows, n, i, got, s[i/n])
					}
				}
			}
		}
	})
}

func TestTileRow(t *testing.T) {
	forTiers(t, func(t *testing.T, set *Set) {
		for _, n := range []int{1, 3, 24} {
			for rows := range 9 {
				row := make([]float32, n)
				for i := range row {
					row[i] = float32(i)
				}
				dst, check := guarded(t, rows*n)
				set.Vector.TileRow(dst, row)
				check()
				for i, got := range dst {
					if got != row[i%n] {
						t.Fatalf("%d rows of %d: element %d is %v", rows, n, i, got)
					}
				}
			}
		}
	})
}

func TestTranspose(t *testing.T) {
	forTiers(t, func(t *testing.T, set *Set) {
		for rows := range 36 {
			for cols := range 36 {
				checkMove(t, "Transpose", set.Vector.Transpose, rows, cols, func(i, j, ldd int) int { return j*ldd + i })
				checkMove(t, "Copy2D", set.Vector.Copy2D, rows, cols, func(i, j, ldd int) int { return i*ldd + j })
			}
		}
		checkMove(t, "Transpose", set.Vector.Transpose, 100, 70, func(i, j, ldd int) int { return j*ldd + i })
	})
}

// checkMove moves a matrix between strides wider than it, and looks at all of the target: gaps must stay as they were.
func checkMove(t *testing.T, name string, move func(dst []float32, ldd int, src []float32, lds, rows, cols int), rows, cols int, to func(i, j, ldd int) int) {
	t.Helper()
	lds, ldd := cols+3, max(rows, cols)+2
	src := make([]float32, max(0, rows*lds-3)) // ends with the matrix
	for i := range src {
		src[i] = float32(i)
	}
	size := 0
	if rows > 0 && cols > 0 {
		size = to(rows-1, cols-1, ldd) + 1
	}
	dst, check := guarded(t, size)
	move(dst, ldd, src, lds, rows, cols)
	check()
	for i := range rows {
		for j := range cols {
			p := &dst[to(i, j, ldd)]
			if *p != src[i*lds+j] {
				t.Fatalf("%s %d×%d: (%d, %d) is %v, want %v", name, rows, cols, i, j, *p, src[i*lds+j])
			}
			*p = guard
		}
	}
	for i, v := range dst {
		if v != guard {
			t.Fatalf("%s %d×%d: wrote %v into a gap at %d", name, rows, cols, v, i)
		}
	}
}

// TestStream copies blocks of all short lengths from and to all places within a line.
func TestStream(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 34))
	forTiers(t, func(t *testing.T, set *Set) {
		for n := range 100 {
			for offset := range 17 {
				src := normal(rng, n+offset)[offset:]
				room, check := guarded(t, n+offset)
				before := append([]float32{}, room[:offset]...)
				set.Vector.Stream(room[offset:], src)
				set.Vector.Fence()
				check()
				if !equalBits(room[:offset], before) || !equalBits(room[offset:], src) {
					t.Fatalf("%d floats at %d: got %v, want %v", n, offset, room, src)
				}
			}
		}
	})
}

func TestTransposeBytes(t *testing.T) {
	src := []uint8{1, 2, 3, 4, 5, 6}
	dst := make([]uint8, 6)
	Transpose(dst, 2, src, 3, 2, 3)
	if string(dst) != "\x01\x04\x02\x05\x03\x06" {
		t.Errorf("got %v", dst)
	}
}

// TestAVX2Encoding reads the assembly: a machine without AVX-512 must be able to run the AVX2 tier, but the assembler takes
// the longer encoding without a word where a register from 16 on or a mask register appears.
func TestAVX2Encoding(t *testing.T) {
	wide := regexp.MustCompile(`\b(Z\d+|K[0-7]|[XY](1[6-9]|2\d|3[01]))\b`)
	for _, family := range []string{"vector", "reduce", "transpose", "convert", "philox", "adamw"} {
		data, err := os.ReadFile(filepath.Join(".", family+"_amd64.s"))
		if err != nil {
			t.Fatal(err)
		}
		functions := 0
		for _, text := range strings.Split(string(data), "TEXT ·")[1:] {
			name, _, _ := strings.Cut(text, "(")
			if !strings.HasSuffix(name, "AVX2") {
				continue
			}
			functions++
			if m := wide.FindString(text); m != "" {
				t.Errorf("%s uses %s", name, m)
			}
		}
		if functions == 0 {
			t.Errorf("%s_amd64.s has no function of the AVX2 tier", family)
		}
	}
}
