package columns

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// open reads a file in either format.
func open(b []byte, name, text, label string) iter.Seq2[Row, error] {
	if strings.HasSuffix(name, ".parquet") {
		return Parquet(bytes.NewReader(b), int64(len(b)), text, label)
	}
	return Arrow(bytes.NewReader(b), text, label)
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// want is row i as testdata/columns.py wrote it; null is a text that is nil.
func want(i int) (text string, null bool, label string) {
	label = fmt.Sprint(i%3 - 1)
	first := []string{"ebb", "", "", "flood and a text of more than twelve bytes", "naïve Ærø 東京", "tide\r\n\"quoted\", x"}
	if i < len(first) {
		return first[i], i == 1, label
	}
	return fmt.Sprintf("row %d of the tide", i-len(first)), false, label
}

var files = []string{"snappy.parquet", "zstd-v2.parquet", "gzip-dict.parquet", "delta.parquet", "stream.arrow", "large.arrow", "view.arrow", "lz4.feather", "zstd.arrow"}

func TestFilesOfPyarrow(t *testing.T) {
	for _, name := range files {
		b, n := read(t, name), 0
		for row, err := range open(b, name, "text", "label") {
			if err != nil {
				t.Fatal(name, err)
			}
			text, null, label := want(n)
			if string(row.Text) != text || null != (row.Text == nil) || row.Label != label {
				t.Fatalf("%s, row %d: %q %q, want %q (null %v) %q", name, n, row.Text, row.Label, text, null, label)
			}
			n++
		}
		if n != 206 {
			t.Errorf("%s: %d rows, want 206", name, n)
		}
		n = 0
		for row, err := range open(b, name, "meta.body", "") {
			if want := fmt.Sprintf("meta %d", n); err != nil || string(row.Text) != want || row.Label != "" {
				t.Fatalf("%s, group: %q %v, want %q", name, row.Text, err, want)
			}
			n++
		}
	}
	n := 0
	for row, err := range open(read(t, "zstd.arrow"), "zstd.arrow", "view", "") {
		if want := strings.Repeat(fmt.Sprintf("v%d", n), n%9); err != nil || string(row.Text) != want {
			t.Fatalf("views: %q %v, want %q", row.Text, err, want)
		}
		n++
	}
}

func lastError(rows iter.Seq2[Row, error]) (err error) {
	for _, err = range rows {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ file, text, label, want string }{
		{"snappy.parquet", "body", "", "meta.body, text, label"},
		{"stream.arrow", "body", "", "id, none, tags, kind, meta, view, text, label"},
		{"snappy.parquet", "id", "", "int32"},
		{"stream.arrow", "id", "", "integers"},
		{"snappy.parquet", "tags.list.element", "", "lists"},
		{"stream.arrow", "tags", "", "lists"},
		{"stream.arrow", "kind", "", "dictionary"},
		{"stream.arrow", "text", "tags", "labels are text or integers"},
		{"lz4.feather", "meta.none", "", "lang, body"},
	} {
		err := lastError(open(read(t, c.file), c.file, c.text, c.label))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, columns %q %q: %v, want %q", c.file, c.text, c.label, err, c.want)
		}
	}
	for _, name := range files {
		b := read(t, name)
		for _, cut := range []int{0, 3, 8, 60, len(b) / 3, len(b) / 2} {
			if err := lastError(open(b[:cut], name, "text", "")); err == nil {
				t.Errorf("%s cut to %d bytes was accepted", name, cut)
			}
		}
	}
}

// Damage anywhere must give an error or other rows, and never a panic.
func TestDamageIsNoPanic(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range files {
		whole := read(t, name)
		for range 200 {
			b := bytes.Clone(whole)
			for range 1 + r.IntN(3) {
				at := r.IntN(len(b) - 4)
				switch r.IntN(3) {
				case 0:
					b[at] ^= 1 << r.IntN(8)
				case 1:
					b[at] = byte(r.Uint32())
				case 2:
					binary.LittleEndian.PutUint32(b[at:], r.Uint32N(1<<20))
				}
			}
			lastError(open(b, name, "text", "label"))
		}
	}
}

func FuzzArrow(f *testing.F) {
	for _, name := range files {
		if !strings.HasSuffix(name, ".parquet") {
			f.Add(read(f, name))
		}
	}
	f.Fuzz(func(_ *testing.T, b []byte) { lastError(Arrow(bytes.NewReader(b), "text", "label")) })
}

func FuzzParquet(f *testing.F) {
	for _, name := range files {
		if strings.HasSuffix(name, ".parquet") {
			f.Add(read(f, name))
		}
	}
	f.Fuzz(func(_ *testing.T, b []byte) { lastError(Parquet(bytes.NewReader(b), int64(len(b)), "text", "label")) })
}
