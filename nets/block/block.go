// Package block holds the layers that ebb's networks are built of: dense and
// convolution layers, normalisation, attention, resampling, embeddings of time,
// position and class, and dropout.
//
// A layer has two halves, as in PyTorch. Its constructor declares its parameters
// (name, shape, how they start) in a [Params] list and needs no backend, so
// that a network can be counted, planned and matched with a file before anything
// runs. Its Apply method builds the GoMLX graph of one use of the layer; the [Ctx] says
// where the weights are. Training and EMA weights are the same names in two scopes
// of one store, so one network serves both.
//
// Pictures are [B, H, W, C], sequences [B, S, D]. Parameters are stored
// as GoMLX multiplies them and named as PyTorch names them; [Layout] is all that lies
// between the two.
//
// Like all GoMLX graph functions, Apply methods panic with an error when shapes
// do not fit or a weight is missing; model.Exec turns that into the error of its Call.
package block

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Node is a value of the graph being built.
type Node = graph.Node

// Ctx is one use of a network inside one graph. Make a new one for each use.
type Ctx struct {
	// Scope holds the weights: variables named as [Param.Name], directly in it.
	Scope *model.Scope
	// DType is what a network of integer inputs (tokens) computes in; left out, the type of
	// its weights. Other networks compute in the type of their input.
	DType dtypes.DType
	// DropoutKeys, shape [B] uint32, gives each sample of the batch its own random
	// stream, so that the result does not depend on how a batch is split. Nil
	// switches dropout off, as sampling and evaluation want it.
	DropoutKeys *Node
	// Recompute drops the inside of residual blocks after the forward pass and
	// computes it again in the backward pass (gradient checkpointing): less memory, about
	// a third more work.
	Recompute bool
	// Augment tells what augmentation did to each sample, [B, values], to networks that are conditioned on it. Nil says that nothing
	// was done, as sampling and evaluation want it.
	Augment *Node
	// Frozen writes the present values of the weights into the graph as constants, for graphs that run often while the
	// weights stay: the engine then prepares them once. It costs their memory again.
	Frozen bool
	// Adapt, if set, changes a weight before it is used: what fine-tuning adds to frozen weights (package finetune).
	Adapt func(p *Param, w *Node) *Node

	dropouts uint32 // dropout layers passed so far: each draws from its own stream
}

// Weight returns the parameter p as a value of like's graph and type: a network fed
// with bfloat16 computes in bfloat16 from its float32 weights.
func (c *Ctx) Weight(p *Param, like *Node) *Node {
	v := c.Scope.GetVariable(p.Name)
	if v == nil {
		panic(missing(c, p))
	}
	if err := p.fits(v.Shape().Dimensions); err != nil {
		panic(err)
	}
	w := graph.ConvertDType(c.value(v, like), like.DType())
	if c.Adapt != nil {
		return c.Adapt(p, w)
	}
	return w
}

func (c *Ctx) value(v *model.Variable, like *Node) *Node {
	if c.Frozen {
		return graph.ConstTensor(like.Graph(), v.MustValue())
	}
	return v.NodeValue(like.Graph())
}

func missing(c *Ctx, p *Param) error {
	return fmt.Errorf("no weight %q in scope %s: call Params.Init or load a checkpoint first", p.Name, c.Scope.Scope())
}

// Block runs body, a residual block, under the context's memory policy.
func (c *Ctx) Block(x *Node, body func(*Node) *Node) *Node {
	if !c.Recompute {
		return body(x)
	}
	return body(x.Checkpoint()).StopCheckpoint()
}
