package data

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Part chooses among the parts that a source is divided into (folders named train, valid, test; files named for them).
type Part int

// The parts. Sources that are not divided have a train part only, which is all of them: asking for another is an error, as it is for a
// divided source that lacks the part.
const (
	PartTrain Part = iota
	PartValid
	PartTest
	PartAll
)

// OpenOptions bounds what Open accepts. The zero value means the stated defaults.
type OpenOptions struct {
	Part         Part
	MaxPixels    int   // of one picture; default 64 Mi
	MaxFileBytes int64 // of one file inside the source; default 256 MiB (arrays mapped from disk: no limit)
	MaxFiles     int   // default 20 million
	MaxClasses   int   // default 1000
}

func (o OpenOptions) withDefaults() OpenOptions {
	o.MaxPixels = orDefault(o.MaxPixels, 64<<20)
	o.MaxFileBytes = orDefault(o.MaxFileBytes, 256<<20)
	o.MaxFiles = orDefault(o.MaxFiles, 20_000_000)
	o.MaxClasses = orDefault(o.MaxClasses, 1000)
	return o
}

func orDefault[T int | int64 | float64](v, d T) T {
	if v == 0 {
		return d
	}
	return v
}

// Open reads what lies at path: a folder tree or an archive (.zip, .tar, .tar.gz, .tar.zst; told by content, not by name)
// of pictures, of CIFAR's binary or Python files, of IDX files or of .npy arrays (an .npz is such an archive); one .npy
// or IDX file; or a cache made by Prepare. Errors name the path and what was found instead.
//
// Labels of pictures come from metadata.jsonl or metadata.csv (columns file_name, label, text) or labels.csv beside the
// files, else from the topmost folder that tells them apart.
func Open(ctx context.Context, path string, o OpenOptions) (Set, error) {
	s, err := open(ctx, path, o.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", path, err)
	}
	if d, ok := s.(interface{ divided() bool }); (o.Part == PartValid || o.Part == PartTest) && !(ok && d.divided()) {
		return nil, errors.Join(fmt.Errorf("data %s: it is not divided into parts, so it has no %s part: ask for all of it, "+
			"or put pictures into folders train, valid and test", path, o.Part), s.Close())
	}
	if s.Len() == 0 {
		return nil, errors.Join(fmt.Errorf("data %s: there is no picture in it", path), s.Close())
	}
	if n := len(s.Classes()); n > o.withDefaults().MaxClasses {
		return nil, errors.Join(fmt.Errorf("data %s: %d classes are more than the limit of %d; is each folder really a class?", path, n, o.withDefaults().MaxClasses), s.Close())
	}
	return s, nil
}

func open(ctx context.Context, path string, o OpenOptions) (Set, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		t, err := openFolder(path, o, nil)
		if err != nil {
			return nil, err
		}
		return recognise(t, o)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("neither a folder nor a regular file")
	}
	return openFile(ctx, path, info.Size(), o)
}

// openFile tells by its first bytes what a file is.
func openFile(ctx context.Context, path string, size int64, o OpenOptions) (Set, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head)
	head = head[:n]
	if isTar(head) {
		t, err := openTar(f, o)
		if err != nil {
			return nil, err
		}
		return recognise(t, o)
	}
	defer f.Close()
	switch {
	case prefix(cacheMagic)(head):
		return openCache(path)
	case prefix("PK\x03\x04", "PK\x05\x06")(head):
		t, err := openZip(path, o)
		if err != nil {
			return nil, err
		}
		return recognise(t, o)
	case prefix("\x1f\x8b", "\x28\xb5\x2f\xfd")(head):
		if s, err := openStream(ctx, f, head, size, o); s != nil || err != nil {
			return s, err
		}
	}
	return openSingle(path, o)
}

func isTar(head []byte) bool {
	return len(head) >= tarMarkAt+len(tarMark) && string(head[tarMarkAt:tarMarkAt+len(tarMark)]) == tarMark
}

// openStream opens a compressed tar; it returns nothing if the stream holds something else.
func openStream(ctx context.Context, f *os.File, head []byte, size int64, o OpenOptions) (Set, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	r, err := decompressor(head, f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	first := make([]byte, 512)
	n, err := io.ReadFull(r, first)
	if err != nil || !isTar(first) {
		return nil, nil
	}
	limit := 100*size + 1<<30
	t, err := openCompressedTar(ctx, io.MultiReader(strings.NewReader(string(first[:n])), r), limit, o)
	if err != nil {
		return nil, err
	}
	return recognise(t, o)
}

// openSingle opens one array file, with the files beside it that may hold its labels and class names.
func openSingle(name string, o OpenOptions) (Set, error) {
	base := filepath.Base(name)
	keep := func(n string) bool {
		return n == base || n == "labels.npy" || n == classFile || strings.Contains(base, "-images-idx") && n == labelsFile(base)
	}
	t, err := openFolder(filepath.Dir(name), o, keep)
	if err != nil {
		return nil, err
	}
	if !isIDX(base) && path.Ext(base) != ".npy" {
		return nil, errors.Join(fmt.Errorf("not a folder, an archive, an .npy or IDX file, or a prepared cache"), t.Close())
	}
	if strings.Contains(base, "idx") {
		o.Part = PartAll
	}
	return recognise(t, o)
}

// recognise decides what a tree holds. It owns the tree, even if it fails.
func recognise(t tree, o OpenOptions) (Set, error) {
	for _, try := range []func(tree, OpenOptions) (Set, error){openCIFARBinary, openCIFARPython, openIDX, openNPY, openPictures} {
		s, err := try(t, o)
		if err != nil {
			return nil, errors.Join(err, t.Close())
		}
		if s != nil {
			return s, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("no pictures found; it holds %s", census(t.files())), t.Close())
}

// census counts files by extension, for messages.
func census(list []file) string {
	if len(list) == 0 {
		return "no files"
	}
	count := map[string]int{}
	for _, f := range list {
		count[strings.ToLower(path.Ext(f.name))]++
	}
	kinds := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(count[b]-count[a], strings.Compare(a, b))
	})
	s := fmt.Sprintf("%d files", len(list))
	for i, k := range kinds {
		if i == 4 {
			return s + ", …"
		}
		s += fmt.Sprintf(", %d × %s", count[k], cmp.Or(k, "without extension"))
	}
	return s
}
