package safetensors

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/ebb-ml/ebb/internal/mmap"
)

// File is a checked safetensors file. Its methods may be called from several goroutines at once, except Close.
type File struct {
	header
	byName map[string]int
	data   []byte      // all tensors, when they are in memory
	reader io.ReaderAt // else
	close  func() error
}

// Open opens and checks the file at path. Where the operating system offers it (not on Windows), the file is mapped: tensors then cost no
// memory of their own and no reading until they are touched, and [File.Bytes] points into the mapping.
// A mapped file must not be cut short by anyone while it is open: the operating system stops a program that touches what is gone.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: is not a regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	out, err := openMapped(f, info.Size())
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// openMapped takes over f when it succeeds.
func openMapped(f *os.File, size int64) (*File, error) {
	h, err := readHeader(f, size)
	if err != nil {
		return nil, err
	}
	out := newFile(h)
	// Windows can neither rename nor delete a mapped file, which replacing a checkpoint needs; some file systems cannot map.
	if runtime.GOOS != "windows" {
		if mapped, err := mmap.Map(f, size); err == nil {
			out.data, out.close = mapped.Bytes()[h.size:], mapped.Close
			f.Close() // a file only read from; the mapping outlives it
			return out, nil
		}
	}
	out.reader, out.close = f, f.Close
	return out, nil
}

// Parse checks a file that is in memory and returns it; tensors point into b, which must not change while they are used.
func Parse(b []byte) (*File, error) {
	h, err := readHeader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	f := newFile(h)
	f.data = b[h.size:]
	return f, nil
}

func newFile(h header) *File {
	f := &File{header: h, byName: make(map[string]int, len(h.tensors)), close: func() error { return nil }}
	for i, t := range h.tensors {
		f.byName[t.Name] = i
	}
	return f
}

// Close releases the file. What Bytes returned from a mapped file must not be touched afterwards.
func (f *File) Close() error {
	f.data, f.reader = nil, nil
	f.header, f.byName = header{}, nil
	closer := f.close
	f.close = func() error { return nil }
	return closer()
}

// Metadata returns the file's map of strings, nil when it has none. The caller must not change it.
func (f *File) Metadata() map[string]string { return f.metadata }

// Tensors returns the description of every tensor, in the order in which they lie in the file. The caller must not change it.
func (f *File) Tensors() []Info { return f.tensors }

// Info returns the description of the named tensor and whether there is one.
func (f *File) Info(name string) (Info, bool) {
	i, ok := f.byName[name]
	if !ok {
		return Info{}, false
	}
	return f.tensors[i], true
}

// Bytes returns the elements of the named tensor, row-major and little-endian. They are the file's own bytes where it is in memory or mapped:
// they must not be changed, nor used after Close. [Values] turns them into numbers.
func (f *File) Bytes(name string) ([]byte, error) {
	t, ok := f.Info(name)
	if !ok {
		return nil, fmt.Errorf("no tensor %q in this file, which holds %d others", name, len(f.tensors))
	}
	if f.reader == nil {
		return f.data[t.Begin:t.End:t.End], nil
	}
	b := make([]byte, t.End-t.Begin)
	if n, err := f.reader.ReadAt(b, f.size+t.Begin); n < len(b) {
		return nil, fmt.Errorf("tensor %q: %w", name, err)
	}
	return b, nil
}
