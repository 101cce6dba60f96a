package nets

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/enum"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// InceptionVariant names a version of Inception-v3 (Szegedy et al. 2016, arXiv 1512.00567). They have the same parameters but for the classes.
type InceptionVariant int

const (
	// InceptionFID is the graph of 2015-12-05 in which Fréchet inception distances are counted, in the names of its PyTorch port (pytorch-fid,
	// torch-fidelity, torchmetrics): averages of 3×3 pixels leave out the padding, the last block takes the largest of 3×3 pixels
	// instead, and there are 1008 classes.
	InceptionFID InceptionVariant = iota
	// InceptionTorchvision is torchvision's, with 1000 classes.
	InceptionTorchvision
)

var inceptionNames = enum.New[InceptionVariant]("nets", "variant of Inception", "fid", "torchvision")

// String returns the name of the variant.
func (v InceptionVariant) String() string { return inceptionNames.Name(v) }

// MarshalText writes the name.
func (v InceptionVariant) MarshalText() ([]byte, error) { return inceptionNames.Marshal(v) }

// UnmarshalText reads the name.
func (v *InceptionVariant) UnmarshalText(text []byte) error {
	return inceptionNames.Unmarshal(v, text)
}

// Inception is Inception-v3 for measuring, not for training: batch norms are folded into the convolutions when weights are loaded.
type Inception struct {
	variant InceptionVariant
	classes int
	params  *block.Params
	convs   []*inceptionConv
	body    []func(c *block.Ctx, x *Node) *Node // Conv2d_1a to Mixed_6c
	mixed6d inceptionBlock                      // its first branch is the spatial feature
	tail    []func(c *block.Ctx, x *Node) *Node
	fc      block.Dense
}

// InceptionOutput are the features of a batch of B pictures of 299×299 pixels.
type InceptionOutput struct {
	Pool    *Node // [B, 2048] mean over the last feature map: FID, KID, precision and recall
	Spatial *Node // [B, 17·17·7] first seven channels of Mixed_6d's first branch: sFID (Nash et al. 2021, arXiv 2103.03841, as in ADM's evaluator)
	Logits  *Node // [B, classes] with the bias of the last layer; for the inception score see NoBias
	NoBias  *Node // [B, classes] without it, as the original inception score takes them
}

// InceptionSpatialChannels is the depth of InceptionOutput.Spatial.
const InceptionSpatialChannels = 7

// NewInception declares the parameters.
func NewInception(variant InceptionVariant) (*Inception, error) {
	if err := inceptionNames.Check(variant); err != nil {
		return nil, err
	}
	n := &Inception{variant: variant, classes: 1008, params: block.NewParams()}
	if variant == InceptionTorchvision {
		n.classes = 1000
	}
	n.stem()
	n.mixed()
	n.fc = block.NewDense(n.params, "fc", 2048, n.classes, true)
	return n, nil
}

// Classes is the number of classes of the last layer.
func (n *Inception) Classes() int { return n.classes }

// Params lists the folded parameters: a kernel and a bias for each convolution.
func (n *Inception) Params() *block.Params { return n.params }

// InceptionMinSize is the smallest side of a picture that leaves a pixel in the last map.
const InceptionMinSize = 75

