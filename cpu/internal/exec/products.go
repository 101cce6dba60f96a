package exec

import (
	"errors"
	"fmt"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
	"github.com/ebb-ml/ebb/cpu/internal/kernel"
)

// matMulStep runs a batch of products as one kernel call where the kernel knows the batch's strides, else one by one.
func (x *Executable) matMulStep(n *ir.Node, a ir.MatMulAttr) (step, error) {
	spec := kernel.GemmSpec{M: a.M, N: a.N, K: a.K, TransA: a.TransA, TransB: a.TransB, LDA: a.LDA, LDB: a.LDB, LDC: a.LDC}
	batch := a.Batch[0] * a.Batch[1]
	s := step{kind: "matmul", flops: 2 * float64(a.M) * float64(a.N) * float64(a.K) * float64(batch)}
	if a.Batch[1] == 1 {
		all := spec
		all.Batch, all.StrideA, all.StrideB, all.StrideC = a.Batch[0], a.StrideA[0], a.StrideB[0], a.StrideC[0]
		if g, err := kernel.NewGemm(x.kernels.set, all); err == nil {
			s.scratch = g.Scratch
			if b := x.constant(n.Inputs[1]); b != nil {
				packed := make([]float32, g.PackSize())
				s.run = func(c *context, in, out [][]byte, scratch []float32) error {
					return g.RunPacked(c.runner, floats(in[0]), packed, floats(out[0]), scratch, nil)
				}
				return s, g.Pack(x.runner, b, packed)
			}
			s.run = func(c *context, in, out [][]byte, scratch []float32) error {
				return g.Run(c.runner, floats(in[0]), floats(in[1]), floats(out[0]), scratch, nil)
			}
			return s, nil
		}
	}
	g, err := kernel.NewGemm(x.kernels.set, spec)
	if err != nil {
		return s, err
	}
	s.kind = "matmul, batch"
	each := g.Scratch(1)
	s.scratch = func(workers int) int { return workers * each }
	s.run = func(c *context, in, out [][]byte, scratch []float32) error {
		fa, fb, fc := floats(in[0]), floats(in[1]), floats(out[0])
		errs := make([]error, batch)
		c.runner.Run(batch, func(worker, task int) {
			i, j := task/a.Batch[1], task%a.Batch[1]
			at := func(stride [2]int) int { return i*stride[0] + j*stride[1] }
			errs[task] = g.Run(kernel.Serial{}, fa[at(a.StrideA):], fb[at(a.StrideB):], fc[at(a.StrideC):],
				scratch[worker*each:(worker+1)*each], nil)
		})
		return errors.Join(errs...)
	}
	return s, nil
}

// floats is a block as float32.
func floats(block []byte) []float32 { return view[float32](block, len(block)/4) }

// convStep runs a convolution or one of its gradients.
func (x *Executable) convStep(n *ir.Node, a ir.Conv2DAttr) (step, error) {
	spec := kernel.ConvSpec{Batch: a.Batch, InH: a.InH, InW: a.InW, InC: a.InC, OutC: a.OutC, KernelH: a.KernelH, KernelW: a.KernelW,
		StrideH: a.StrideH, StrideW: a.StrideW, PadTop: a.PadTop, PadBottom: a.PadBottom, PadLeft: a.PadLeft, PadRight: a.PadRight,
		DilationH: a.DilationH, DilationW: a.DilationW, Groups: a.Groups}
	k, err := kernel.NewConv(x.kernels.set, spec, kernel.ConvKind(a.Kind), x.convAlgorithm)
	if err != nil && x.convAlgorithm != kernel.ConvAuto { // the wanted algorithm cannot compute this one
		k, err = kernel.NewConv(x.kernels.set, spec, kernel.ConvKind(a.Kind), kernel.ConvAuto)
	}
	if err != nil {
		return step{}, err
	}
	taps := float64(a.KernelH * a.KernelW * a.InC / a.Groups)
	s := step{kind: fmt.Sprintf("convolution %v, %v", kernel.ConvKind(a.Kind), k.Algorithm()), note: fmt.Sprint(k.Costs()), scratch: k.Scratch,
		flops: 2 * taps * float64(a.Batch*a.OutH*a.OutW*a.OutC),
		run: func(c *context, in, out [][]byte, scratch []float32) error {
			return k.Run(c.runner, floats(out[0]), floats(in[0]), floats(in[1]), scratch, nil)
		}}
	w := x.constant(n.Inputs[1])
	if w == nil || k.PreparedSize() == 0 || a.Batch*a.OutH*a.OutW > fewPixels {
		return s, nil
	}
	prepared := make([]float32, k.PreparedSize())
	s.run = func(c *context, in, out [][]byte, scratch []float32) error {
		return k.RunPrepared(c.runner, floats(out[0]), floats(in[0]), prepared, scratch, nil)
	}
	return s, k.PrepareFilter(x.runner, w, prepared)
}

// fewPixels is the most output pixels for which a constant filter is kept transformed, in four times its memory: beyond, the
// transformation is a small part of the work.
const fewPixels = 4096

// constant returns the values of a float32 constant, or of a view of one, else nil.
func (x *Executable) constant(v ir.Value) []float32 {
	for d := x.def[v]; d >= 0; d = x.def[v] {
		n := &x.g.Nodes[d]
		if c, ok := n.Attr.(ir.Constant); ok {
			f, _ := c.Flat.([]float32)
			return f
		}
		if compute.OpType(n.Op) != compute.OpTypeReshape {
			break
		}
		v = n.Inputs[0]
	}
	return nil
}
