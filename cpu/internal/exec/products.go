package exec

import (
	"errors"
	"fmt"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
	"github.com/ebb-ml/ebb/cpu/internal/kernel"
)

// matMulStep runs a batch of products as one kernel call where the kernel knows the batch's strides, else one by one.
func (x *Executable) matMulStep(a ir.MatMulAttr) (step, error) {
	spec := kernel.GemmSpec{M: a.M, N: a.N, K: a.K, TransA: a.TransA, TransB: a.TransB, LDA: a.LDA, LDB: a.LDB, LDC: a.LDC}
	batch := a.Batch[0] * a.Batch[1]
	s := step{kind: "matmul", flops: 2 * float64(a.M) * float64(a.N) * float64(a.K) * float64(batch)}
	if a.Batch[1] == 1 {
		all := spec
		all.Batch, all.StrideA, all.StrideB, all.StrideC = a.Batch[0], a.StrideA[0], a.StrideB[0], a.StrideC[0]
		if g, err := kernel.NewGemm(x.kernels.set, all); err == nil {
			s.scratch = g.Scratch
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
func (x *Executable) convStep(a ir.Conv2DAttr) (step, error) {
	spec := kernel.ConvSpec{Batch: a.Batch, InH: a.InH, InW: a.InW, InC: a.InC, OutC: a.OutC, KernelH: a.KernelH, KernelW: a.KernelW,
		StrideH: a.StrideH, StrideW: a.StrideW, PadTop: a.PadTop, PadBottom: a.PadBottom, PadLeft: a.PadLeft, PadRight: a.PadRight,
		DilationH: a.DilationH, DilationW: a.DilationW, Groups: a.Groups}
	k, err := kernel.NewConv(x.kernels.set, spec, kernel.ConvKind(a.Kind), x.convAlgorithm)
	if err != nil {
		return step{}, err
	}
	taps := float64(a.KernelH * a.KernelW * a.InC / a.Groups)
	return step{kind: fmt.Sprintf("convolution %v, %v", kernel.ConvKind(a.Kind), k.Algorithm()), scratch: k.Scratch,
		flops: 2 * taps * float64(a.Batch*a.OutH*a.OutW*a.OutC),
		run: func(c *context, in, out [][]byte, scratch []float32) error {
			return k.Run(c.runner, floats(out[0]), floats(in[0]), floats(in[1]), scratch, nil)
		}}, nil
}
