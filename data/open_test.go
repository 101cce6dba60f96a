package data

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

var tree3 = map[string][]byte{"cat/a.png": smallPNG(1), "cat/b.png": smallPNG(2), "dog/c.png": smallPNG(3), "dog/.hidden.png": {}, "readme.md": []byte("x")}

func zipOf(files map[string][]byte) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, n := range slices.Sorted(maps.Keys(files)) {
		w, _ := z.Create(n)
		w.Write(files[n])
	}
	z.Close()
	return b.Bytes()
}

func tarOf(files map[string][]byte) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, n := range slices.Sorted(maps.Keys(files)) {
		w.WriteHeader(&tar.Header{Name: "./" + n, Size: int64(len(files[n])), Mode: 0o644, Typeflag: tar.TypeReg})
		w.Write(files[n])
	}
	w.Close()
	return b.Bytes()
}

func gzipOf(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func zstdOf(b []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll(b, nil)
}

func mustOpen(t testing.TB, path string, o OpenOptions) Set {
	t.Helper()
	s, err := Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// A folder and every kind of archive of it give the same set.
func TestFolderAndArchives(t *testing.T) {
	dir := writeFiles(t, tree3)
	pack := writeFiles(t, map[string][]byte{
		"a.zip": zipOf(tree3), "a.tar": tarOf(tree3), "a.tar.gz": gzipOf(tarOf(tree3)), "a.tar.zst": zstdOf(tarOf(tree3)),
		"wrong.name": gzipOf(tarOf(tree3)),
	})
	want := mustOpen(t, dir, OpenOptions{})
	if want.Len() != 3 || !slices.Equal(want.Classes(), []string{"cat", "dog"}) {
		t.Fatalf("folder: %d pictures, classes %v", want.Len(), want.Classes())
	}
	for _, name := range []string{"a.zip", "a.tar", "a.tar.gz", "a.tar.zst", "wrong.name"} {
		s := mustOpen(t, filepath.Join(pack, name), OpenOptions{})
		for i := range 3 {
			p, err := s.Picture(i)
			q, _ := want.Picture(i)
			h, _ := s.Hash(i)
			g, _ := want.Hash(i)
			if err != nil || s.Entry(i) != want.Entry(i) || !bytes.Equal(p.Pix, q.Pix) || h != g {
				t.Errorf("%s: picture %d is %+v, error %v", name, i, s.Entry(i), err)
			}
		}
		if !slices.Equal(s.Classes(), want.Classes()) {
			t.Errorf("%s: classes %v", name, s.Classes())
		}
	}
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), "ebb-tar-*"))
	if len(left) > 0 {
		t.Logf("temporary files, perhaps of others: %v", left)
	}
}

func TestParts(t *testing.T) {
	files := map[string][]byte{"x/train/cat/1.png": smallPNG(1), "x/train/dog/2.png": smallPNG(2), "x/test/dog/3.png": smallPNG(3)}
	dir := writeFiles(t, files)
	for part, want := range map[Part]string{PartTrain: "x/train/cat/1.png", PartTest: "x/test/dog/3.png"} {
		if s := mustOpen(t, dir, OpenOptions{Part: part}); s.Entry(0).Name != want {
			t.Errorf("%s: first picture %s", part, s.Entry(0).Name)
		}
	}
	if s := mustOpen(t, dir, OpenOptions{Part: PartAll}); s.Len() != 3 {
		t.Errorf("all: %d pictures", s.Len())
	}
	if _, err := Open(context.Background(), dir, OpenOptions{Part: PartValid}); err == nil || !strings.Contains(err.Error(), "no valid part (train: 2") {
		t.Errorf("missing part: %v", err)
	}
}

