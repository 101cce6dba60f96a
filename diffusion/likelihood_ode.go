package diffusion

import (
	"context"
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/enum"
	"github.com/ebb-ml/ebb/internal/rng"
)

// Solver names an integrator of the probability-flow ODE.
type Solver int

const (
	SolveAdaptive Solver = iota // Dormand & Prince 1980, fifth order with an error estimate, steps as Tolerance needs them, six calls each
	SolveHeun                   // second order, Steps equal steps in ln sigma, two calls each
	SolveRK4                    // fourth order, Steps equal steps in ln sigma, four calls each
)

var solverNames = enum.New[Solver]("diffusion", "solver", "adaptive", "heun", "rk4")

// Solvers lists all solvers.
func Solvers() []Solver { return solverNames.Values() }

// ParseSolver is the inverse of String.
func ParseSolver(name string) (Solver, error) { return solverNames.Parse(name) }

// String returns the name of the solver.
func (s Solver) String() string { return solverNames.Name(s) }

// MarshalText writes the name.
func (s Solver) MarshalText() ([]byte, error) { return solverNames.Marshal(s) }

// UnmarshalText reads the name.
func (s *Solver) UnmarshalText(text []byte) error { return solverNames.Unmarshal(s, text) }

// ODE says how the density of data under a model is computed: by the probability-flow ODE dx/dsigma = (x - D(x, sigma))/sigma, which maps
// data at SigmaMin to the prior N(0, Prior²) at SigmaMax one to one (Song et al. 2021, arXiv 2011.13456, section 4.3 and appendix D.2).
// Make one with [NewODE].
type ODE struct {
	Size               int     // numbers per sample
	SigmaMin, SigmaMax float64 // where data and prior stand
	Prior              float64 // standard deviation of the prior

	// Probes is the number of Hutchinson's probes, random signs that stay the same along a trajectory: the divergence is then an unbiased
	// estimate (Grathwohl et al. 2019, arXiv 1810.01367, section 3.1.1), at a network call and gradient each. 0 is exact, at Size calls.
	Probes int
	Seed   uint64 // of the probes

	Solver    Solver
	Steps     int     // of the fixed-step solvers; of the adaptive one the largest number allowed
	Tolerance float64 // adaptive: error per step of x/√(1+sigma²) and of the log-density per dimension
}

// NewODE returns the ODE between the ends of a schedule for samples of size numbers: adaptive with tolerance 1e-3, and exact up to 16
// numbers a sample, with one probe above.
func NewODE(s *Schedule, size int) ODE {
	lowest, highest := s.SigmaRange()
	highest = math.Min(highest, noiseOnly)
	o := ODE{Size: size, SigmaMin: lowest, SigmaMax: highest, Prior: s.Path().Prior(highest), Steps: 1000, Tolerance: 1e-3}
	if lowest < 1e-4 { // a path that begins at 0 has no logarithm there; nothing is known of data below
		o.SigmaMin = 1e-4
	}
	if size > 16 {
		o.Probes = 1
	}
	return o
}

// Check says what is wrong with the settings.
func (o ODE) Check() error {
	if err := solverNames.Check(o.Solver); err != nil {
		return err
	}
	switch {
	case o.Size < 1:
		return fmt.Errorf("diffusion: likelihood of samples of %d numbers: set Size", o.Size)
	case !(o.SigmaMin > 0 && o.SigmaMin < o.SigmaMax) || math.IsInf(o.SigmaMax, 0) || !(o.Prior > 0):
		return fmt.Errorf("diffusion: likelihood from sigma %v to %v with a prior of deviation %v: need 0 < SigmaMin < SigmaMax and a prior above 0",
			o.SigmaMin, o.SigmaMax, o.Prior)
	case o.Probes < 0 || o.Probes > 1<<16 || o.Steps < 1:
		return fmt.Errorf("diffusion: likelihood with %d probes and %d steps: need 0 (exact) to 65536 probes and at least one step", o.Probes, o.Steps)
	case o.Solver == SolveAdaptive && !(o.Tolerance > 0):
		return fmt.Errorf("diffusion: the adaptive solver needs a tolerance above 0 (1e-3), not %v", o.Tolerance)
	}
	return nil
}

