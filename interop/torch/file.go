package torch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// File is a file of torch.save. Its tensors can be read from several goroutines, until it is closed.
type File struct {
	Root any // what was saved, most often a *Dict; the types are those of this package's values

	file   io.Closer
	mu     sync.Mutex
	cached *storage // the storage that was read last, because views of one storage tend to follow one another
	data   []byte
}

// Open opens and unpickles the file at path. Tensors stay on disk until [Tensor.Bytes] asks for them.
// It refuses, with the reason, what is no such file, is damaged, or needs more than tensors and plain values.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is not a regular file")
	}
	var out *File
	if err == nil {
		out, err = Read(f, info.Size())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	out.file = f
	return out, nil
}

// Read is [Open] for a file of the given size that is open already. The reader is used as long as the tensors are, and not closed.
func Read(r io.ReaderAt, size int64) (*File, error) {
	var start [4]byte
	if _, err := r.ReadAt(start[:], 0); err != nil {
		return nil, fmt.Errorf("is too short for a file of torch.save: %w", err)
	}
	f := &File{}
	var err error
	if string(start[:]) == "PK\x03\x04" {
		f.Root, err = f.readZip(r, size)
	} else {
		f.Root, err = f.readLegacy(r, size)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Close closes the file, after which its tensors cannot be read.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cached, f.data = nil, nil
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// newStorage makes a storage whose bytes load reads.
func (f *File) newStorage(key string, d DType, numel int64, load func(size int64) ([]byte, error)) (*storage, error) {
	size := dtypes[d].size
	if numel < 0 || numel > 1<<62/size {
		return nil, fmt.Errorf("storage %q has %d elements", printable(key), numel)
	}
	s := &storage{dtype: d, bytes: numel * size, key: key}
	s.read = func() ([]byte, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.cached == s {
			return f.data, nil
		}
		f.cached, f.data = nil, nil // let the old one go before the new one is read
		data, err := load(s.bytes)
		if err == nil {
			f.cached, f.data = s, data
		}
		return data, err
	}
	return s, nil
}

// storageID is the persistent id of a storage: ("storage", class, key, device, elements), in the old format with a sixth for views.
type storageID struct {
	dtype DType
	key   string
	numel int64
	view  any
}

func parseID(id Tuple) (storageID, error) {
	if len(id) < 5 || len(id) > 6 || id[0] != "storage" {
		return storageID{}, errors.New("refers to something that is not a storage")
	}
	class, ok1 := id[1].(storageType)
	key, ok2 := id[2].(string)
	numel, ok3 := id[4].(int64)
	if !ok1 || !ok2 || !ok3 {
		return storageID{}, errors.New("refers to a storage in a way that torch.save does not")
	}
	out := storageID{dtype: DType(class), key: key, numel: numel}
	if len(id) == 6 {
		out.view = id[5]
	}
	return out, nil
}
