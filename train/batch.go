package train

import (
	"fmt"
	"slices"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
)

// Source yields batches: the batch of a step is a function of the step alone. A *data.Loader is one.
type Source interface {
	Batch(step int64) (*data.Batch, error)
}

// batch is a whole batch of a step with what is needed to cut pieces off it. The buffers are used again for every step.
type batch struct {
	step   int64
	data   *data.Batch
	draws  diffusion.Draws
	labels []int32
	u      []float64 // quantile of each image's noise level, for a resampler
	weight []float64 // importance weight of each image
}

// piece draws the randomness of one part of the batch, the same whatever the number of parts.
func (b *batch) piece(c Config, t *Task, null int32, part int) (Piece, error) {
	n := c.Batch / c.Parts
	which := diffusion.Batch{Seed: c.Seed, Step: uint64(b.step), First: part * n, Count: n, Total: c.Batch}
	if err := t.Objective.Draw(&b.draws, which); err != nil {
		return Piece{}, err
	}
	b.u, b.weight = append(b.u, b.draws.U...), append(b.weight, b.draws.Importance...)
	size := t.Objective.Size
	p := Piece{X0: b.data.Images[part*n*size : (part+1)*n*size], Draws: &b.draws}
	if t.Classes {
		b.labels = append(b.labels[:0], b.data.Labels[part*n:(part+1)*n]...)
		if err := nullLabels(b.labels, null); err != nil {
			return Piece{}, err
		}
		if err := diffusion.DropLabels(b.labels, null, c.DropClass, which); err != nil {
			return Piece{}, err
		}
		p.Classes = b.labels
	}
	if t.Dropout {
		for i := range n {
			p.Dropout = append(p.Dropout, dropoutKey(c.Seed, uint64(b.step), uint64(part*n+i)))
		}
	}
	return p, nil
}

// nullLabels gives images without a label the null class, and refuses labels that the network has no class for.
func nullLabels(labels []int32, null int32) error {
	for i, l := range labels {
		if l < 0 {
			labels[i] = null
		} else if l > null {
			return fmt.Errorf("train: an image of class %d, but the network knows %d classes: raise network.classes or mend the labels", l, null)
		}
	}
	return nil
}

// dropoutKey hashes seed, step and image (SplitMix64, Steele et al. 2014): what an image drops does not depend on its batch.
func dropoutKey(seed, step, image uint64) uint32 {
	h := seed
	for _, v := range [...]uint64{step, image} {
		h += 0x9e3779b97f4a7c15 * (v + 1)
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return uint32(h >> 32)
}

// learnLevels tells a resampler the losses of the batch, without their importance weights.
func (b *batch) learnLevels(r *diffusion.Resampler, losses []float32) error {
	if r == nil {
		return nil
	}
	plain := slices.Clone(losses)
	for i := range plain {
		plain[i] /= float32(b.weight[i])
	}
	return r.Update(b.u, plain)
}
