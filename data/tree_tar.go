package data

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// tarTree reads the files of an uncompressed tar by their offsets.
type tarTree struct {
	f     *os.File
	list  []file
	at    map[string]int64
	max   int64
	spill string // temporary file to remove
}

// tarMark stands at offset 257 of every tar that POSIX or GNU defines.
const tarMark, tarMarkAt = "ustar", 257

// openTar indexes an open tar file and owns it from then on, even if it fails.
func openTar(f *os.File, o OpenOptions) (*tarTree, error) {
	t := &tarTree{f: f, at: map[string]int64{}, max: o.MaxFileBytes}
	if err := t.index(o); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

func (t *tarTree) index(o OpenOptions) error {
	if _, err := t.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	// tar.Reader does not read ahead: after Next the file stands at the first byte of the entry.
	for r := tar.NewReader(t.f); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("tar: %w", err)
		}
		name, ok := safeName(h.Name)
		if h.Typeflag != tar.TypeReg || !ok || clutter(name) || sparse(h) {
			continue
		}
		at, err := t.f.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		if _, twice := t.at[name]; twice {
			return fmt.Errorf("tar: two entries are named %.100q", name)
		}
		t.at[name] = at
		if t.list = append(t.list, file{name, h.Size}); len(t.list) > o.MaxFiles {
			return fmt.Errorf("tar: more than %d files", o.MaxFiles)
		}
	}
	slices.SortFunc(t.list, byName)
	return nil
}

// sparse says whether an entry's bytes are not stored as they are.
func sparse(h *tar.Header) bool {
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse") {
			return true
		}
	}
	return false
}

func (t *tarTree) files() []file { return t.list }

func (t *tarTree) read(i int) ([]byte, error) {
	f := t.list[i]
	return readAll(io.NewSectionReader(t.f, t.at[f.name], f.size), f.size, t.max)
}

func (t *tarTree) Close() error {
	err := t.f.Close()
	if t.spill != "" {
		if e := os.Remove(t.spill); !os.IsNotExist(e) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// decompressor opens a gzip or zstd stream by its first bytes; nil if it is neither.
func decompressor(head []byte, r io.Reader) (io.ReadCloser, error) {
	switch {
	case prefix("\x1f\x8b")(head):
		return gzip.NewReader(r)
	case prefix("\x28\xb5\x2f\xfd")(head):
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(1<<27))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, nil
}

// openCompressedTar unpacks the stream r into a temporary file, because pictures are read in random order and a
// compressed stream cannot be. limit bounds the unpacked size.
func openCompressedTar(ctx context.Context, r io.Reader, limit int64, o OpenOptions) (*tarTree, error) {
	tmp, err := os.CreateTemp("", "ebb-tar-*")
	if err != nil {
		return nil, err
	}
	n, err := io.Copy(tmp, io.LimitReader(&contextReader{ctx, r}, limit+1))
	if err == nil && n > limit {
		err = fmt.Errorf("unpacks to more than %d bytes, which looks like a decompression bomb; unpack it yourself and give the folder", limit)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("unpacking to %s: %w", tmp.Name(), err), tmp.Close(), os.Remove(tmp.Name()))
	}
	t, err := openTar(tmp, o)
	if err != nil {
		return nil, errors.Join(err, os.Remove(tmp.Name()))
	}
	if os.Remove(tmp.Name()) != nil { // systems that cannot remove an open file do it at Close
		t.spill = tmp.Name()
	}
	return t, nil
}

// contextReader stops reading when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
