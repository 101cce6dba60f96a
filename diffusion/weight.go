package diffusion

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/enum"
)

// WeightKind names how the squared error of the clean estimate counts at each noise level, with SNR = 1/sigma².
type WeightKind int

const (
	WeightUniform    WeightKind = iota // 1 on the network's own output, whatever it predicts ("simple": Ho et al. 2020, equation 14)
	WeightSNR                          // SNR: uniform on eps
	WeightMinSNR                       // min(SNR, Gamma): Hang et al. 2023 (arXiv 2303.09556), equation 8
	WeightSoftMinSNR                   // SNR·Gamma/(SNR + Gamma): Crowson et al. 2024 (HDiT, arXiv 2401.11605), section 3.4
	WeightEDM                          // (sigma² + SigmaData²)/(sigma·SigmaData)²: Karras et al. 2022, table 1
	WeightSigmoid                      // SNR·logistic(Bias - ln SNR): Kingma & Gao 2023 (arXiv 2303.00848), section 4
)

var weightNames = enum.New[WeightKind]("diffusion", "loss weight", "uniform", "snr", "min-snr", "soft-min-snr", "edm", "sigmoid")

// WeightKinds lists all weights.
func WeightKinds() []WeightKind { return weightNames.Values() }

// ParseWeightKind is the inverse of String.
func ParseWeightKind(name string) (WeightKind, error) { return weightNames.Parse(name) }

// String returns the name of the weight.
func (k WeightKind) String() string { return weightNames.Name(k) }

// MarshalText writes the name.
func (k WeightKind) MarshalText() ([]byte, error) { return weightNames.Marshal(k) }

// UnmarshalText reads the name.
func (k *WeightKind) UnmarshalText(text []byte) error { return weightNames.Unmarshal(k, text) }

// Weight is a loss weight with its parameters.
type Weight struct {
	Kind  WeightKind
	Gamma float64 // min-snr (0: 5) and soft-min-snr (0: 4, the EDM weight's limit at SigmaData 0.5)
	Bias  float64 // sigmoid: shifts the weight towards noisier levels as it falls (0 as is; -1 to -3 for large pictures)
}

func (w Weight) check(sigmaData float64) error {
	if err := weightNames.Check(w.Kind); err != nil {
		return err
	}
	usesGamma := w.Kind == WeightMinSNR || w.Kind == WeightSoftMinSNR
	switch {
	case !(w.Gamma >= 0) || math.IsInf(w.Gamma, 0) || (w.Gamma > 0 && !usesGamma):
		return fmt.Errorf("diffusion: loss weight %v with Gamma %v: only min-snr and soft-min-snr take one, above 0", w.Kind, w.Gamma)
	case math.IsNaN(w.Bias) || math.IsInf(w.Bias, 0) || (w.Bias != 0 && w.Kind != WeightSigmoid):
		return fmt.Errorf("diffusion: loss weight %v with Bias %v: only sigmoid takes one, finite", w.Kind, w.Bias)
	case w.Kind == WeightEDM && !(sigmaData > 0):
		return fmt.Errorf("diffusion: loss weight edm needs Precond.SigmaData, the standard deviation of the data (0.5 for pictures in ±1)")
	}
	return nil
}

// onClean returns the factor of |D - x0|². WeightUniform has none of its own: it is 1/COut².
func (w Weight) onClean(sigma, sigmaData float64) float64 {
	snr := 1 / (sigma * sigma)
	gamma := w.Gamma
	switch w.Kind {
	case WeightSNR:
		return snr
	case WeightMinSNR:
		setDefault(&gamma, 5)
		return math.Min(snr, gamma)
	case WeightSoftMinSNR:
		setDefault(&gamma, 4)
		return snr * gamma / (snr + gamma)
	case WeightEDM:
		return snr + 1/(sigmaData*sigmaData)
	default: // sigmoid
		return snr / (1 + snr*math.Exp(-w.Bias))
	}
}

// At returns the factor of the error of the network's output, |F - target|², at noise level sigma: COut² times the factor of |D - x0|².
func (w Weight) At(sigma float64, p Precond) float64 {
	out := p.At(sigma).COut
	if w.Kind == WeightUniform {
		if p.Native == nil {
			return 1
		}
		p.Native = nil // 1 on what would be predicted here, converted to the network's own output
		ratio := out / p.At(sigma).COut
		return ratio * ratio
	}
	return out * out * w.onClean(sigma, p.SigmaData)
}
