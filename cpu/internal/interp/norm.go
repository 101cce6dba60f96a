package interp

import (
	"math"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// norms are the three batch normalisations (Ioffe and Szegedy 2015), with the definitions of XLA
// (https://openxla.org/xla/operation_semantics#batchnormtraining and its neighbours). Variances are biased.
var norms = map[compute.OpType]func(*call) error{
	compute.OpTypeBatchNormForInference: batchNormInference,
	compute.OpTypeBatchNormForTraining:  batchNormTraining,
	compute.OpTypeBatchNormGradient:     batchNormGradient,
}

// features visits each element of input 0 with the index of its feature.
func (c *call) features(visit func(i, feature int)) (count float64) {
	axis := c.attr.(ir.BatchNorm).Axis
	dims, from := c.operand(0)
	to := make([]int, len(dims))
	to[axis] = 1
	walk{dims: dims, to: to, from: from}.each(func(feature, i int) { visit(i, feature) })
	return float64(size(dims)) / float64(dims[axis])
}

func (c *call) floats(i int) []float64 { return c.in[i].Flat.([]float64) }

// normalize is (x - mean)·scale/√(variance + ε) + offset.
func (c *call) normalize(mean, variance []float64) {
	x, scale, offset, out := c.floats(0), c.floats(1), c.floats(2), c.out[0].Flat.([]float64)
	epsilon := float64(c.attr.(ir.BatchNorm).Epsilon)
	c.features(func(i, f int) { out[i] = (x[i]-mean[f])*scale[f]/math.Sqrt(variance[f]+epsilon) + offset[f] })
}

func batchNormInference(c *call) error {
	c.normalize(c.floats(3), c.floats(4))
	return nil
}

func batchNormTraining(c *call) error {
	x, mean, variance := c.floats(0), c.out[1].Flat.([]float64), c.out[2].Flat.([]float64)
	clear(mean)
	clear(variance)
	n := c.features(func(i, f int) { mean[f] += x[i] })
	for f := range mean {
		mean[f] /= n
	}
	c.features(func(i, f int) { variance[f] += (x[i] - mean[f]) * (x[i] - mean[f]) })
	for f := range variance {
		variance[f] /= n
	}
	c.normalize(mean, variance)
	return nil
}

// batchNormGradient takes operand, scale, mean, variance and the output's gradient.
func batchNormGradient(c *call) error {
	x, scale, mean, variance, dy := c.floats(0), c.floats(1), c.floats(2), c.floats(3), c.floats(4)
	dx, dScale, dOffset := c.out[0].Flat.([]float64), c.out[1].Flat.([]float64), c.out[2].Flat.([]float64)
	deviation := make([]float64, len(mean)) // √(variance + ε)
	for f, v := range variance {
		deviation[f] = math.Sqrt(v + float64(c.attr.(ir.BatchNorm).Epsilon))
	}
	clear(dScale)
	clear(dOffset)
	n := c.features(func(i, f int) {
		dScale[f] += dy[i] * (x[i] - mean[f]) / deviation[f]
		dOffset[f] += dy[i]
	})
	c.features(func(i, f int) {
		dx[i] = scale[f] / deviation[f] * (dy[i] - dOffset[f]/n - (x[i]-mean[f])/deviation[f]*dScale[f]/n)
	})
	return nil
}
