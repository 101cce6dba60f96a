package features

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sync"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/internal/enum"
	"github.com/ebb-ml/ebb/interop/safetensors"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Layer names what of a network is the feature.
type Layer int

const (
	Pool          Layer = iota // last features of a picture: Inception's 2048, DINOv2's class token. FID, KID, precision and recall
	Spatial                    // Inception's 17×17×7 of Mixed_6d: sFID
	Probabilities              // Inception's class probabilities, for eval.InceptionScore; the FID variant leaves out the bias, as its authors do
)

var layerNames = enum.New[Layer]("features", "layer", "pool", "spatial", "probabilities")

// ParseLayer is the inverse of String.
func ParseLayer(name string) (Layer, error) { return layerNames.Parse(name) }

// String returns the name of the layer.
func (l Layer) String() string { return layerNames.Name(l) }

// Options of [Open].
type Options struct {
	Resize Resize // how pictures get 299×299 (Inception) or 224×224 (DINOv2) pixels
	Batch  int    // pictures at once; 0 for 16. Memory grows by some 30 MB each
}

// Network is a feature network with its weights. Use it from one goroutine at a time and Close it.
type Network struct {
	name   string // kind, and weights by their hash
	side   int
	batch  int
	resize Resize
	layers []Layer
	fid    bool // the weights and graph that published FIDs are counted with
	// A sample on the 0…255 scale becomes (v - mean)/deviation.
	mean, deviation [3]float32
	engine          compute.Backend
	store           *model.Store
	build           func(x *graph.Node) map[Layer]*graph.Node
	execs           map[Layer]*model.Exec
}

// Open reads the weights of a network. Which one it is follows from the names in the file.
func Open(engine compute.Backend, path string, o Options) (*Network, error) {
	if err := resizeNames.Check(o.Resize); err != nil {
		return nil, err
	}
	hash, err := hashFile(path)
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, fmt.Errorf("features: %s: %w", path, err)
	}
	n := &Network{engine: engine, store: model.NewStore(), resize: o.Resize, batch: o.Batch, execs: map[Layer]*model.Exec{}}
	if n.batch <= 0 {
		n.batch = 16
	}
	err = n.read(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("features: %s: %w", path, err)
	}
	n.name += "-" + hash[:8]
	return n, nil
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, f.Close())
}

// read recognises the network and loads it.
func (n *Network) read(f *safetensors.File) error {
	shape := func(name string) []int {
		info, _ := f.Info(name)
		return info.Shape
	}
	var broken error
	from := func(name string) ([]float32, []int, bool) {
		info, ok := f.Info(name)
		if !ok {
			return nil, nil, false
		}
		values, err := f.Float32s(name)
		broken = errors.Join(broken, err)
		// the file is closed before the network is used
		return append([]float32(nil), values...), info.Shape, true
	}
	var err error
	switch {
	case shape("Mixed_7c.branch_pool.conv.weight") != nil:
		err = n.readInception(shape("fc.weight"), from)
	case shape("cls_token") != nil || shape("embeddings.cls_token") != nil:
		err = n.readDINOv2(shape, from)
	default:
		err = errors.New("it holds no feature network that ebb knows: looked for Mixed_7c.branch_pool.conv.weight (Inception-v3 of pytorch-fid or " +
			"torchvision), cls_token (DINOv2) and embeddings.cls_token (DINOv2 of Hugging Face)")
	}
	return errors.Join(err, broken)
}

// Space is the feature space of a layer.
func (n *Network) Space(l Layer) (eval.Space, error) {
	for _, have := range n.layers {
		if l == have {
			name := fmt.Sprintf("%s-%v-%v", n.name, n.resize, l)
			return eval.Space{Name: name, Batch: n.batch, Features: func(ctx context.Context, p []*data.Picture) (eval.Matrix, error) {
				return n.run(ctx, l, p)
			}}, nil
		}
	}
	return eval.Space{}, fmt.Errorf("features: %s has no layer %v: choose one of %v", n.name, l, n.layers)
}

// Name tells the network and its weights.
func (n *Network) Name() string { return n.name }

// Has says whether the network has a layer.
func (n *Network) Has(l Layer) bool { return slices.Contains(n.layers, l) }

// FID says whether this is the network that the Fréchet inception distance and the inception score are counted with.
func (n *Network) FID() bool { return n.fid }

// Layers lists what the network has.
func (n *Network) Layers() []Layer { return n.layers }

// Close frees the compiled graphs and the weights.
func (n *Network) Close() {
	for _, e := range n.execs {
		e.Finalize()
	}
	n.store.Finalize()
}

// run computes a layer for up to a batch of pictures at a time. The graph is always of a whole batch, filled up with grey, so that a
// picture's features are the same bits whatever it is measured with.
func (n *Network) run(ctx context.Context, l Layer, pictures []*data.Picture) (eval.Matrix, error) {
	var out eval.Matrix
	for first := 0; first < len(pictures); first += n.batch {
		if err := context.Cause(ctx); err != nil {
			return out, err
		}
		part := pictures[first:min(first+n.batch, len(pictures))]
		x, err := n.inputs(part)
		if err != nil {
			return out, err
		}
		values, err := call(n.exec(l), x, n.batch, n.side, n.side, 3)
		if err != nil {
			return out, fmt.Errorf("features: %s: %w", n.name, err)
		}
		d := len(values) / n.batch
		if out.D == 0 {
			out = eval.NewMatrix(len(pictures), d)
		}
		copy(out.Data[first*d:], values[:len(part)*d])
	}
	return out, nil
}

// inputs scales and normalises pictures, each on a goroutine: with antialiasing that takes as long as a good part of the network.
func (n *Network) inputs(pictures []*data.Picture) ([]float32, error) {
	size := n.side * n.side * 3
	x, errs := make([]float32, n.batch*size), make([]error, len(pictures))
	var all sync.WaitGroup
	for i, p := range pictures {
		all.Go(func() {
			own := x[i*size:][:size]
			_, errs[i] = n.resize.Apply(own[:0], p, n.side, n.side)
			n.normalise(own)
		})
	}
	all.Wait()
	return x, errors.Join(errs...)
}

func (n *Network) normalise(x []float32) {
	for i, v := range x {
		x[i] = (v - n.mean[i%3]) / n.deviation[i%3]
	}
}

// exec compiles the graph of a layer when it is first asked for; what the others need and this one does not is left out.
func (n *Network) exec(l Layer) *model.Exec {
	if n.execs[l] == nil {
		n.execs[l] = model.MustNewExec(n.engine, n.store, func(_ *model.Scope, x *graph.Node) *graph.Node { return n.build(x)[l] })
	}
	return n.execs[l]
}

// call runs a graph of one input and one float32 output.
func call(exec *model.Exec, x []float32, dims ...int) ([]float32, error) {
	in := tensors.FromFlatDataAndDimensions(x, dims...)
	out, err := exec.Call1(in)
	if err != nil {
		return nil, errors.Join(err, in.FinalizeAll())
	}
	values := tensors.MustCopyFlatData[float32](out)
	return values, errors.Join(in.FinalizeAll(), out.FinalizeAll())
}

// squareRoot of the number of patches of a square.
func squareRoot(n int) int { return int(math.Round(math.Sqrt(float64(n)))) }