// Forward maps x [B, H, W, 3], H and W at least 75 (299 for published figures), numbers in [-1, 1] (torchvision's own weights were trained on
// those, or on ImageNet's mean and deviation with transform_input).
func (n *Inception) Forward(c *block.Ctx, x *Node) InceptionOutput {
	d := x.Shape().Dimensions
	if len(d) != 4 || d[3] != 3 || d[1] < InceptionMinSize || d[2] < InceptionMinSize {
		panic(fmt.Errorf("inception: input %s, want [batch, height, width, 3] of at least %d pixels a side", x.Shape(), InceptionMinSize))
	}
	for _, f := range n.body {
		x = f(c, x)
	}
	branches := n.mixed6d.branches(c, x)
	first := branches[0]
	x = graph.Concatenate(branches, -1)
	for _, f := range n.tail {
		x = f(c, x)
	}
	m := x.Shape().Dimensions
	var o InceptionOutput
	o.Pool = graph.MulScalar(graph.ReduceSum(x, 1, 2), 1/float64(m[1]*m[2]))
	o.Spatial = graph.Reshape(graph.Slice(first, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(), graph.AxisRange(0, InceptionSpatialChannels)), d[0], -1)
	o.NoBias = block.Dense{Weight: n.fc.Weight}.Apply(c, o.Pool)
	o.Logits = graph.Add(o.NoBias, graph.Reshape(c.Weight(n.fc.Bias, o.Pool), 1, n.classes))
	return o
}

// inceptionConv is PyTorch's BasicConv2d: convolution, batch norm, ReLU; the norm is part of kernel and bias.
type inceptionConv struct {
	name         string
	weight, bias *block.Param
	stride       int
	padH, padW   int
}

// inceptionEps is the epsilon of every batch norm.
const inceptionEps = 1e-3

func (n *Inception) conv(name string, in, out, kh, kw, stride int, padded bool) *inceptionConv {
	p := n.params.Sub("%s", name)
	v := &inceptionConv{name: name, stride: stride}
	v.weight = p.Add("conv.weight", block.Kernel, block.Uniform(math.Sqrt(6/float64(in*kh*kw))), kh, kw, in, out)
	v.bias = p.Add("conv.bias", block.Plain, block.Constant(0), out)
	if padded {
		v.padH, v.padW = kh/2, kw/2
	}
	n.convs = append(n.convs, v)
	return v
}

func (v *inceptionConv) linear(c *block.Ctx, x *Node) *Node {
	pads := [][2]int{{v.padH, v.padH}, {v.padW, v.padW}}
	return graph.Convolve(x, c.Weight(v.weight, x)).Strides(v.stride).PaddingPerDim(pads).Done()
}

func (v *inceptionConv) activate(c *block.Ctx, y *Node) *Node {
	y = graph.Add(y, graph.Reshape(c.Weight(v.bias, y), 1, 1, 1, -1))
	return graph.MaxScalar(y, 0)
}

func (v *inceptionConv) apply(c *block.Ctx, x *Node) *Node { return v.activate(c, v.linear(c, x)) }

// Load reads the weights from a PyTorch file of names such as Mixed_5b.branch1x1.conv.weight and Mixed_5b.branch1x1.bn.running_var into s,
// folding y = gamma·(w·x - mean)/√(var + eps) + beta into kernel and bias. Other tensors of the file (auxiliary head) are ignored.
func (n *Inception) Load(s *model.Scope, from Weights) error {
	l := loader{net: "inception", scope: s, from: from}
	for _, v := range n.convs {
		out := v.bias.Size()
		w := l.read(v.name+".conv.weight", v.weight.TorchShape())
		gamma, beta := l.read(v.name+".bn.weight", []int{out}), l.read(v.name+".bn.bias", []int{out})
		mean, variance := l.read(v.name+".bn.running_mean", []int{out}), l.read(v.name+".bn.running_var", []int{out})
		if l.err != nil {
			return l.err
		}
		bias, per := make([]float32, out), len(w)/out
		kernel := make([]float32, len(w))
		for o := range out {
			f := float64(gamma[o]) / math.Sqrt(float64(variance[o])+inceptionEps)
			bias[o] = float32(float64(beta[o]) - float64(mean[o])*f)
			for i := o * per; i < (o+1)*per; i++ {
				kernel[i] = float32(float64(w[i]) * f)
			}
		}
		l.set(v.weight, kernel)
		l.set(v.bias, bias)
	}
	l.copy(n.fc.Weight, n.fc.Weight.Name)
	l.copy(n.fc.Bias, n.fc.Bias.Name)
	return l.err
}
