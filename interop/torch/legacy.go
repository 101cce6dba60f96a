package torch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
)

// legacyMagic begins the format before PyTorch 1.6: pickles of this number, of a protocol version, of facts about the system, of the saved value and of
// the list of its storages' keys; then for each key, in that order, the number of its elements as an int64, and the elements.
var legacyMagic, _ = new(big.Int).SetString("1950a86a20f9469cfc6c", 16)

const legacyProtocol = 1001

func (f *File) readLegacy(r io.ReaderAt, size int64) (any, error) {
	src := newSource(r, 0, size)
	if err := legacyHead(src); err != nil {
		return nil, err
	}
	made := map[string]*legacyStorage{}
	root, err := unpickle(src, func(id Tuple) (any, error) { return f.legacyStorage(r, made, id) })
	if err != nil {
		return nil, err
	}
	keys, err := unpickle(src, noStorage)
	if err != nil {
		return nil, fmt.Errorf("the list of storages: %w", err)
	}
	return root, placeStorages(r, size, size-src.left, made, keys)
}

func noStorage(Tuple) (any, error) {
	return nil, errors.New("refers to a storage before there are any")
}

func legacyHead(src *source) error {
	magic, err := unpickle(src, noStorage)
	if n, ok := magic.(*big.Int); err != nil || !ok || n.Cmp(legacyMagic) != 0 {
		return errors.Join(errors.New("is not a file of torch.save: neither a zip archive nor the format before it"), err)
	}
	version, err := unpickle(src, noStorage)
	if err != nil || version != int64(legacyProtocol) {
		return errors.Join(fmt.Errorf("protocol version %v is not %d", version, legacyProtocol), err)
	}
	system, err := unpickle(src, noStorage)
	if err != nil {
		return err
	}
	if d, ok := system.(*Dict); ok {
		if little, _ := d.Get("little_endian"); little == true {
			return nil
		}
	}
	return errors.New("was not written by a little-endian machine")
}

// legacyStorage is a storage whose place is known only after the pickle that refers to it.
type legacyStorage struct {
	*storage
	at int64
}

func (f *File) legacyStorage(r io.ReaderAt, made map[string]*legacyStorage, tuple Tuple) (any, error) {
	id, err := parseID(tuple)
	if err != nil {
		return nil, err
	}
	if id.view != nil {
		return nil, errors.New("holds a view of a storage, as PyTorch before 0.4 wrote them; load and save it with a newer one")
	}
	if s := made[id.key]; s != nil {
		if s.dtype != id.dtype || s.bytes != id.numel*dtypes[id.dtype].size {
			return nil, fmt.Errorf("storage %q is described in two ways", printable(id.key))
		}
		return s.storage, nil
	}
	s := &legacyStorage{at: -1}
	s.storage, err = f.newStorage(id.key, id.dtype, id.numel, func(size int64) ([]byte, error) {
		data := make([]byte, size)
		_, err := r.ReadAt(data, s.at)
		if errors.Is(err, io.EOF) {
			err = nil // placeStorages has seen to it that the file is long enough
		}
		return data, err
	})
	made[id.key] = s
	return s.storage, err
}

// placeStorages finds each storage behind the pickles, and checks that all are there and nothing else is.
func placeStorages(r io.ReaderAt, size, at int64, made map[string]*legacyStorage, keys any) error {
	list, ok := keys.(*List)
	if !ok || len(list.Items) != len(made) {
		return fmt.Errorf("the list of storages does not have the %d that the tensors use", len(made))
	}
	for _, key := range list.Items {
		name, _ := key.(string)
		s := made[name]
		if s == nil || s.at >= 0 {
			return fmt.Errorf("storage %q is listed twice, or used by no tensor", printable(name))
		}
		var count [8]byte
		if _, err := r.ReadAt(count[:], at); err != nil {
			return fmt.Errorf("truncated before storage %q: %w", printable(name), err)
		}
		s.at = at + 8
		if n := int64(binary.LittleEndian.Uint64(count[:])); n != s.bytes/dtypes[s.dtype].size || s.bytes > size-s.at {
			return fmt.Errorf("storage %q is truncated, or has %d elements where the tensors say %d", printable(name), n, s.bytes/dtypes[s.dtype].size)
		}
		at = s.at + s.bytes
	}
	if at != size {
		return fmt.Errorf("%d bytes after the last storage belong to none", size-at)
	}
	return nil
}
