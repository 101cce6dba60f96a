package safetensors

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

func vector(name string, v ...float32) Tensor {
	return Tensor{Info{Name: name, DType: F32, Shape: []int{len(v)}}, Bytes(v)}
}

func TestOpenIsZeroCopy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.safetensors")
	var b bytes.Buffer
	if err := Write(&b, nil, []Tensor{vector("a", 1, 2), vector("b", 3)}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	x, err1 := f.Bytes("b")
	y, err2 := f.Bytes("b")
	if err1 != nil || err2 != nil || f.reader == nil && &x[0] != &y[0] {
		t.Error("two reads of a mapped tensor are two copies", err1, err2)
	}
	v, err := Values[float32](x)
	if err != nil || !slices.Equal(v, []float32{3}) || unsafe.Pointer(&v[0]) != unsafe.Pointer(&x[0]) {
		t.Error(v, err, "or copied")
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.Bytes("b"); err == nil {
		t.Error("a closed file still reads")
	}
	if err := f.Close(); err != nil {
		t.Error("closing twice:", err)
	}
}

func TestReaderWithoutMapping(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, nil, []Tensor{vector("a", 1, 2), vector("b", 3)}); err != nil {
		t.Fatal(err)
	}
	h, err := readHeader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	f := newFile(h)
	f.reader = bytes.NewReader(b.Bytes())
	if v, err := f.Float32s("a"); err != nil || !slices.Equal(v, []float32{1, 2}) {
		t.Error(v, err)
	}
	f.reader = bytes.NewReader(b.Bytes()[:b.Len()-1])
	if _, err := f.Bytes("b"); err == nil {
		t.Error("a file cut short while open went unnoticed")
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	short := filepath.Join(dir, "short")
	if err := os.WriteFile(short, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{short: "too few", dir: "", filepath.Join(dir, "none"): "no such file"} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestValuesOfUnalignedBytes(t *testing.T) {
	b := append(make([]byte, 1, 9), Bytes([]float32{1, -2})...)
	if v, err := Values[float32](b[1:]); err != nil || !slices.Equal(v, []float32{1, -2}) {
		t.Error(v, err)
	}
	if _, err := Values[float32](b); err == nil {
		t.Error("9 bytes taken for float32s")
	}
}

func TestWriterRefuses(t *testing.T) {
	cases := map[string][]Tensor{
		"occurs twice":        {vector("a", 1), vector("a", 2)},
		"has 8 bytes":         {{Info{Name: "a", DType: F32, Shape: []int{3}}, make([]byte, 8)}},
		"cannot be named":     {vector("__metadata__", 1)},
		"not UTF-8":           {vector("\xff", 1)},
		"not an element type": {{Info{Name: "a"}, nil}},
		"overflows":           {{Info{Name: "a", DType: F32, Shape: []int{1 << 62, 1 << 62}}, nil}},
		"negative":            {{Info{Name: "a", DType: F32, Shape: []int{-1}}, nil}},
		"whole bytes":         {{Info{Name: "a", DType: F4, Shape: []int{3}}, []byte{0}}},
	}
	for want, tensors := range cases {
		var b bytes.Buffer
		if err := Write(&b, nil, tensors); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
		if b.Len() != 0 {
			t.Errorf("%s: %d bytes were written", want, b.Len())
		}
	}
}

func TestWriterCounts(t *testing.T) {
	infos := []Info{{Name: "a", DType: U8, Shape: []int{4}}}
	var b bytes.Buffer
	w, err := NewWriter(&b, map[string]string{"k": "v"}, infos)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := HeaderSize(map[string]string{"k": "v"}, infos); err != nil || n != int64(b.Len()) {
		t.Errorf("HeaderSize %d, %v; the header has %d", n, err, b.Len())
	}
	if _, err := w.Write(make([]byte, 5)); err == nil {
		t.Error("more bytes than announced")
	}
	if _, err := w.Write(make([]byte, 3)); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err == nil {
		t.Error("closed a byte early")
	}
	if _, err := w.Write(make([]byte, 1)); err != nil || w.Close() != nil {
		t.Error(err)
	}
}

type brokenWriter struct{ left int }

func (w *brokenWriter) Write(b []byte) (int, error) {
	if len(b) > w.left {
		return w.left, errors.New("full")
	}
	w.left -= len(b)
	return len(b), nil
}

func TestWriterPassesErrorsOn(t *testing.T) {
	for n := range 88 {
		if err := Write(&brokenWriter{n}, nil, []Tensor{vector("a", 1, 2), vector("b", 3)}); err == nil {
			t.Fatalf("a disk with room for %d bytes took it all", n)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.String(), 0, 6, rapid.ID).Draw(t, "names")
		var tensors []Tensor
		for _, name := range names {
			if name == metadataKey {
				continue
			}
			info := Info{Name: name, Shape: rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3).Draw(t, "shape")}
			info.DType = DType(rapid.IntRange(int(U8), int(U64)).Draw(t, "dtype"))
			size, err := info.Size()
			if err != nil {
				t.Fatal(err)
			}
			tensors = append(tensors, Tensor{info, rapid.SliceOfN(rapid.Byte(), int(size), int(size)).Draw(t, "data")})
		}
		meta := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "metadata")
		var b bytes.Buffer
		if err := Write(&b, meta, tensors); err != nil {
			t.Fatal(err)
		}
		f, err := Parse(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Tensors()) != len(tensors) || len(f.Metadata()) != len(meta) {
			t.Fatal("lost something")
		}
		for _, want := range tensors {
			got, err := f.Bytes(want.Name)
			info, _ := f.Info(want.Name)
			if err != nil || !bytes.Equal(got, want.Data) || info.DType != want.DType || !slices.Equal(info.Shape, want.Shape) {
				t.Fatal(want.Name, err)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"testdata/all.safetensors", "testdata/small.safetensors"} {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b)
		if err != nil {
			return
		}
		var tensors []Tensor
		total := 0
		for _, info := range file.Tensors() {
			data, err := file.Bytes(info.Name)
			if err != nil {
				t.Fatal(err)
			}
			total += len(data)
			tensors = append(tensors, Tensor{info, data})
		}
		if total != len(file.data) {
			t.Fatalf("%d of %d bytes belong to tensors", total, len(file.data))
		}
		var again bytes.Buffer
		if err := Write(&again, file.Metadata(), tensors); err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(again.Bytes()); err != nil {
			t.Fatal(err)
		}
	})
}
