package diffusion

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/enum"
)

// LossKind names how a difference r between the network's output and its target counts, before the weight.
type LossKind int

const (
	MSE         LossKind = iota // r²
	L1                          // |r|
	Huber                       // r²/2 below Delta, Delta·(|r| - Delta/2) above (torch.nn.HuberLoss)
	PseudoHuber                 // Delta²·(√(1 + (r/Delta)²) - 1)
)

var lossNames = enum.New[LossKind]("diffusion", "loss", "mse", "l1", "huber", "pseudo-huber")

// LossKinds lists all losses.
func LossKinds() []LossKind { return lossNames.Values() }

// ParseLossKind is the inverse of String.
func ParseLossKind(name string) (LossKind, error) { return lossNames.Parse(name) }

// String returns the name of the loss.
func (k LossKind) String() string { return lossNames.Name(k) }

// MarshalText writes the name.
func (k LossKind) MarshalText() ([]byte, error) { return lossNames.Marshal(k) }

// UnmarshalText reads the name.
func (k *LossKind) UnmarshalText(text []byte) error { return lossNames.Unmarshal(k, text) }

// Objective is what a network is trained for. The zero value of everything but Precond, Size and Channels is DDPM's: uniform t, plain MSE.
type Objective struct {
	Precond   Precond
	Weight    Weight
	LossKind  LossKind
	Delta     float64 // huber and pseudo-huber: where the square ends (1)
	Time      TimeSampling
	Resampler *Resampler // loss-aware draws; nil for none

	OffsetNoise       float64 // adds this much noise that is constant over each channel of a sample (Guttenberg 2023; 0.1), so that means are learnt
	InputPerturbation float64 // adds this much more noise to the input but not the target: Ning et al. 2023 (arXiv 2301.11706), 0.1
	SelfCondition     float64 // probability that a sample sees its own clean estimate as extra channels: Chen et al. 2022 (arXiv 2208.04202), 0.5

	Size     int // numbers per sample
	Channels int // length of the last axis of a sample, for OffsetNoise
}

// Check says whether the parts fit each other; call it before the first draw.
func (o *Objective) Check() error {
	if err := o.Precond.Check(); err != nil {
		return err
	}
	if err := o.Weight.check(o.Precond.SigmaData); err != nil {
		return err
	}
	if err := o.Time.check(); err != nil {
		return err
	}
	if err := lossNames.Check(o.LossKind); err != nil {
		return err
	}
	if o.Resampler != nil {
		if err := o.Resampler.check(); err != nil {
			return err
		}
	}
	usesDelta := o.LossKind == Huber || o.LossKind == PseudoHuber
	switch {
	case !(o.Delta >= 0) || math.IsInf(o.Delta, 0) || (o.Delta > 0 && !usesDelta):
		return fmt.Errorf("diffusion: loss %v with Delta %v: only huber and pseudo-huber take one, above 0", o.LossKind, o.Delta)
	case o.Size < 1 || o.Channels < 1 || o.Size%o.Channels != 0:
		return fmt.Errorf("diffusion: samples of %d numbers in %d channels: Size must be a multiple of Channels", o.Size, o.Channels)
	case !(o.OffsetNoise >= 0 && o.OffsetNoise <= 10) || !(o.InputPerturbation >= 0 && o.InputPerturbation <= 10):
		return fmt.Errorf("diffusion: offset noise %v, input perturbation %v: they must be 0 to 10 (0.1 is usual)", o.OffsetNoise, o.InputPerturbation)
	case !(o.SelfCondition >= 0 && o.SelfCondition <= 1):
		return fmt.Errorf("diffusion: self-conditioning probability %v: it must be 0 to 1", o.SelfCondition)
	}
	return nil
}

// Terms of one image, columns of the [images, NumTerms] table that the graph reads. They are all that schedule, prediction and weight
// come to.
const (
	termInX0        = iota // network input = termInX0·x0 + termInNoise·noise
	termInNoise            //
	termCNoise             // time input of the network
	termTargetX0           // target = termTargetX0·x0 + termTargetNoise·noise
	termTargetNoise        //
	termWeight             // factor of the loss
	termSelfSkip           // previous clean estimate = termSelfSkip·input + termSelfOut·F; both 0 when the coin says no
	termSelfOut            //

	NumTerms // columns of Draws.Terms
)

// terms writes the row of noise level sigma.
func (o *Objective) terms(row []float32, sigma, importance float64, selfCondition bool) {
	p := o.Precond
	c := p.At(sigma)
	a, b := p.Target(sigma)
	row[termInX0], row[termInNoise] = float32(c.CIn), float32(c.CIn*sigma)
	row[termCNoise] = float32(c.CNoise)
	row[termTargetX0], row[termTargetNoise] = float32(a), float32(b)
	row[termWeight] = float32(o.Weight.At(sigma, p) * importance)
	row[termSelfSkip], row[termSelfOut] = 0, 0
	if selfCondition {
		row[termSelfSkip], row[termSelfOut] = float32(c.CSkip/c.CIn), float32(c.COut)
	}
}
