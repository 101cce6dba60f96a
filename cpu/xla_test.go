//go:build xla && cgo

package cpu

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/go-xla/compute/xla"
)

// openXLA opens XLA's CPU compiler from the peers' Python environment, which shared/peers/setup makes.
func openXLA(t *testing.T) compute.Backend {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	found, _ := filepath.Glob(filepath.Join(cache, "ebb-peers", "lib", "*", "site-packages", "xla_plugins", "xla_cpu_pjrt", "*.so"))
	if len(found) == 0 {
		t.Skip("no XLA plugin: run shared/peers/setup")
	}
	xla.EnableAutoInstall(false)
	b, err := xla.New(found[0])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// random builds a graph that draws random bits and returns them as unsigned integers of the same width.
func randomGraph(d dtypes.DType, n int) graphCase {
	return graphCase{
		inputs: []tensor{{[]uint64{0x0123456789abcdef, 0xfffffffffffffffe, 7}, compute.RNGStateShape}},
		build: func(f compute.Function, in []compute.Value) ([]compute.Value, error) {
			state, bits, err := f.RNGBitGenerator(in[0], shapes.Make(d, n))
			return []compute.Value{state, bits}, err
		},
	}
}

func TestRandomBitsEqualXLA(t *testing.T) {
	peer := openXLA(t)
	ours := open(t, "")
	for _, d := range []dtypes.DType{dtypes.Uint8, dtypes.Int8, dtypes.Uint16, dtypes.Int16, dtypes.Uint32, dtypes.Int32, dtypes.Uint64, dtypes.Int64,
		dtypes.Float16, dtypes.BFloat16, dtypes.Float32, dtypes.Float64} {
		for _, n := range []int{1, 3, 4, 5, 8, 17} {
			c := randomGraph(d, n)
			want, err := c.run(peer)
			if err != nil {
				t.Logf("XLA has no random bits of %s: %.200v", d, err)
				break
			}
			got, err := c.run(ours)
			if err != nil {
				t.Errorf("%s: %v", d, err)
				break
			}
			for i := range want {
				w, g := dtypes.UnsafeByteSliceFromAny(want[i].flat), dtypes.UnsafeByteSliceFromAny(got[i].flat)
				if !reflect.DeepEqual(w, g) {
					t.Errorf("%s, %d values, output %d:\n got %x\nwant %x", d, n, i, g, w)
				}
			}
		}
	}
}
