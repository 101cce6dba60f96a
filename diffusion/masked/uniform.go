package masked

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/ebb-ml/ebb/internal/rng"
)

// UniformObjective trains a second process: at time t a token is, with probability Rate(t), replaced by one drawn uniformly from the
// vocabulary (Austin et al. 2021; Schiff et al. 2024, arXiv 2412.10193). Nothing shows which tokens are noise, so any may be changed
// until the end. The network needs a time input; the mask does not occur.
//
// The bound per token, in nats, is that of Campbell et al. 2022 (arXiv 2205.14987, proposition 2) and Lou et al. 2023 (arXiv 2310.16834,
// equation 9) for the rates β/V, β = -alpha'/alpha:
//
//	∫ β/V Σ over y≠z of [ m_y/m_z - s_y·log(m_y/m_z) + s_y·(log s_y - 1) ] dt
//
// where z is the noisy token, s_y = q_y/q_z, q = alpha·onehot(x) + (1-alpha)/V, and m = alpha·p + (1-alpha)/V is the network's q.
type UniformObjective struct {
	Schedule       Schedule `toml:"schedule" json:"schedule"`
	LowDiscrepancy bool     `toml:"low_discrepancy" json:"low_discrepancy"` // spread t evenly over a batch, as in [Objective]
	MinRate        float64  `toml:"min_rate" json:"min_rate"`               // of noise; lower ones are drawn as this one. 0 stands for 0.001
	Vocab          int      `toml:"-" json:"-"`                             // tokens that can occur
	Length         int      `toml:"-" json:"-"`                             // tokens in a row
}

// Check says whether the numbers make sense.
func (o *UniformObjective) Check() error {
	return (&Objective{Schedule: o.Schedule, MinRate: o.MinRate, Vocab: o.Vocab, Length: o.Length}).Check()
}

// Draw replaces tokens of a piece of a batch, as [Objective.Draw] masks them. Every free token counts, replaced or not.
func (o *UniformObjective) Draw(d *Draws, tokens []int32, free []bool, b Batch) error {
	if err := o.Check(); err != nil {
		return err
	}
	if err := d.start(tokens, free, b, o.Length, o.Vocab); err != nil {
		return err
	}
	places := make([]int, 0, o.Length)
	for i := range b.Count {
		places = freePlaces(places[:0], free, i*o.Length, o.Length)
		least := leastRate(o.MinRate)
		t := max(b.spread(i, o.LowDiscrepancy), o.Schedule.Time(least))
		rate := min(o.Schedule.Rate(t), 1-1e-6) // the bound's integrand goes to 0 where alpha does, but as 0/0
		d.Rate[i], d.Time[i] = float32(rate), float32(1000*t)
		s := rng.ForStep(b.Seed, b.Step, b.First+i, drawReplace)
		for j, p := range places {
			d.Weight[p] = float32(o.Schedule.Slope(t) / (1 - rate) / float64(len(places)))
			if coin, u := s.Pair(uint32(j)); coin < rate {
				d.Input[p] = min(int32(u*float64(o.Vocab)), int32(o.Vocab)-1)
			}
		}
	}
	return nil
}

// Loss builds the training loss as [Objective.Loss] does; Inputs.Rate is needed.
func (o *UniformObjective) Loss(network Network, in Inputs) (mean, perRow *graph.Node) {
	in.check(o.Length)
	logits := cutLogits(network(in.Input, in.Time, in.Class), in.Tokens, o.Vocab)
	rows, v := in.Tokens.Shape().Dimensions[0], float64(o.Vocab)
	rate := graph.StopGradient(graph.ConvertDType(graph.Reshape(in.Rate, rows, 1), logits.DType())) // [B, 1]
	alpha, low := graph.AddScalar(graph.Neg(rate), 1), graph.MulScalar(rate, 1/v)                   // q of a token that is not x
	high := graph.Add(alpha, low)                                                                   // q of x
	same := graph.StopGradient(graph.ConvertDType(graph.Equal(in.Tokens, in.Input), logits.DType()))
	qz := graph.Add(graph.Mul(alpha, same), low) // [B, L]

	p := graph.Softmax(logits, -1)
	m := graph.Add(graph.Mul(graph.InsertAxes(alpha, -1), p), graph.InsertAxes(low, -1)) // [B, L, V]
	logm := graph.Log(m)
	atZ := graph.StopGradient(graph.OneHot(in.Input, o.Vocab, logits.DType()))
	atX := graph.StopGradient(graph.OneHot(in.Tokens, o.Vocab, logits.DType()))
	mz, logmz := graph.ReduceSum(graph.Mul(atZ, m), -1), graph.ReduceSum(graph.Mul(atZ, logm), -1)
	cross := graph.Add(graph.Mul(low, graph.ReduceSum(logm, -1)), graph.Mul(alpha, graph.ReduceSum(graph.Mul(atX, logm), -1)))

	first := graph.Div(graph.AddScalar(graph.Neg(mz), 1), mz) // Σ m_y/m_z
	second := graph.Div(graph.Sub(cross, logmz), qz)          // Σ s_y·log(m_y/m_z), over all y since that of z is 0
	third := graph.Add(graph.Mul(same, entropyTerm(graph.Div(low, high), v-1)),
		graph.Mul(graph.AddScalar(graph.Neg(same), 1), graph.AddScalar(entropyTerm(graph.Div(high, low), 1), 2-v)))
	return weighted(graph.MulScalar(graph.Add(graph.Sub(first, second), third), 1/v), in.Weight)
}

// entropyTerm is n·s·(log s - 1).
func entropyTerm(s *graph.Node, n float64) *graph.Node {
	return graph.MulScalar(graph.Mul(s, graph.AddScalar(graph.Log(s), -1)), n)
}

// uniformLoss is the bound's integrand without β, for one position, in float64: p are the network's probabilities.
func uniformLoss(p []float64, x, z int32, rate float64) float64 {
	v := float64(len(p))
	q := func(y int32) float64 {
		if y == x {
			return 1 - rate + rate/v
		}
		return rate / v
	}
	m := func(y int32) float64 { return (1-rate)*p[y] + rate/v }
	sum := 0.0
	for y := range int32(len(p)) {
		if y != z {
			s, r := q(y)/q(z), m(y)/m(z)
			sum += r - s*math.Log(r) + s*(math.Log(s)-1)
		}
	}
	return sum / v
}

// Estimate returns one draw of the bound for each row, in nats per free token, like [Objective.Estimate].
func (o *UniformObjective) Estimate(m Model, tokens []int32, free []bool, b Batch) ([]float64, error) {
	var d Draws
	if err := o.Draw(&d, tokens, free, b); err != nil {
		return nil, err
	}
	logits := make([]float32, len(tokens)*o.Vocab)
	if err := m(logits, d.Input, widen(d.Rate)); err != nil {
		return nil, err
	}
	nats, p := make([]float64, b.Count), make([]float64, o.Vocab)
	for i, w := range d.Weight {
		if w == 0 {
			continue
		}
		if err := logSoftmax(p, logits[i*o.Vocab:][:o.Vocab]); err != nil {
			return nil, err
		}
		for k := range p {
			p[k] = math.Exp(p[k])
		}
		nats[i/o.Length] += float64(w) * uniformLoss(p, tokens[i], d.Input[i], float64(d.Rate[i/o.Length]))
	}
	return nats, nil
}
