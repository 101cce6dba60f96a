package features

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/interop/safetensors"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
)

// metadataKey is where a classifier's description lies in its file; the number changes when training does.
const metadataKey = "ebb.classifier.1"

// key hashes all that a trained classifier depends on: its configuration, and content and label of every picture.
func key(set data.Set, a about) (string, error) {
	h := sha256.New()
	head, err := json.Marshal(struct {
		Version string
		Config  ClassifierConfig
		Classes []string
	}{metadataKey, a.Config, a.Classes})
	if err != nil {
		return "", err
	}
	h.Write(head)
	for i := range set.Len() {
		content, err := set.Hash(i)
		if err != nil {
			return "", fmt.Errorf("features: picture %s: %w", set.Entry(i).Name, err)
		}
		h.Write(content[:])
		h.Write(binary.LittleEndian.AppendUint32(nil, uint32(set.Entry(i).Label)))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// CachedClassifier is TrainClassifier with a memory: a classifier that was trained before on the same pictures with the same configuration is
// read from folder, which is made where it is missing. cached says whether it was.
func CachedClassifier(ctx context.Context, engine compute.Backend, set data.Set, c ClassifierConfig, folder string, progress func(Progress)) (cl *Classifier, cached bool, err error) {
	set = limited(set, c)
	a, err := describe(set, c)
	if err != nil {
		return nil, false, err
	}
	path := filepath.Join(folder, "classifier-"+a.Key[:16]+".safetensors")
	cl, err = OpenClassifier(engine, path)
	if err == nil && cl.about.Key == a.Key {
		return cl, true, nil
	}
	if err == nil {
		cl.Close()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, false, fmt.Errorf("%w (remove the file to train it anew)", err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, false, fmt.Errorf("features: a folder for classifiers: %w", err)
	}
	if cl, err = trainAs(ctx, engine, set, a, progress); err != nil {
		return nil, false, err
	}
	if err := cl.Save(path); err != nil {
		cl.Close()
		return nil, false, err
	}
	return cl, false, nil
}

// Save writes the classifier to a safetensors file, aside first and then renamed.
func (c *Classifier) Save(path string) error {
	description, err := c.about.json()
	if err != nil {
		return fmt.Errorf("features: %w", err)
	}
	var all []safetensors.Tensor
	for _, p := range c.net.Params().All() {
		v := c.scope().GetVariable(p.Name)
		if v == nil {
			return fmt.Errorf("features: the classifier has no weight %q", p.Name)
		}
		value, err := v.Value()
		if err != nil {
			return fmt.Errorf("features: weight %q: %w", p.Name, err)
		}
		flat := tensors.MustCopyFlatData[float32](value)
		all = append(all, safetensors.Tensor{Info: safetensors.Info{Name: p.Name, DType: safetensors.F32, Shape: p.Shape}, Data: safetensors.Bytes(flat)})
	}
	return writeTensors(path, map[string]string{metadataKey: description}, all)
}

// OpenClassifier reads a classifier that Save wrote.
func OpenClassifier(engine compute.Backend, path string) (*Classifier, error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, fmt.Errorf("features: %s: %w", path, err)
	}
	c, err := readClassifier(engine, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("features: %s: %w", path, err)
	}
	return c, nil
}

func readClassifier(engine compute.Backend, f *safetensors.File) (*Classifier, error) {
	var a about
	text, ok := f.Metadata()[metadataKey]
	if !ok {
		return nil, fmt.Errorf("it is not a classifier of this version of ebb: the metadata has no %q", metadataKey)
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return nil, fmt.Errorf("its description: %w", err)
	}
	if len(a.Key) != 2*sha256.Size || len(a.Right) != a.outputs() || len(a.Total) != a.outputs() || a.Config.Side < 4 {
		return nil, errors.New("its description is incomplete")
	}
	c, err := newClassifier(engine, a)
	if err != nil {
		return nil, err
	}
	for _, p := range c.net.Params().All() {
		info, ok := f.Info(p.Name)
		if !ok || !slices.Equal(info.Shape, p.Shape) {
			return nil, fmt.Errorf("weight %q is missing or of shape %v, not %v", p.Name, info.Shape, p.Shape)
		}
		values, err := f.Float32s(p.Name)
		if err != nil {
			return nil, err
		}
		c.scope().VariableWithValue(p.Name, tensors.FromFlatDataAndDimensions(slices.Clone(values), p.Shape...)).SetTrainable(false)
	}
	return c, nil
}
