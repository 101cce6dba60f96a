package parse

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The files come from NumPy itself (testdata/golden.py).
func TestNPYTypes(t *testing.T) {
	files, _ := filepath.Glob("testdata/npy_*.npy")
	for _, f := range files {
		a, err := NPY(read(t, filepath.Base(f)))
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if !slices.Equal(a.Shape, []int{2, 3}) || a.Len() != 6 {
			t.Errorf("%s: shape %v", f, a.Shape)
		}
		want := []int32{0, 1, 2, 3, 4, 5}
		if a.Type == Bool {
			want = []int32{0, 1, 0, 1, 0, 1}
		}
		var got []int32
		if a.Type == Float16 || a.Type == Float32 || a.Type == Float64 {
			for b := range slices.Chunk(a.AppendFloat32(nil, 0, 6), 4) {
				got = append(got, int32(math.Float32frombits(binary.LittleEndian.Uint32(b))))
			}
		} else if got, err = a.Ints(); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s (%s): got %v", f, a.Type, got)
		}
	}
	if len(files) != 14 {
		t.Errorf("%d files, expected 14", len(files))
	}
}

func TestHalf(t *testing.T) {
	a, err := NPY(read(t, "halves.npy"))
	if err != nil {
		t.Fatal(err)
	}
	want := []float32{0, float32(math.Copysign(0, -1)), 1.5, -2.25, 65504, 5.9604645e-08, 6.097555e-05, float32(math.Inf(1))}
	for i, b := range slices.Collect(slices.Chunk(a.AppendFloat32(nil, 0, a.Len()), 4)) {
		if got := binary.LittleEndian.Uint32(b); got != math.Float32bits(want[i]) {
			t.Errorf("value %d is %v, want %v", i, math.Float32frombits(got), want[i])
		}
	}
}

func TestNPYRefusals(t *testing.T) {
	good := read(t, "npy_u1.npy")
	for _, c := range []struct {
		b    []byte
		want string
	}{
		{read(t, "fortran.npy"), "Fortran"},
		{good[:len(good)-1], "truncated"},
		{good[:40], "truncated"},
		{[]byte("PK\x03\x04"), "not an .npy"},
		{[]byte(strings.Replace(string(good), "|u1", "|O8", 1)), "not read"},
		{[]byte(strings.Replace(string(good), "(2, 3), ", "(9999999999999999999999,)", 1)), "not readable"},
	} {
		if _, err := NPY(c.b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

func TestIDX(t *testing.T) {
	b := append([]byte{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2}, 1, 2, 3, 4)
	a, err := IDX(b)
	if err != nil || !slices.Equal(a.Shape, []int{2, 1, 2}) || !slices.Equal(a.Data, []byte{1, 2, 3, 4}) {
		t.Errorf("got %v, %v", a, err)
	}
	a, err = IDX([]byte{0, 0, 12, 1, 0, 0, 0, 1, 0, 0, 1, 2})
	if v, _ := a.Ints(); err != nil || !slices.Equal(v, []int32{258}) {
		t.Errorf("big-endian integers: %v, %v", a, err)
	}
	for _, bad := range [][]byte{nil, b[:19], b[:9], {1, 0, 8, 1, 0, 0, 0, 0}, {0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}} {
		if _, err := IDX(bad); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}

func TestCIFARPython(t *testing.T) {
	planes := read(t, "cifar_data.bin")
	for _, f := range []string{"cifar_p1.pkl", "cifar_p2.pkl", "cifar_p3.pkl", "cifar_p4.pkl", "cifar_py2.pkl", "cifar100.pkl"} {
		b, err := CIFARPython(read(t, f))
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		want := []int32{6, 9}
		if f == "cifar100.pkl" {
			want = []int32{19, 99}
		}
		if !slices.Equal(b.Labels, want) {
			t.Errorf("%s: labels %v", f, b.Labels)
		}
		for _, p := range []struct{ n, ch, i int }{{0, 0, 0}, {1, 2, 1023}, {1, 1, 77}} {
			if b.Pix[p.n*3072+3*p.i+p.ch] != planes[p.n*3072+p.ch*1024+p.i] {
				t.Errorf("%s: sample %v differs", f, p)
			}
		}
	}
	if names, err := CIFARNames(read(t, "meta.pkl")); err != nil || !slices.Equal(names, []string{"airplane", "cat"}) {
		t.Errorf("names %v, %v", names, err)
	}
	if _, err := CIFARPython(read(t, "evil.pkl")); err == nil || !strings.Contains(err.Error(), "os.system") {
		t.Errorf("os.system: error %v", err)
	}
}

func TestCIFARBinary(t *testing.T) {
	planes := read(t, "cifar_data.bin")
	rec := append([]byte{4, 9}, planes[:3072]...)
	b, err := CIFARBinary(append(slices.Clone(rec), rec...), 2)
	if err != nil || !slices.Equal(b.Labels, []int32{9, 9}) || b.Pix[3072+4] != planes[1024+1] {
		t.Errorf("labels %v, error %v", b.Labels, err)
	}
	if _, err := CIFARBinary(rec, 1); err == nil {
		t.Error("a wrong record length was accepted")
	}
}

func FuzzNPY(f *testing.F) {
	f.Add(read(f, "npy_u1.npy"))
	f.Add(read(f, "npy_be_f4.npy"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := NPY(b); err == nil {
			a.Ints()
			if a.Type == Float16 {
				a.AppendFloat32(nil, 0, a.Len())
			}
		}
	})
}

func FuzzIDX(f *testing.F) {
	f.Add([]byte{0, 0, 8, 1, 0, 0, 0, 2, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := IDX(b); err == nil && a.Len()*a.Type.Size() != len(a.Data) {
			t.Error("length and data disagree")
		}
	})
}

func FuzzPickle(f *testing.F) {
	small := []byte("\x80\x02}q\x01(U\x04dataq\x02]q\x04(K\x06K\x09eX\x01\x00\x00\x00acnumpy\ndtype\n\x89N\x85Rh\x01u.")
	f.Add(small)
	f.Add(read(f, "evil.pkl"))
	f.Add(read(f, "meta.pkl"))
	f.Add(read(f, "cifar_p2.pkl"))
	f.Fuzz(func(t *testing.T, b []byte) {
		CIFARPython(b)
		CIFARNames(b)
	})
}
