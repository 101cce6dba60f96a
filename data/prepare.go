package data

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"

	"github.com/ebb-ml/ebb/internal/inorder"
)

// PrepareOptions says how Prepare works. The zero value is sensible.
type PrepareOptions struct {
	// Resize, if not nil, gives every picture the size and channels of the preprocessing (its centre crop, not a random
	// one); else pictures keep theirs.
	Resize    *Preprocess
	MaxBroken float64               // share of pictures that may be broken; default 0.001, below 0 none
	Workers   int                   // decoders; default GOMAXPROCS
	Progress  func(done, total int) // told the pictures done; may be nil
}

// Prepared is what Prepare did.
type Prepared struct {
	Pictures int   // broken ones included
	Bytes    int64 // of the file
	Broken   []*ItemError
}

// Prepare decodes all pictures of a set into one file that Open maps into memory (its format is in the package's documentation).
// Broken pictures keep their place and their reason, so that batches are the same with and without the cache.
// The file is written aside, synced and renamed: out is complete or it is not there. Its bytes do not depend on Workers.
func Prepare(ctx context.Context, s Set, out string, o PrepareOptions) (Prepared, error) {
	o.MaxBroken = max(orDefault(o.MaxBroken, 0.001), 0)
	o.Workers = orDefault(o.Workers, runtime.GOMAXPROCS(0))
	tmp, err := os.CreateTemp(filepath.Dir(out), "."+filepath.Base(out)+"-*")
	if err != nil {
		return Prepared{}, err
	}
	w := &cacheWriter{file: tmp, w: bufio.NewWriterSize(tmp, 1<<20), table: crc32.MakeTable(crc32.Castagnoli)}
	err = w.write(ctx, s, o)
	if err == nil {
		err = w.commit(out)
	} else {
		err = errors.Join(err, tmp.Close())
	}
	if err != nil {
		return w.result, errors.Join(fmt.Errorf("preparing %s: %w", out, err), removeIfThere(tmp.Name()))
	}
	return w.result, nil
}

func removeIfThere(name string) error {
	if err := os.Remove(name); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

type cacheWriter struct {
	file    *os.File
	w       *bufio.Writer
	at      uint64
	index   []byte
	strings []byte
	table   *crc32.Table
	result  Prepared
}

// decoded is a picture on its way from a worker to the file.
type decoded struct {
	pic  *Picture
	hash Hash
	err  error
}

func (w *cacheWriter) write(ctx context.Context, s Set, o PrepareOptions) error {
	if err := w.put(make([]byte, cacheHeader)); err != nil {
		return err
	}
	err := inOrder(ctx, s.Len(), o.Workers, func(i int) decoded { return decodeItem(s, i, o.Resize) }, func(i int, d decoded) error {
		if o.Progress != nil {
			o.Progress(i+1, s.Len())
		}
		return w.add(s.Entry(i), d)
	})
	if err != nil {
		return err
	}
	w.result.Pictures = s.Len()
	if len(w.result.Broken) > int(o.MaxBroken*float64(s.Len())) {
		return &TooManyBrokenError{w.result.Broken, s.Len(), o.MaxBroken}
	}
	return w.finish(cacheMeta{s.Classes(), s.Notes()}, s.Len())
}

func decodeItem(s Set, i int, pre *Preprocess) (d decoded) {
	if d.hash, d.err = s.Hash(i); d.err != nil {
		return d
	}
	if d.pic, d.err = s.Picture(i); d.err == nil && pre != nil {
		d.pic, d.err = pre.fit(d.pic, nil)
	}
	return d
}

// add writes one picture and its record.
func (w *cacheWriter) add(e Entry, d decoded) error {
	r := record{label: e.Label, hash: d.hash, strings: uint32(len(w.strings)), nName: uint32(len(e.Name)), nTxt: uint32(len(e.Text))}
	text := e.Text
	if d.err != nil {
		w.result.Broken = append(w.result.Broken, &ItemError{e.Name, d.err})
		text = d.err.Error()
		r.flags, r.nTxt = flagBroken, uint32(len(text))
	} else {
		if pad := -w.at % cacheAlign; pad > 0 {
			if err := w.put(make([]byte, pad)); err != nil {
				return err
			}
		}
		p := d.pic
		r.offset, r.height, r.width, r.channels, r.bits = w.at, uint32(p.Height), uint32(p.Width), uint16(p.Channels), uint8(p.Depth)
		if p.Alpha {
			r.flags = flagAlpha
		}
		r.sum = crc32.Checksum(p.Pix, w.table)
		if err := w.put(p.Pix); err != nil {
			return err
		}
	}
	w.index = r.append(w.index)
	w.strings = append(append(w.strings, e.Name...), text...)
	if len(w.strings) > 1<<32-1 {
		return fmt.Errorf("names and captions take more than 4 GiB")
	}
	return nil
}

func (w *cacheWriter) put(b []byte) error {
	n, err := w.w.Write(b)
	w.at += uint64(n)
	return err
}

// finish writes the index and then the header that points to it.
func (w *cacheWriter) finish(m cacheMeta, count int) error {
	meta, err := json.Marshal(m)
	if err != nil {
		return err
	}
	le, at := binary.LittleEndian, w.at
	index := append(append(w.index, w.strings...), meta...)
	index = le.AppendUint64(index, uint64(len(meta)))
	if err := w.put(index); err != nil {
		return err
	}
	sum := sha256.Sum256(index)
	head := le.AppendUint64([]byte(cacheMagic), at)
	head = le.AppendUint64(head, uint64(len(index)))
	head = le.AppendUint64(append(head, sum[:]...), uint64(count))
	if err := w.w.Flush(); err != nil {
		return err
	}
	w.result.Bytes = int64(w.at)
	_, err = w.file.WriteAt(head, 0)
	return err
}

// commit makes the file durable under its name. An error of sync is final: the kernel may have dropped the pages.
func (w *cacheWriter) commit(out string) error {
	if err := errors.Join(w.file.Chmod(0o644), w.file.Sync(), w.file.Close()); err != nil {
		return err
	}
	if err := os.Rename(w.file.Name(), out); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(out))
}

// syncFolder makes a rename durable where folders can be synced at all.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// inOrder computes work(0) … work(n-1) on some goroutines and hands the results to use in order, on the caller's.
// It stops at the first error of use or when ctx ends.
func inOrder[T any](ctx context.Context, n, workers int, work func(i int) T, use func(i int, v T) error) error {
	indices := func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
	}
	i := 0
	for v, err := range inorder.Map(workers, indices, func(i int) (v T, err error) {
		if err = ctx.Err(); err == nil {
			v = work(i)
		}
		return v, err
	}) {
		if err == nil {
			err = use(i, v)
		}
		if err != nil {
			return err
		}
		i++
	}
	return ctx.Err()
}
