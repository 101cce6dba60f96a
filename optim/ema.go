package optim

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// EMA says how fast a moving average of the weights forgets. Either Decay or SigmaRel is set.
type EMA struct {
	// Decay is the decay per step of a plain exponential average, with the usual warm-up: it is
	// at most (1+k)/(10+k) at step k.
	Decay float64 `toml:"decay" json:"decay"`
	// SigmaRel is the width of a power-function average relative to the length of training
	// (Karras et al. 2024, section 3.1), above 0 and at most 0.28; 0.05 and 0.10 are usual.
	SigmaRel float64 `toml:"sigma_rel" json:"sigma_rel"`
}

// Validate says what is wrong with the settings, if anything.
func (e EMA) Validate() error {
	switch {
	case e.Decay != 0 && e.SigmaRel != 0:
		return fmt.Errorf("ema: decay and sigma_rel exclude each other")
	case e.Decay == 0 && e.SigmaRel == 0:
		return fmt.Errorf("ema: set decay or sigma_rel")
	case e.SigmaRel == 0 && !(e.Decay > 0 && e.Decay < 1):
		return fmt.Errorf("ema: decay is %v, must be between 0 and 1", e.Decay)
	case e.Decay == 0 && !(e.SigmaRel > 0 && e.SigmaRel <= maxSigmaRel):
		return fmt.Errorf("ema: sigma_rel is %v, must be above 0 and at most %v", e.SigmaRel, maxSigmaRel)
	}
	return nil
}

// String names the average, for scopes and files: "ema-0.999", "ema-sigma-0.05".
func (e EMA) String() string {
	if e.SigmaRel > 0 {
		return fmt.Sprintf("ema-sigma-%g", e.SigmaRel)
	}
	return fmt.Sprintf("ema-%g", e.Decay)
}

// At is the decay of the step that brings the count of images to images, batch of them in this
// step. The first step of a power-function average gives 0: it starts as the weights.
func (e EMA) At(images, batch int64) float64 {
	if e.SigmaRel > 0 { // Karras et al. 2024, equation 127
		return math.Pow(max(1-float64(batch)/float64(images), 0), Gamma(e.SigmaRel)+1)
	}
	k := float64(images) / float64(batch)
	return min(e.Decay, (1+k)/(10+k))
}

// maxSigmaRel keeps gamma above 0; √(1/12) is the width of the plain mean.
const maxSigmaRel = 0.28

// Gamma is the exponent of the power function of relative width sigmaRel: the largest root of
// (γ+1) = σ²·(γ+2)²·(γ+3) (Karras et al. 2024, equation 126). It is NaN unless 0 < sigmaRel < √(1/12).
func Gamma(sigmaRel float64) float64 {
	if !(sigmaRel > 0 && sigmaRel < math.Sqrt(1./12)) {
		return math.NaN()
	}
	k := 1 / (sigmaRel * sigmaRel)
	// γ³+7γ²+(16−k)γ+12−k is convex to the right of its largest root, so Newton comes down to it.
	x := 1 / sigmaRel
	for range 100 {
		f := ((x+7)*x+16-k)*x + 12 - k
		d := (3*x+14)*x + 16 - k
		next := x - f/d
		if !(next < x) {
			break
		}
		x = next
	}
	return x
}

// InitAverage makes dst a copy of all variables of src, under the same names: the start of an
// average. A network then runs on dst as well as on src.
func InitAverage(dst, src *model.Scope) error {
	var from []*model.Variable
	for v := range src.IterVariables() {
		from = append(from, v)
	}
	if len(from) == 0 {
		return fmt.Errorf("scope %s has no weights to average", src.Scope())
	}
	for _, v := range from {
		path := averagePath(dst, src, v)
		if dst.Store().GetVariable(path) != nil {
			return fmt.Errorf("average %q exists already: initialise once, or load a checkpoint instead", path)
		}
		value, err := v.Value()
		if err != nil {
			return fmt.Errorf("weight %q has no value yet: %w", v.Path(), err)
		}
		clone, err := value.LocalClone()
		if err != nil {
			return fmt.Errorf("copying weight %q: %w", v.Path(), err)
		}
		dst.Store().VariableWithValue(path, clone).SetTrainable(false)
	}
	return nil
}

func averagePath(dst, src *model.Scope, v *model.Variable) string {
	return model.JoinPath(dst.Scope(), v.Path()[len(src.Scope()):])
}

// Average moves the averages in dst towards the present values of vars, variables of src; call
// it after AdamW.Update. decay is a floating-point scalar: avg ← w + decay·(avg − w).
func Average(dst, src *model.Scope, vars []*model.Variable, decay *Node) {
	for _, v := range vars {
		avg := state(dst, averagePath(dst, src, v))
		w := v.NodeValue(decay)
		old := avg.NodeValue(decay)
		move := graph.ConvertDType(graph.OneMinus(decay), v.DType())
		avg.SetNodeValue(graph.Add(old, graph.Mul(graph.Sub(w, old), move)))
	}
}
