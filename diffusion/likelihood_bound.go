package diffusion

import (
	"context"
	"fmt"
	"math"
	"sort"

	"github.com/ebb-ml/ebb/internal/rng"
)

// Bound is the variational bound of a discrete diffusion model on the bits of quantised data: Ho et al. 2020 (arXiv 2006.11239) equation 5,
// with posterior ("fixed small") variances and their discretised Gaussian decoder (equation 13). Between neighbouring levels s < t the
// term is ½(1/sigma_s² - 1/sigma_t²)·|x0 - D(x_t, sigma_t)|² nats: Kingma et al. 2021 (arXiv 2107.00630) equation 14.
type Bound struct {
	Size   int       // numbers per sample
	Levels []float64 // rising noise levels, all above 0: [Schedule.Table], or any others
	Prior  float64   // standard deviation of the prior at the last level: Path.Prior
	Bins   Bins
	// Draws is the number of steps by which the sum is estimated, without bias: drawn at random in proportion to the most that a step can
	// cost (see share), for all samples of a batch alike. 0 takes all steps.
	Draws int
	Seed  uint64 // of steps and noise
}

// BoundTerms are the parts of a bound, in bits per dimension of each sample.
type BoundTerms struct {
	Prior     []float64 // what the last noise level still knows of the sample
	Diffusion []float64 // sum over the denoising steps
	Decoder   []float64 // from the first noise level to the quantised sample
}

// Total returns the bound itself.
func (t BoundTerms) Total() []float64 {
	out := make([]float64, len(t.Prior))
	for i := range out {
		out[i] = t.Prior[i] + t.Diffusion[i] + t.Decoder[i]
	}
	return out
}

// Table returns the noise levels of a discrete schedule, rising; of a continuous one n levels even in time.
func (s *Schedule) Table(n int) []float64 {
	if s.logSigma != nil {
		n = len(s.logSigma)
	}
	out := make([]float64, 0, n)
	for i := range n {
		sigma := s.Sigma((float64(i) + 0.5) / float64(n))
		if s.logSigma != nil {
			sigma = math.Exp(s.logSigma[i])
		}
		if len(out) == 0 || sigma > out[len(out)-1] { // limits flatten the ends of some schedules
			out = append(out, sigma)
		}
	}
	return out
}

// Check says what is wrong with the settings.
func (b Bound) Check() error {
	if len(b.Levels) < 2 || len(b.Levels) > 1<<20 || b.Size < 1 || !(b.Prior > 0) {
		return fmt.Errorf("diffusion: variational bound over %d levels of samples of %d numbers with a prior of deviation %v: "+
			"need 2 to 2^20 levels, Size and Prior above 0", len(b.Levels), b.Size, b.Prior)
	}
	for i, s := range b.Levels {
		if !(s > 0) || math.IsInf(s, 0) || i > 0 && s <= b.Levels[i-1] {
			return fmt.Errorf("diffusion: level %d of the variational bound is %v: levels must be finite, above 0, and rise strictly", i, s)
		}
	}
	if b.Draws < 0 || b.Draws >= len(b.Levels) {
		return fmt.Errorf("diffusion: variational bound from %d of %d steps: draw fewer, or 0 for all", b.Draws, len(b.Levels)-1)
	}
	return b.Bins.Check()
}

// BitsPerDim evaluates the bound for samples whose numbers lie on the bins; first is the index of the first one, which keys its noise. A
// network that learns its variances, or a sampler with other variances, has another bound.
func (b Bound) BitsPerDim(ctx context.Context, d Denoiser, x []float32, first uint64) (BoundTerms, error) {
	if err := b.Check(); err != nil {
		return BoundTerms{}, err
	}
	if len(x) == 0 || len(x)%b.Size != 0 {
		return BoundTerms{}, fmt.Errorf("diffusion: variational bound of %d numbers in samples of %d: need whole samples", len(x), b.Size)
	}
	n := len(x) / b.Size
	t := BoundTerms{Prior: b.prior(x), Diffusion: make([]float64, n), Decoder: make([]float64, n)}
	clean := make([]float32, len(x))
	steps := b.steps(first)
	for k, step := range steps {
		i := step.level
		sigma := b.Levels[i+1]
		if err := b.denoise(ctx, d, clean, x, sigma, first, k+1); err != nil {
			return BoundTerms{}, err
		}
		factor := step.weight * 0.5 * (1/(b.Levels[i]*b.Levels[i]) - 1/(sigma*sigma)) / (float64(b.Size) * math.Ln2)
		for j := range n {
			t.Diffusion[j] += factor * squaredDistance(x[j*b.Size:][:b.Size], clean[j*b.Size:][:b.Size])
		}
	}
	if err := b.denoise(ctx, d, clean, x, b.Levels[0], first, 0); err != nil {
		return BoundTerms{}, err
	}
	for j := range n {
		t.Decoder[j] = b.decoder(x[j*b.Size:][:b.Size], clean[j*b.Size:][:b.Size])
	}
	return t, nil
}

