package features

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/interop/safetensors"
)

// Store keeps feature vectors of whole sets in a folder, by the content of the pictures and the name of the space, so that a network sees
// the same pictures only once. The empty folder keeps nothing, and cheap spaces are not kept.
type Store struct{ Dir string }

// storedTensor is the tensor of a stored file; another name where the format changes.
const storedTensor = "features.1"

// Extract is [eval.Extract] with a memory. A stored file that cannot be read, or does not fit, is an error that names it.
func (s Store) Extract(ctx context.Context, set data.Set, space eval.Space, progress func(done, total int)) (eval.Matrix, error) {
	return s.extract(ctx, set, space, space.Name, eval.Extract, progress)
}

// ExtractFlipped is [eval.ExtractFlipped] with a memory.
func (s Store) ExtractFlipped(ctx context.Context, set data.Set, space eval.Space, progress func(done, total int)) (eval.Matrix, error) {
	return s.extract(ctx, set, space, space.Name+", mirrored", eval.ExtractFlipped, progress)
}

// extractor is eval.Extract or eval.ExtractFlipped.
type extractor func(context.Context, data.Set, eval.Space, func(done, total int)) (eval.Matrix, error)

func (s Store) extract(ctx context.Context, set data.Set, space eval.Space, name string, compute extractor, progress func(done, total int)) (eval.Matrix, error) {
	if s.Dir == "" || space.Cheap || set.Len() == 0 {
		return compute(ctx, set, space, progress)
	}
	key, err := contentKey(set, name)
	if err != nil {
		return eval.Matrix{}, err
	}
	path := filepath.Join(s.Dir, "features-"+key[:32]+".safetensors")
	m, err := ReadMatrix(path)
	if err == nil && m.N != set.Len() {
		err = fmt.Errorf("features: %s holds features of %d pictures, not %d: remove it to compute them anew", path, m.N, set.Len())
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	if m, err = compute(ctx, set, space, progress); err != nil {
		return m, err
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return m, fmt.Errorf("features: %w", err)
	}
	return m, WriteMatrix(path, m)
}

// contentKey hashes what features depend on: the space, and size and content of every picture in order.
func contentKey(set data.Set, space string) (string, error) {
	first, err := set.Picture(0)
	if err != nil {
		return "", fmt.Errorf("features: picture %s: %w", set.Entry(0).Name, err)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%q %d %d %d %d\n", storedTensor, space, first.Height, first.Width, first.Channels, first.Depth)
	for i := range set.Len() {
		sum, err := set.Hash(i)
		if err != nil {
			return "", fmt.Errorf("features: picture %s: %w", set.Entry(i).Name, err)
		}
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// ReadMatrix reads what WriteMatrix wrote.
func ReadMatrix(path string) (m eval.Matrix, err error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return m, fmt.Errorf("features: %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, ok := f.Info(storedTensor)
	if !ok || len(info.Shape) != 2 {
		return m, fmt.Errorf("features: %s holds no features: remove it to compute them anew", path)
	}
	values, err := f.Float32s(storedTensor)
	if err != nil {
		return m, fmt.Errorf("features: %s: %w (remove it to compute the features anew)", path, err)
	}
	return eval.Matrix{N: info.Shape[0], D: info.Shape[1], Data: slices.Clone(values)}, nil
}

// WriteMatrix writes feature vectors to a safetensors file, aside first and then renamed.
func WriteMatrix(path string, m eval.Matrix) error {
	return writeTensors(path, nil, []safetensors.Tensor{{Info: safetensors.Info{Name: storedTensor, DType: safetensors.F32, Shape: []int{m.N, m.D}},
		Data: safetensors.Bytes(m.Data)}})
}

// writeTensors writes a file aside and renames it.
func writeTensors(path string, metadata map[string]string, all []safetensors.Tensor) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".features-*")
	if err != nil {
		return fmt.Errorf("features: %w", err)
	}
	err = safetensors.Write(f, metadata, all)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("features: writing %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
