package torch

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// archive is the zip format: NAME/data.pkl, NAME/data/KEY for each storage, NAME/byteorder, and others that do not matter here.
type archive struct {
	prefix  string
	entries map[string]*zip.File
	size    int64
}

func (f *File) readZip(r io.ReaderAt, size int64) (any, error) {
	a, err := openArchive(r, size)
	if err != nil {
		return nil, err
	}
	pickle, err := a.read("data.pkl", -1)
	if err != nil {
		return nil, err
	}
	made := map[string]*storage{}
	root, err := unpickle(newSource(strings.NewReader(string(pickle)), 0, int64(len(pickle))), func(id Tuple) (any, error) {
		return a.storage(f, made, id)
	})
	if err != nil {
		return nil, fmt.Errorf("data.pkl: %w", err)
	}
	return root, nil
}

func openArchive(r io.ReaderAt, size int64) (*archive, error) {
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // nothing is extracted by name
		return nil, err
	}
	a := &archive{entries: map[string]*zip.File{}, size: size}
	pickles := 0
	for _, e := range z.File {
		if a.entries[e.Name] != nil {
			return nil, fmt.Errorf("the archive holds %q twice", printable(e.Name))
		}
		a.entries[e.Name] = e
		if dir, ok := strings.CutSuffix(e.Name, "/data.pkl"); ok && !strings.Contains(dir, "/") {
			pickles++
			a.prefix = dir + "/"
		}
	}
	if pickles != 1 {
		return nil, fmt.Errorf("is a zip archive with %d files NAME/data.pkl where torch.save writes one", pickles)
	}
	if a.entries[a.prefix+"constants.pkl"] != nil {
		return nil, errors.New("is a TorchScript archive, a program; save the module's state_dict() instead")
	}
	if a.entries[a.prefix+"byteorder"] != nil {
		if order, err := a.read("byteorder", -1); err != nil || string(order) != "little" {
			return nil, fmt.Errorf("the byte order is %q, not little: %w", printable(string(order)), errors.Join(err, errors.ErrUnsupported))
		}
	}
	return a, nil
}

// storage returns the storage of an id, the same one for the same key.
func (a *archive) storage(f *File, made map[string]*storage, tuple Tuple) (any, error) {
	id, err := parseID(tuple)
	if err != nil {
		return nil, err
	}
	if s := made[id.key]; s != nil {
		if s.dtype != id.dtype || s.bytes != id.numel*dtypes[id.dtype].size {
			return nil, fmt.Errorf("storage %q is described in two ways", printable(id.key))
		}
		return s, nil
	}
	s, err := f.newStorage(id.key, id.dtype, id.numel, func(size int64) ([]byte, error) { return a.read("data/"+id.key, size) })
	if err != nil {
		return nil, err
	}
	e := a.entries[a.prefix+"data/"+id.key]
	if e == nil || e.UncompressedSize64 != uint64(s.bytes) {
		return nil, fmt.Errorf("storage %q of %d bytes is not in the archive, or not of that size", printable(id.key), s.bytes)
	}
	made[id.key] = s
	return s, nil
}

// read returns an entry's bytes, checked against its CRC; it must have the given size, if that is not negative.
func (a *archive) read(name string, size int64) ([]byte, error) {
	e := a.entries[a.prefix+name]
	if e == nil {
		return nil, fmt.Errorf("the archive has no %q", printable(name))
	}
	if e.Method != zip.Store || e.UncompressedSize64 > uint64(a.size) || size >= 0 && e.UncompressedSize64 != uint64(size) {
		return nil, fmt.Errorf("%q is compressed or has a wrong size; torch.save stores as it is", printable(name))
	}
	r, err := e.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, e.UncompressedSize64)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("%q: %w", printable(name), err)
	}
	if _, err := r.Read(make([]byte, 1)); err != io.EOF { // the CRC is checked at the end
		return nil, fmt.Errorf("%q is damaged: %w", printable(name), err)
	}
	return data, nil
}