// LogLikelihood returns the natural logarithm of the model's density at each sample of x, which it carries to the prior in place: what is
// left in x is the sample's latent code. first is the index of the first sample, which keys its probes. It also returns the number of times
// that d was called for the whole batch. The adaptive solver chooses its steps for the batch, so the last digits depend on its
// companions.
func (o ODE) LogLikelihood(ctx context.Context, d DenoiserVJP, x []float32, first uint64) (logP []float64, calls int, err error) {
	if err := o.Check(); err != nil {
		return nil, 0, err
	}
	if len(x) == 0 || len(x)%o.Size != 0 {
		return nil, 0, fmt.Errorf("diffusion: likelihood of %d numbers in samples of %d: need whole samples", len(x), o.Size)
	}
	f := o.newFlow(ctx, d, x, first)
	switch o.Solver {
	case SolveHeun:
		err = f.fixed(o.Steps, heunTableau())
	case SolveRK4:
		err = f.fixed(o.Steps, rk4Tableau())
	default:
		err = f.adaptive(o.Steps, o.Tolerance, dormandPrince())
	}
	if err != nil {
		return nil, f.calls, err
	}
	for i := range f.logDet {
		f.logDet[i] += normalLogDensity(x[i*o.Size:][:o.Size], o.Prior)
	}
	return f.logDet, f.calls, nil
}

// normalLogDensity of x under N(0, deviation²) in every number.
func normalLogDensity(x []float32, deviation float64) float64 {
	squares := 0.0
	for _, v := range x {
		z := float64(v) / deviation
		squares += z * z
	}
	return -0.5*squares - float64(len(x))*(math.Log(deviation)+0.5*math.Log(2*math.Pi))
}

// flow integrates x and the logarithm of the volume change over tau = ln sigma, where dx/dtau = x - D and d ln p/dtau = -(Size - tr ∂D/∂x).
type flow struct {
	ODE
	ctx    context.Context
	d      DenoiserVJP
	x      []float32
	logDet []float64   // ∫ (Size - tr ∂D/∂x) dtau of each sample
	probes [][]float32 // nil: exact
	clean  []float32   // scratch
	grad   []float32
	basis  []float32
	calls  int
}

// flowSlope is the right-hand side at one point.
type flowSlope struct {
	x   []float32
	log []float64
}

func (o ODE) newFlow(ctx context.Context, d DenoiserVJP, x []float32, first uint64) *flow {
	n := len(x)
	f := &flow{ODE: o, ctx: ctx, d: d, x: x, logDet: make([]float64, n/o.Size), clean: make([]float32, n), grad: make([]float32, n)}
	for k := range o.Probes {
		f.probes = append(f.probes, signs(n, o.Size, o.Seed, first, drawProbe+uint32(k)))
	}
	if o.Probes == 0 {
		f.basis = make([]float32, n)
	}
	return f
}

// signs fills a batch with ±1, drawn per sample.
func signs(n, size int, seed, first uint64, draw uint32) []float32 {
	out := make([]float32, n)
	for i := range n / size {
		s := rng.Stream{Seed: seed, Index: first + uint64(i), Draw: draw}
		for j := range size {
			bit := s.Block(uint32(j / 128))[j/32%4] >> (j % 32) & 1
			out[i*size+j] = 2*float32(bit) - 1
		}
	}
	return out
}

// at computes the slope at x, tau.
func (f *flow) at(x []float32, tau float64) (flowSlope, error) {
	s := flowSlope{x: make([]float32, len(x)), log: make([]float64, len(f.logDet))}
	trace := make([]float64, len(f.logDet))
	n := max(len(f.probes), 1)
	if f.probes == nil {
		n = f.Size
	}
	for k := range n {
		v, weight := f.vector(k)
		if err := f.call(x, v, tau); err != nil {
			return s, err
		}
		for i := range trace {
			a, b := v[i*f.Size:][:f.Size], f.grad[i*f.Size:][:f.Size]
			for j := range a {
				trace[i] += weight * float64(a[j]) * float64(b[j])
			}
		}
	}
	combine(s.x, 1, x, -1, f.clean)
	for i := range s.log {
		s.log[i] = float64(f.Size) - trace[i]
	}
	return s, nil
}

// vector is the k-th probe, or the k-th unit vector, and its weight in the trace.
func (f *flow) vector(k int) ([]float32, float64) {
	if f.probes != nil {
		return f.probes[k], 1 / float64(len(f.probes))
	}
	clear(f.basis)
	for i := k; i < len(f.basis); i += f.Size {
		f.basis[i] = 1
	}
	return f.basis, 1
}

func (f *flow) call(x, v []float32, tau float64) error {
	if err := context.Cause(f.ctx); err != nil {
		return err
	}
	f.calls++
	if err := f.d(f.clean, f.grad, x, v, math.Exp(tau)); err != nil {
		return fmt.Errorf("likelihood at sigma %.4g: %w", math.Exp(tau), err)
	}
	return nil
}