// What is not divided has all its pictures for training, and no other part.
func TestNotDivided(t *testing.T) {
	folder := writeFiles(t, map[string][]byte{"cat/1.png": smallPNG(1), "dog/2.png": smallPNG(2)})
	for _, path := range []string{folder, prepared(t, mustOpen(t, folder, OpenOptions{}), PrepareOptions{})} {
		for part, want := range map[Part]string{PartTrain: "", PartAll: "", PartValid: "it has no valid part", PartTest: "it has no test part"} {
			s, err := Open(context.Background(), path, OpenOptions{Part: part})
			switch {
			case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("%s, %v: %v", path, part, err)
			case err == nil:
				if s.Len() != 2 {
					t.Errorf("%s, %v: %d pictures", path, part, s.Len())
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func TestTables(t *testing.T) {
	a, b, c := smallPNG(1), smallPNG(2), smallPNG(3)
	for name, files := range map[string]map[string][]byte{
		"jsonl":      {"m/metadata.jsonl": []byte("{\"file_name\": \"a.png\", \"label\": \"cat\", \"text\": \"a cat\"}\n\n{\"file_name\": \"b.png\", \"label\": \"ant\"}\n{\"file_name\": \"zzz.png\"}")},
		"csv":        {"m/metadata.csv": []byte("\xef\xbb\xbffile_name,text,label\na.png,\"a cat\",cat\nb.png,,ant\nzzz.png,,cat\n")},
		"labels.csv": {"labels.csv": []byte("id,breed\nm/a.png,cat\nm/b.png,ant\nzzz,cat\n")},
	} {
		files["m/a.png"], files["m/b.png"], files["n/c.png"] = a, b, c
		s := mustOpen(t, writeFiles(t, files), OpenOptions{})
		if !slices.Equal(s.Classes(), []string{"ant", "cat"}) || s.Entry(0).Label != 1 || s.Entry(1).Label != 0 || s.Entry(2).Label != -1 {
			t.Errorf("%s: classes %v, entries %+v %+v %+v", name, s.Classes(), s.Entry(0), s.Entry(1), s.Entry(2))
		}
		if name != "labels.csv" && s.Entry(0).Text != "a cat" {
			t.Errorf("%s: text %q", name, s.Entry(0).Text)
		}
		if notes := strings.Join(s.Notes(), "; "); !strings.Contains(notes, "2 of 3 rows") || !strings.Contains(notes, "1 pictures are in no table") {
			t.Errorf("%s: notes %s", name, notes)
		}
	}
	numbers := mustOpen(t, writeFiles(t, map[string][]byte{"metadata.jsonl": []byte("{\"file_name\":\"a.png\",\"label\":10}\n{\"file_name\":\"b.png\",\"label\":9}\n"), "a.png": a, "b.png": b}), OpenOptions{})
	if !slices.Equal(numbers.Classes(), []string{"9", "10"}) {
		t.Errorf("numbers are sorted as %v", numbers.Classes())
	}
	for text, want := range map[string]string{
		"{\"file_name\": 3}":                                   "line 1",
		"{\"label\": \"x\"}":                                   "file_name is missing",
		"{\"file_name\": \"a.png\", \"label\": []}":            "neither text nor a number",
		"{\"file_name\":\"a.png\"}\n{\"file_name\":\"a.png\"}": "line 2",
	} {
		_, err := Open(context.Background(), writeFiles(t, map[string][]byte{"metadata.jsonl": []byte(text), "a.png": a}), OpenOptions{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "metadata.jsonl") {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

func TestOpenRefusals(t *testing.T) {
	many := map[string][]byte{}
	for i := range 5 {
		many[strings.Repeat("k", i+1)+"/a.png"] = smallPNG(1)
	}
	for _, c := range []struct {
		files map[string][]byte
		o     OpenOptions
		want  string
	}{
		{map[string][]byte{}, OpenOptions{}, "no files"},
		{map[string][]byte{"a.txt": nil, "b.txt": nil, "c": nil}, OpenOptions{}, "3 files, 2 × .txt, 1 × without extension"},
		{many, OpenOptions{MaxClasses: 4}, "5 classes are more than the limit of 4"},
		{many, OpenOptions{MaxFiles: 3}, "more than 3 files"},
	} {
		if _, err := Open(context.Background(), writeFiles(t, c.files), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
	dir := writeFiles(t, map[string][]byte{"a.pdf": []byte("%PDF-1.4"), "cut.zip": zipOf(tree3)[:200], "dup.tar": append(tarOf(tree3)[:2048], tarOf(tree3)...)})
	for name, want := range map[string]string{"a.pdf": "not a folder, an archive", "cut.zip": "zip", "dup.tar": "two entries", "missing": "no such file"} {
		if _, err := Open(context.Background(), filepath.Join(dir, name), OpenOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", name, want, err)
		}
	}
}

// Hostile archives: names that climb, and two entries over the same bytes.
func TestHostileZip(t *testing.T) {
	evil := map[string][]byte{"../../etc/a.png": smallPNG(1), "/abs/b.png": smallPNG(2), `..\c.png`: smallPNG(3), "ok/d.png": smallPNG(4)}
	dir := writeFiles(t, map[string][]byte{"evil.zip": zipOf(evil)})
	s := mustOpen(t, filepath.Join(dir, "evil.zip"), OpenOptions{})
	if s.Len() != 1 || s.Entry(0).Name != "ok/d.png" {
		t.Errorf("%d pictures, first %s", s.Len(), s.Entry(0).Name)
	}
	b := zipOf(map[string][]byte{"a.png": smallPNG(1), "b.png": smallPNG(1)})
	second := bytes.LastIndex(b, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(b[second+42:], 0) // the directory's second entry points at the first one's bytes
	dir = writeFiles(t, map[string][]byte{"overlap.zip": b})
	if _, err := Open(context.Background(), filepath.Join(dir, "overlap.zip"), OpenOptions{}); err == nil || !strings.Contains(err.Error(), "overlap") {
		t.Errorf("overlapping entries: %v", err)
	}
	bomb := writeFiles(t, map[string][]byte{"z.zip": zipOf(map[string][]byte{"a.png": make([]byte, 1<<20)})})
	s = mustOpen(t, filepath.Join(bomb, "z.zip"), OpenOptions{MaxFileBytes: 1 << 16})
	if _, err := s.Picture(0); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("zip bomb: %v", err)
	}
}

func TestLinksAndPipes(t *testing.T) {
	outside := writeFiles(t, map[string][]byte{"secret.png": smallPNG(9)})
	dir := writeFiles(t, map[string][]byte{"a.png": smallPNG(1)})
	if err := os.Symlink(filepath.Join(outside, "secret.png"), filepath.Join(dir, "b.png")); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink("a.png", filepath.Join(dir, "c.png")); err != nil {
		t.Fatal(err)
	}
	makePipe(t, filepath.Join(dir, "d.png"))
	if s := mustOpen(t, dir, OpenOptions{}); s.Len() != 2 || s.Entry(1).Name != "c.png" {
		t.Errorf("%d pictures", s.Len())
	}
}

func FuzzZip(f *testing.F) {
	f.Add(zipOf(tree3))
	f.Add(tarOf(tree3))
	f.Add(gzipOf(tarOf(tree3)))
	f.Add(zstdOf(tarOf(tree3)))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(dir, "x")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(context.Background(), path, OpenOptions{MaxPixels: 1 << 12, MaxFileBytes: 1 << 16, MaxFiles: 100})
		if err != nil {
			return
		}
		for i := range s.Len() {
			s.Picture(i)
		}
		s.Close()
	})
}

func FuzzTables(f *testing.F) {
	f.Add([]byte("{\"file_name\": \"a.png\", \"label\": \"cat\", \"text\": \"a cat\"}\n"))
	f.Add([]byte("file_name,text,label\na.png,\"a cat\",cat\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, parse := range []func([]byte) ([]row, error){parseJSONL, parseCSV} {
			rows, err := parse(b)
			for _, r := range rows {
				if err == nil && r.file == "" {
					t.Error("a row without a file")
				}
			}
		}
	})
}
