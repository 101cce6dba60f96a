package data

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// npyOf writes the format by hand.
func npyOf(descr, shape string, body []byte) []byte {
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape)
	for (len(head)+11)%64 != 0 {
		head += " "
	}
	head += "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(head)), byte(len(head)>>8))
	return append(append(b, head...), body...)
}

func TestNPYSets(t *testing.T) {
	pix := make([]byte, 2*3*4*2)
	for i := range pix {
		pix[i] = byte(i)
	}
	var floats []byte
	for i := range 24 {
		floats = binary.LittleEndian.AppendUint32(floats, math.Float32bits(float32(i)/7))
	}
	for _, c := range []struct {
		name     string
		b        []byte
		channels int
		depth    Depth
	}{
		{"u8", npyOf("|u1", "2, 3, 4, 2", pix), 2, Bits8},
		{"u16", npyOf("<u2", "2, 3, 4", pix), 1, Bits16},
		{"f32", npyOf("<f4", "2, 3, 4", floats), 1, Float32},
	} {
		dir := writeFiles(t, map[string][]byte{
			"x.npy": c.b, "labels.npy": npyOf("<i8", "2,", []byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
			"classes.txt": []byte("no\nyes\n"), "x.npz": zipOf(map[string][]byte{"arr.npy": c.b}),
		})
		for _, path := range []string{filepath.Join(dir, "x.npy"), filepath.Join(dir, "x.npz")} {
			s := mustOpen(t, path, OpenOptions{})
			p, err := s.Picture(1)
			if err != nil || s.Len() != 2 || p.Channels != c.channels || p.Depth != c.depth || p.Alpha {
				t.Fatalf("%s: %d pictures, second %+v, error %v", path, s.Len(), p, err)
			}
			if strings.HasSuffix(path, ".npy") && (s.Entry(0).Label != 1 || s.Entry(1).Label != 0 || !slices.Equal(s.Classes(), []string{"no", "yes"})) {
				t.Errorf("%s: labels %d %d, classes %v", path, s.Entry(0).Label, s.Entry(1).Label, s.Classes())
			}
			if c.depth == Bits8 && !bytes.Equal(p.Pix, pix[24:]) {
				t.Errorf("%s: samples differ", path)
			}
		}
	}
	for shape, want := range map[string]string{"48": "no pictures", "1, 3, 4, 4, 1": "expected one array", "1, 1, 0, 48": "needs 0 bytes"} {
		dir := writeFiles(t, map[string][]byte{"x.npy": npyOf("|u1", shape, pix)})
		if _, err := Open(context.Background(), dir, OpenOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("shape %s: want %q, got %v", shape, want, err)
		}
	}
	dir := writeFiles(t, map[string][]byte{"x.npy": npyOf("|i1", "2, 3, 8", pix), "y.npy": npyOf("|u1", "1,", []byte{0})})
	if _, err := Open(context.Background(), dir, OpenOptions{}); err == nil || !strings.Contains(err.Error(), "int8") {
		t.Errorf("int8: %v", err)
	}
}

func idxOf(dims []int, body []byte) []byte {
	b := []byte{0, 0, 8, byte(len(dims))}
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, uint32(d))
	}
	return append(b, body...)
}

func mnistFiles() map[string][]byte {
	return map[string][]byte{
		"train-images-idx3-ubyte.gz": gzipOf(idxOf([]int{3, 2, 2}, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})),
		"train-labels-idx1-ubyte.gz": gzipOf(idxOf([]int{3}, []byte{2, 0, 1})),
		"t10k-images-idx3-ubyte":     idxOf([]int{1, 2, 2}, []byte{9, 9, 9, 9}),
		"t10k-labels-idx1-ubyte":     idxOf([]int{1}, []byte{1}),
	}
}

