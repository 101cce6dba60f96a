package text

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A data set as the Hugging Face hub and its library keep them: shards in folders of parts, beside files that describe it.
func TestHubFolders(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, b []byte) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for name, from := range map[string]string{"train/data-00000-of-00002.arrow": "stream.arrow", "train/data-00001-of-00002.arrow": "zstd.arrow",
		"test/0000.parquet": "snappy.parquet", "test/0001.feather": "lz4.feather"} {
		b, err := os.ReadFile(filepath.Join("internal/columns/testdata", from))
		if err != nil {
			t.Fatal(err)
		}
		put(name, b)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	b, err := os.ReadFile("internal/columns/testdata/delta.parquet")
	if err != nil {
		t.Fatal(err)
	}
	z.Write(b)
	z.Close()
	put("test/0002.parquet.gz", packed.Bytes())
	put("README.md", []byte("a card"))
	put("train/dataset_info.json", []byte("{}"))
	c, err := Open(dir, Options{Label: "label", Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	n, files := 0, map[string]int{}
	for d, err := range c.Documents(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		name, row, _ := strings.Cut(d.Name, ", row ")
		files[name]++
		if row == "7" && string(d.Text) != "row 0 of the tide" || d.Class != fmt.Sprint((files[name]-1)%3-1) {
			t.Fatalf("%s [%s]: %q", d.Name, d.Class, d.Text)
		}
		n++
	}
	if n != 5*206 || len(files) != 5 {
		t.Errorf("%d documents of %v", n, files)
	}
	if notes := strings.Join(c.Notes(), "\n"); !strings.Contains(notes, "README.md") || strings.Contains(notes, "classes") {
		t.Error(notes)
	}
}

func TestFoldersOfPartsAreNoClasses(t *testing.T) {
	dir := tree(t, map[string]string{"train/pos/1.txt": "a", "train/neg/1.txt": "b", "test/pos/1.txt": "c", "test/neg/README.md": "d"})
	want := "test/neg/README.md[neg]=\"d\"\ntest/pos/1.txt[pos]=\"c\"\ntrain/neg/1.txt[neg]=\"b\"\ntrain/pos/1.txt[pos]=\"a\"\n"
	if got, err := list(t, dir, Options{}); err != nil || got != want {
		t.Errorf("%s (%v)", got, err)
	}
}
