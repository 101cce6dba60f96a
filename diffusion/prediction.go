package diffusion

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/enum"
)

// Prediction says which quantity the network returns. With x_t = alpha·x0 + s·eps each is a combination of data and noise.
type Prediction int

const (
	PredictEps  Prediction = iota // eps: Ho et al. 2020 (arXiv 2006.11239)
	PredictX0                     // x0
	PredictV                      // v = alpha·eps - s·x0: Salimans & Ho 2022 (arXiv 2202.00512)
	PredictFlow                   // u = eps - x0, the velocity of the linear path: Lipman et al. 2023 (arXiv 2210.02747)
	PredictEDM                    // F of Karras et al. 2022 (arXiv 2206.00364), equation 7: unit variance at every level
)

var predictionNames = enum.New[Prediction]("diffusion", "prediction", "eps", "x0", "v", "flow", "edm")

// Predictions lists all predictions.
func Predictions() []Prediction { return predictionNames.Values() }

// ParsePrediction is the inverse of String.
func ParsePrediction(name string) (Prediction, error) { return predictionNames.Parse(name) }

// String returns the name of the prediction.
func (p Prediction) String() string { return predictionNames.Name(p) }

// MarshalText writes the name.
func (p Prediction) MarshalText() ([]byte, error) { return predictionNames.Marshal(p) }

// UnmarshalText reads the name.
func (p *Prediction) UnmarshalText(text []byte) error { return predictionNames.Unmarshal(p, text) }

// Precond turns a raw network F into a denoiser: D(x, sigma) = CSkip·x + COut·F(CIn·x, CNoise). It is fixed by the schedule the network
// was trained with (path and time input), by what it predicts, and for PredictEDM by the standard deviation of the data.
type Precond struct {
	Schedule   *Schedule
	Prediction Prediction
	SigmaData  float64 // standard deviation of the data, for PredictEDM and the EDM weight; 0.5 suits pictures in ±1
	// Native, if set, is what the network was first trained in, and stays the way it is run: its time input, its scale, what it
	// returns. The fields above then say only which levels are visited and how errors count. So a trained network changes its schedule or
	// prediction and is the same denoiser as before, at every level.
	Native *Precond
}

// Coefs are the four numbers of a preconditioned network at one noise level (Karras et al. 2022, equation 7).
type Coefs struct{ CSkip, COut, CIn, CNoise float64 }

// Check says whether the parts fit each other.
func (p Precond) Check() error {
	if p.Schedule == nil {
		return fmt.Errorf("diffusion: preconditioning without a schedule: set Precond.Schedule")
	}
	if err := predictionNames.Check(p.Prediction); err != nil {
		return err
	}
	if p.Prediction == PredictEDM && !(p.SigmaData > 0) {
		return fmt.Errorf("diffusion: SigmaData is %v: prediction edm needs the standard deviation of the data (0.5 for pictures in ±1)", p.SigmaData)
	}
	if n := p.Native; n != nil {
		if n.Native != nil {
			return fmt.Errorf("diffusion: a native parameterisation inside a native one: keep the innermost only")
		}
		if err := n.Check(); err != nil {
			return fmt.Errorf("native parameterisation: %w", err)
		}
	}
	infinite := p.Schedule.config.ZeroTerminalSNR || (p.Schedule.logSigma == nil && p.Schedule.max >= MaxSigma)
	if p.Prediction == PredictEps && infinite {
		return fmt.Errorf("diffusion: prediction eps with a schedule that ends in pure noise (ZeroTerminalSNR, or SigmaMax %v): "+
			"knowing the noise there tells nothing of the data; predict v, x0 or flow, or set SigmaMax to 1000 or less", MaxSigma)
	}
	return nil
}

// At returns the coefficients at noise level sigma (above 0).
func (p Precond) At(sigma float64) Coefs {
	if p.Native != nil {
		return p.Native.beyond(sigma)
	}
	c := Coefs{CNoise: p.Schedule.CNoise(sigma)}
	alpha, s := p.Schedule.path.AlphaSigma(sigma)
	c.CIn = alpha
	if p.Prediction == PredictEDM {
		c.CIn = 1 / math.Hypot(sigma, p.SigmaData)
	}
	c.CSkip, c.COut = p.Prediction.cleanFrom(alpha, s, p.SigmaData)
	return c
}

// beyond is At for levels that may lie above the schedule's highest, which the network has never seen: there it is shown the same
// mixture scaled down to its highest level, D(x, sigma) = D(r·x, r·sigma) with r = highest/sigma. What is left of the data is scaled too,
// but that is as good as nothing, and unlike sigma·F the error of the estimate stays bounded.
func (p Precond) beyond(sigma float64) Coefs {
	_, highest := p.Schedule.SigmaRange()
	if sigma <= highest {
		return p.At(sigma)
	}
	c, r := p.At(highest), highest/sigma
	c.CSkip *= r
	c.CIn *= r
	return c
}

// cleanFrom solves each definition for x0 = skip·x + out·F, with x_t = alpha·x and sigma = s/alpha. Nothing but the definitions and
// x_t = alpha·x0 + s·eps is used, so the formulas hold on every path.
func (p Prediction) cleanFrom(alpha, s, sigmaData float64) (skip, out float64) {
	sigma := s / alpha
	switch p {
	case PredictX0:
		return 0, 1
	case PredictV: // x0 = (alpha·x_t - s·v)/(alpha² + s²)
		n := alpha*alpha + s*s
		return alpha * alpha / n, -s / n
	case PredictFlow: // x0 = (x_t - s·u)/(alpha + s)
		return alpha / (alpha + s), -s / (alpha + s)
	case PredictEDM:
		n := sigma*sigma + sigmaData*sigmaData
		return sigmaData * sigmaData / n, sigma * sigmaData / math.Sqrt(n)
	default: // x0 = x - sigma·eps
		return 1, -sigma
	}
}

// Convert returns a, b such that the prediction `to` of the same denoiser is a·x + b·(prediction p.Prediction), at noise level sigma with
// x = x0 + sigma·eps. It is exact, and its own inverse with the roles exchanged. With Native the network's own output takes the place of
// prediction p.Prediction.
func (p Precond) Convert(to Prediction, sigma float64) (a, b float64) {
	from := p.At(sigma)
	p.Prediction, p.Native = to, nil
	c := p.At(sigma)
	return (from.CSkip - c.CSkip) / c.COut, from.COut / c.COut
}

// Target returns a, b such that the network should return a·x0 + b·eps at noise level sigma.
func (p Precond) Target(sigma float64) (a, b float64) {
	c := p.At(sigma)
	return (1 - c.CSkip) / c.COut, -c.CSkip * sigma / c.COut
}

// RawNetwork runs a network on a batch: dst and x have the same length, cNoise is the time input of every sample. Class labels and
// shapes are the function's own business.
type RawNetwork func(dst, x []float32, cNoise float64) error

// Denoiser wraps a raw network. The denoiser keeps one scratch buffer: use it from one goroutine at a time.
func (p Precond) Denoiser(network RawNetwork) (Denoiser, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	var in []float32
	return func(dst, x []float32, sigma float64) error {
		if err := checkCall(dst, x, sigma); err != nil {
			return err
		}
		c := p.At(sigma)
		in = resize(in, len(x))
		scale(in, c.CIn, x)
		if err := network(dst, in, c.CNoise); err != nil {
			return fmt.Errorf("network at sigma %.4g: %w", sigma, err)
		}
		combine(dst, c.CSkip, x, c.COut, dst)
		return nil
	}, nil
}