func TestIDXSets(t *testing.T) {
	dir := writeFiles(t, mnistFiles())
	s := mustOpen(t, dir, OpenOptions{})
	p, _ := s.Picture(1)
	if s.Len() != 3 || s.Entry(0).Label != 2 || !bytes.Equal(p.Pix, []byte{4, 5, 6, 7}) || len(s.Classes()) != 3 {
		t.Errorf("train: %d pictures, label %d, second %v, classes %v", s.Len(), s.Entry(0).Label, p.Pix, s.Classes())
	}
	if s := mustOpen(t, dir, OpenOptions{Part: PartTest}); s.Len() != 1 || s.Entry(0).Label != 1 {
		t.Errorf("test: %d pictures", s.Len())
	}
	if s := mustOpen(t, filepath.Join(dir, "train-images-idx3-ubyte.gz"), OpenOptions{}); s.Len() != 3 || s.Entry(1).Label != 0 {
		t.Errorf("single file: %d pictures, label %d", s.Len(), s.Entry(1).Label)
	}
	bad := mnistFiles()
	bad["train-labels-idx1-ubyte.gz"] = gzipOf(idxOf([]int{2}, []byte{2, 0}))
	if _, err := Open(context.Background(), writeFiles(t, bad), OpenOptions{}); err == nil || !strings.Contains(err.Error(), "2 labels for 3 pictures") {
		t.Errorf("wrong labels: %v", err)
	}
}

func TestCIFARSets(t *testing.T) {
	planes := make([]byte, 3072)
	planes[1024] = 77 // green of the first pixel
	rec := func(labels ...byte) []byte { return append(labels, planes...) }
	pickled := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("internal", "parse", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, c := range map[string]struct {
		files map[string][]byte
		train []int32
		test  int
		class string
	}{
		"10 binary": {map[string][]byte{"cifar-10-batches-bin/data_batch_1.bin": rec(3), "cifar-10-batches-bin/data_batch_2.bin": append(rec(1), rec(0)...),
			"cifar-10-batches-bin/test_batch.bin": rec(2), "cifar-10-batches-bin/batches.meta.txt": []byte("airplane\ncar\nbird\ncat\n\n")}, []int32{3, 1, 0}, 1, "airplane"},
		"100 binary": {map[string][]byte{"cifar-100-binary/train.bin": rec(9, 1), "cifar-100-binary/test.bin": rec(9, 0),
			"cifar-100-binary/fine_label_names.txt": []byte("apple\nbear\n"), "cifar-100-binary/coarse_label_names.txt": []byte("x\n")}, []int32{1}, 1, "apple"},
		"10 python": {map[string][]byte{"cifar-10-batches-py/data_batch_1": pickled("cifar_py2.pkl"), "cifar-10-batches-py/test_batch": pickled("cifar_p2.pkl"),
			"cifar-10-batches-py/batches.meta": pickled("meta.pkl")}, []int32{6, 9}, 2, "airplane"},
		"100 python": {map[string][]byte{"cifar-100-python/train": pickled("cifar100.pkl"), "cifar-100-python/test": pickled("cifar100.pkl")}, []int32{19, 99}, 2, "0"},
	} {
		path := filepath.Join(writeFiles(t, map[string][]byte{"c.tar.gz": gzipOf(tarOf(c.files))}), "c.tar.gz")
		s := mustOpen(t, path, OpenOptions{})
		var labels []int32
		for i := range s.Len() {
			labels = append(labels, s.Entry(i).Label)
		}
		if !slices.Equal(labels, c.train) || s.Classes()[0] != c.class {
			t.Errorf("%s: labels %v, classes %v", name, labels, s.Classes())
		}
		if p, err := s.Picture(0); err != nil || strings.HasSuffix(name, "binary") && p.Pix[1] != 77 {
			t.Errorf("%s: green is %d, error %v", name, p.Pix[1], err)
		}
		if s := mustOpen(t, path, OpenOptions{Part: PartTest}); s.Len() != c.test {
			t.Errorf("%s: %d test pictures", name, s.Len())
		}
		if s := mustOpen(t, path, OpenOptions{Part: PartAll}); s.Len() != c.test+len(c.train) {
			t.Errorf("%s: %d pictures in all", name, s.Len())
		}
	}
}
