package diffusion

import (
	"fmt"

	"github.com/ebb-ml/ebb/internal/rng"
)

// Which of an image's random streams a training draw reads. Samplers count the steps of a trajectory from 0, far below.
const (
	drawTime    uint32 = 0xF000_0000 + iota // time of one image
	drawBatch                               // common offset of the times of a batch
	drawNoise                               // eps
	drawOffset                              // offset noise
	drawPerturb                             // input perturbation
	drawSelf                                // coin of self-conditioning
	drawLabel                               // coin of label dropout
)

// Which streams likelihoods read: each number and the 2^20 above it.
const (
	drawDequantise uint32 = 0xF100_0000 // place in a bin
	drawBound      uint32 = 0xF200_0000 // noise of a level
	drawBoundLevel uint32 = 0xF300_0000 // which levels
	drawProbe      uint32 = 0xF400_0000 // signs of Hutchinson probes
)

// Draws is the randomness of some images of one training batch, as [Objective.Draw] makes it. The slices are reused from call to call.
type Draws struct {
	Terms      []float32 // [images, NumTerms], input of the graph
	Noise      []float32 // [images, Size], input of the graph
	InputNoise []float32 // [images, Size], noise as the network sees it; empty unless InputPerturbation is set
	Sigma      []float64 // noise level of each image
	U          []float64 // its quantile, for Resampler.Update and plots by noise level
	Importance []float64 // its importance weight (1 without a Resampler), already part of Terms
}

// Batch names images of a batch: Count of them from First on, out of Total in the step's whole batch. Accumulation over four pieces
// calls Draw with First 0, 16, 32, 48, Count 16 and Total 64, and gets what one call with Count 64 gives. Step is below 2^40, Total below
// 2^24.
type Batch struct {
	Seed, Step          uint64
	First, Count, Total int
}

func (b Batch) check() error {
	if b.First < 0 || b.Count < 1 || b.First+b.Count > b.Total || b.Total >= 1<<24 || b.Step >= 1<<40 {
		return fmt.Errorf("diffusion: images %d to %d of a batch of %d at step %d: need 0 <= First, 1 <= Count, First+Count <= Total < 2^24, Step < 2^40",
			b.First, b.First+b.Count, b.Total, b.Step)
	}
	return nil
}

// Draw fills d with noise levels and noise for the images of b. Each image's part is a function of seed, step, its place in the whole
// batch and (when there is one) the Resampler's state alone.
func (o *Objective) Draw(d *Draws, b Batch) error {
	if err := o.Check(); err != nil {
		return err
	}
	if err := b.check(); err != nil {
		return err
	}
	d.size(b.Count, o.Size)
	d.InputNoise = d.InputNoise[:0]
	if o.InputPerturbation > 0 {
		d.InputNoise = resize(d.InputNoise, b.Count*o.Size)
	}
	o.drawTimes(d, b)
	for i := range b.Count {
		o.drawNoise(d, b, i)
	}
	return nil
}

func (d *Draws) size(images, size int) {
	d.Terms, d.Noise = resize(d.Terms, images*NumTerms), resize(d.Noise, images*size)
	if cap(d.Sigma) < images {
		d.Sigma, d.U, d.Importance = make([]float64, images), make([]float64, images), make([]float64, images)
	}
	d.Sigma, d.U, d.Importance = d.Sigma[:images], d.U[:images], d.Importance[:images]
}

// drawTimes sets quantile, noise level and terms of every image.
func (o *Objective) drawTimes(d *Draws, b Batch) {
	var bins []float64
	if o.Resampler != nil {
		bins = o.Resampler.Probabilities()
	}
	for i := range b.Count {
		index := b.First + i
		u, importance := o.Time.quantile(b.Seed, b.Step, index, b.Total), 1.0
		if bins != nil {
			u, importance = warp(u, bins)
		}
		sigma := o.Time.Quantile(u, o.Precond.Schedule)
		self := o.SelfCondition > 0 && rng.ForStep(b.Seed, b.Step, index, drawSelf).Uniform(0) < o.SelfCondition
		d.U[i], d.Sigma[i], d.Importance[i] = u, sigma, importance
		o.terms(d.Terms[i*NumTerms:][:NumTerms], sigma, importance, self)
	}
}

// drawNoise sets the noise of image i of the piece.
func (o *Objective) drawNoise(d *Draws, b Batch, i int) {
	noise := d.Noise[i*o.Size:][:o.Size]
	rng.ForStep(b.Seed, b.Step, b.First+i, drawNoise).Normals(noise)
	if o.OffsetNoise > 0 {
		offset := make([]float32, o.Channels)
		rng.ForStep(b.Seed, b.Step, b.First+i, drawOffset).Normals(offset)
		for e := range noise {
			noise[e] += float32(o.OffsetNoise) * offset[e%o.Channels]
		}
	}
	if o.InputPerturbation > 0 {
		extra := d.InputNoise[i*o.Size:][:o.Size]
		rng.ForStep(b.Seed, b.Step, b.First+i, drawPerturb).Normals(extra)
		combine(extra, 1, noise, o.InputPerturbation, extra)
	}
}

// DropLabels replaces each class of a piece of a batch by null with the given probability, in place, so that one network learns to
// denoise with and without it: Ho & Salimans 2022 (arXiv 2207.12598), algorithm 1.
func DropLabels(classes []int32, null int32, probability float64, b Batch) error {
	if err := b.check(); err != nil {
		return err
	}
	if len(classes) != b.Count || !(probability >= 0 && probability <= 1) {
		return fmt.Errorf("diffusion: label dropout %v of %d classes for %d images: need a probability of 0 to 1 and one class per image",
			probability, len(classes), b.Count)
	}
	for i := range classes {
		if rng.ForStep(b.Seed, b.Step, b.First+i, drawLabel).Uniform(0) < probability {
			classes[i] = null
		}
	}
	return nil
}

// TermsAt returns the table rows of given noise levels, [len(sigmas), NumTerms], for held-out losses on a fixed grid. A network with
// self-conditioning sees its estimate, whatever the probability in training.
func (o *Objective) TermsAt(sigmas []float64) ([]float32, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	out := make([]float32, len(sigmas)*NumTerms)
	for i, sigma := range sigmas {
		if err := checkSigma(sigma); err != nil {
			return nil, err
		}
		o.terms(out[i*NumTerms:][:NumTerms], sigma, 1, o.SelfCondition > 0)
	}
	return out, nil
}