// boundStep is a transition from level+1 to level, and for how many it stands.
type boundStep struct {
	level  int
	weight float64
}

// steps are the transitions at which the bound is evaluated: all, or Draws of them by systematic sampling with probability proportional to
// share, one random place in each of as many equal parts of the whole.
func (b Bound) steps(first uint64) (all []boundStep) {
	n := len(b.Levels) - 1
	sums := make([]float64, n+1)
	for i := range n {
		sums[i+1] = sums[i] + b.share(i)
		all = append(all, boundStep{i, 1})
	}
	if b.Draws == 0 {
		return all
	}
	all = all[:0]
	for k := range b.Draws {
		u := rng.Stream{Seed: b.Seed, Index: first, Draw: drawBoundLevel}.Uniform(uint32(k))
		at := (float64(k) + u) / float64(b.Draws) * sums[n]
		i := min(max(sort.SearchFloat64s(sums, at)-1, 0), n-1)
		all = append(all, boundStep{i, sums[n] / (float64(b.Draws) * b.share(i))})
	}
	return all
}

// share is what transition i costs where a denoiser of data of unit variance knows nothing but that: its error is sigma²/(1+sigma²).
func (b Bound) share(i int) float64 {
	s, t := b.Levels[i]*b.Levels[i], b.Levels[i+1]*b.Levels[i+1]
	return (1/s - 1/t) * t / (1 + t)
}

// denoise writes D(x + sigma·eps, sigma) to clean, with the k-th noise.
func (b Bound) denoise(ctx context.Context, d Denoiser, clean, x []float32, sigma float64, first uint64, k int) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	noised := make([]float32, len(x))
	for j := range len(x) / b.Size {
		rng.Stream{Seed: b.Seed, Index: first + uint64(j), Draw: drawBound + uint32(k)}.Normals(noised[j*b.Size:][:b.Size])
	}
	combine(noised, 1, x, sigma, noised)
	if err := d(clean, noised, sigma); err != nil {
		return fmt.Errorf("variational bound at sigma %.4g: %w", sigma, err)
	}
	return nil
}

// prior is KL(N(x0, sigma²) | N(0, Prior²)) at the last level, in bits per dimension.
func (b Bound) prior(x []float32) []float64 {
	out := make([]float64, len(x)/b.Size)
	r := b.Levels[len(b.Levels)-1] / b.Prior
	for j := range out {
		squares := 0.0
		for _, v := range x[j*b.Size:][:b.Size] {
			squares += float64(v) * float64(v)
		}
		out[j] = 0.5 * (r*r - 1 - 2*math.Log(r) + squares/(b.Prior*b.Prior*float64(b.Size))) / math.Ln2
	}
	return out
}

// decoder is -log2 of the mass that N(clean, s²) puts on the bins of x, the outer ones open to infinity, per dimension. s² is beta_1 =
// sigma²/(1+sigma²) of the first level, the variance of Ho et al. 2020 that suits both their choices there.
func (b Bound) decoder(x, clean []float32) float64 {
	s := b.Levels[0] / math.Hypot(1, b.Levels[0])
	half, bits := b.Bins.Width()/2, 0.0
	for i, v := range x {
		hi, lo := (float64(v)-float64(clean[i])+half)/s, (float64(v)-float64(clean[i])-half)/s
		if float64(v) > b.Bins.High-half {
			hi = math.Inf(1)
		}
		if float64(v) < b.Bins.Low+half {
			lo = math.Inf(-1)
		}
		bits -= logNormalMass(lo, hi) / math.Ln2
	}
	return bits / float64(len(x))
}

// logNormalMass is ln(Φ(hi) - Φ(lo)), taken in the tail that does not cancel, and kept above the smallest number.
func logNormalMass(lo, hi float64) float64 {
	if lo > 0 {
		lo, hi = -hi, -lo
	}
	mass := 0.5 * (math.Erfc(-hi/math.Sqrt2) - math.Erfc(-lo/math.Sqrt2))
	return math.Log(math.Max(mass, 1e-300))
}

func squaredDistance(a, b []float32) float64 {
	sum := 0.0
	for i, v := range a {
		d := float64(v) - float64(b[i])
		sum += d * d
	}
	return sum
}
