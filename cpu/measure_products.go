package cpu

import (
	"fmt"

	"github.com/ebb-ml/ebb/cpu/internal/kernel"
)

// gemms measures matrix products: squares, and the shapes of the networks that `ebb bench` trains, in the three forms that a
// dense layer needs: forward (NN), gradient of its input (NT), gradient of its weights (TN).
func (m *meter) gemms() error {
	for _, n := range []int{512, 1024, 2048, 4096} {
		if err := m.gemmForms(n, n, n); err != nil {
			return err
		}
	}
	for _, s := range [][3]int{ // rows, outputs, inputs
		{4096, 1152, 384}, {4096, 384, 384}, {4096, 1536, 384}, {4096, 384, 1536}, // dit-s
		{4096, 1536, 512}, {4096, 512, 512}, {4096, 2048, 512}, {4096, 512, 2048}, // text-base
		{16384, 128, 256}, {4096, 256, 256}, {16384, 64, 128}, // unet-cifar, unet-small
	} {
		if err := m.gemmForms(s[0], s[1], s[2]); err != nil {
			return err
		}
	}
	return nil
}

// gemmForms measures a dense layer of the given rows, outputs and inputs, forward and backward.
func (m *meter) gemmForms(rows, outputs, inputs int) error {
	for _, f := range []struct {
		form string
		spec kernel.GemmSpec
	}{
		{"NN", kernel.GemmSpec{M: rows, N: outputs, K: inputs}},
		{"NT", kernel.GemmSpec{M: rows, N: inputs, K: outputs, TransB: true}},
		{"TN", kernel.GemmSpec{M: inputs, N: outputs, K: rows, TransA: true}},
	} {
		s := f.spec
		g, err := kernel.NewGemm(m.kernels, s)
		if err != nil {
			return err
		}
		x, err := m.arrays(s.M*s.K, s.K*s.N, s.M*s.N, g.Scratch(m.pool.Workers()))
		if err != nil {
			return err
		}
		k := KernelMeasurement{Family: "matrix product", Name: fmt.Sprintf("%s %d×%d×%d", f.form, s.M, s.N, s.K), Unit: "GFLOPS", Goal: 0.88}
		err = m.best(k, 2*float64(s.M)*float64(s.N)*float64(s.K), m.peak, func() error {
			return g.Run(m.pool, x[0], x[1], x[2], x[3], nil)
		})
		if err != nil {
			return err
		}
		m.freeAll()
	}
	return nil
}

// convolutions measures 3×3 convolutions of batch 16 in their three products, by Winograd's method and directly.
func (m *meter) convolutions() error {
	for _, c := range []struct {
		family    string
		algorithm kernel.ConvAlgorithm
		stride    int
		goal      float64
	}{
		{"3×3, Winograd", kernel.ConvWinograd, 1, 2}, {"3×3, direct", kernel.ConvDirect, 1, 0.85}, {"3×3, direct, stride 2", kernel.ConvDirect, 2, 0.85},
	} {
		for _, s := range [][2]int{{128, 32}, {256, 16}, {256, 8}} { // channels, side
			spec := kernel.ConvSpec{Batch: 16, InH: s[1], InW: s[1], InC: s[0], OutC: s[0], KernelH: 3, KernelW: 3,
				StrideH: c.stride, StrideW: c.stride, PadTop: 1, PadBottom: 1, PadLeft: 1, PadRight: 1}
			for kind := kernel.ConvForward; kind <= kernel.ConvFilterGradient; kind++ {
				k := KernelMeasurement{Family: c.family, Name: fmt.Sprintf("%d channels, %d×%d, %v", s[0], s[1], s[1], kind), Unit: "GFLOPS", Goal: c.goal}
				if err := m.convolution(k, spec, kind, c.algorithm); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (m *meter) convolution(k KernelMeasurement, s kernel.ConvSpec, kind kernel.ConvKind, algorithm kernel.ConvAlgorithm) error {
	c, err := kernel.NewConv(m.kernels, s, kind, algorithm)
	if err != nil {
		return err
	}
	// x, w, y, of which the product that is computed comes first
	sizes := []int{s.InSize(), s.FilterSize(), s.OutSize()}
	order := [...][3]int{kernel.ConvForward: {2, 0, 1}, kernel.ConvInputGradient: {0, 2, 1}, kernel.ConvFilterGradient: {1, 0, 2}}[kind]
	x, err := m.arrays(sizes[order[0]], sizes[order[1]], sizes[order[2]], c.Scratch(m.pool.Workers()))
	if err != nil {
		return err
	}
	defer m.freeAll()
	flops := 2 * float64(s.FilterSize()) * float64(s.OutSize()/s.OutC)
	return m.best(k, flops, m.peak, func() error { return c.Run(m.pool, x[0], x[1], x[2], x[3], nil) })
}

// attentions measures attention with the shapes of the works at batch 16: heads, positions, width of a head.
func (m *meter) attentions() error {
	for _, s := range [][3]int{{6, 256, 64}, {8, 256, 64}, {1, 256, 256}, {1, 64, 128}} {
		heads, positions, dim := s[0], s[1], s[2]
		at := kernel.BSHD(positions, heads, dim)
		a, err := kernel.NewAttention(m.kernels, kernel.AttentionSpec{Batch: 16, Heads: heads, KVHeads: heads, Queries: positions, Keys: positions,
			Dim: dim, Q: at, K: at, V: at, O: at, Scale: 0.1})
		if err != nil {
			return err
		}
		n, workers := 16*heads*positions*dim, m.pool.Workers()
		x, err := m.arrays(n, n, n, n, n, n, n, n, a.LogSumExp(), max(a.ForwardScratch(workers), a.BackwardScratch(workers)))
		if err != nil {
			return err
		}
		t := kernel.AttentionTensors{Q: x[0], K: x[1], V: x[2], O: x[3], DO: x[4], DQ: x[5], DK: x[6], DV: x[7], LSE: x[8]}
		products := 2 * float64(n) * float64(positions)
		k := KernelMeasurement{Family: "attention", Name: fmt.Sprintf("%d heads of %d×%d", heads, positions, dim), Unit: "GFLOPS"}
		if err := m.best(k, 2*products, m.peak, func() error { return a.Forward(m.pool, &t, x[9]) }); err != nil {
			return err
		}
		k.Name += ", gradients"
		if err := m.best(k, 5*products, m.peak, func() error { return a.Backward(m.pool, &t, x[9]) }); err != nil {
			return err
		}
		m.freeAll()
	}
	return nil
}
