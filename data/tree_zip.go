package data

import (
	"archive/zip"
	"fmt"
	"slices"

	"github.com/klauspost/compress/flate"
	"io"
)

// zipTree reads entries in place; nothing is ever extracted.
type zipTree struct {
	zip     *zip.ReadCloser
	list    []file
	entries []*zip.File
	max     int64
}

// openZip lists the files of an archive. Overlapping entries, the trick of small bombs, are refused
// (Fifield 2019, "A better zip bomb").
func openZip(name string, o OpenOptions) (*zipTree, error) {
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	z.RegisterDecompressor(zip.Deflate, func(r io.Reader) io.ReadCloser { return flate.NewReader(r) })
	t := &zipTree{zip: z, max: o.MaxFileBytes}
	if err := t.index(o); err != nil {
		z.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

func (t *zipTree) index(o OpenOptions) error {
	if len(t.zip.File) > o.MaxFiles {
		return fmt.Errorf("%d entries are more than the limit of %d files", len(t.zip.File), o.MaxFiles)
	}
	type span struct{ from, to int64 }
	var spans []span
	byFile := map[string]*zip.File{}
	for _, e := range t.zip.File {
		name, ok := safeName(e.Name)
		if !ok || !e.Mode().IsRegular() || clutter(name) {
			continue
		}
		at, err := e.DataOffset()
		if err != nil {
			return fmt.Errorf("entry %.100q: %w", e.Name, err)
		}
		if byFile[name] != nil {
			return fmt.Errorf("two entries are named %.100q", name)
		}
		spans = append(spans, span{at, at + int64(min(e.CompressedSize64, 1<<62))})
		t.list = append(t.list, file{name, int64(min(e.UncompressedSize64, 1<<62))})
		byFile[name] = e
	}
	slices.SortFunc(spans, func(a, b span) int { return int(min(max(a.from-b.from, -1), 1)) })
	for i := 1; i < len(spans); i++ {
		if spans[i].from < spans[i-1].to {
			return fmt.Errorf("entries overlap: the archive is damaged or hostile")
		}
	}
	slices.SortFunc(t.list, byName)
	for _, f := range t.list {
		t.entries = append(t.entries, byFile[f.name])
	}
	return nil
}

func (t *zipTree) files() []file { return t.list }
func (t *zipTree) Close() error  { return t.zip.Close() }

func (t *zipTree) read(i int) ([]byte, error) {
	r, err := t.entries[i].Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return readAll(r, t.list[i].size, t.max)
}
