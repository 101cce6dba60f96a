package masked

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/rng"
	"github.com/gomlx/gomlx/core/graph"
)

// ContinuousObjective trains diffusion of a third kind: Gaussian noise on learned embeddings of the tokens, x = e + sigma·z, from which
// the network tells the tokens (Dieleman et al. 2022, "Continuous diffusion for categorical data", arXiv 2211.15089). The loss is the
// cross-entropy of the tokens (section 3.1, score interpolation); it learns the embeddings too, whose length is fixed (section 3.3). It is
// no bound on the likelihood: compare models of this process among themselves, or by their samples.
//
// Noise levels count in units of √Width, the length of an embedding, since that is about where tokens become hard to tell.
type ContinuousObjective struct {
	SigmaMin float64 `toml:"sigma_min" json:"sigma_min"` // least noise, in units of √Width
	SigmaMax float64 `toml:"sigma_max" json:"sigma_max"` // most noise
	// Levels are drawn from a logistic distribution of ln sigma around Center with scale Spread: a fixed form of the paper's time warping
	// (section 3.4), which spreads the loss evenly over time.
	Center float64 `toml:"center" json:"center"`
	Spread float64 `toml:"spread" json:"spread"`
	// Given is the share of rows of which a random part is given without noise, so that the network can continue and fill in.
	Given float64 `toml:"given" json:"given"`
	// SelfCondition is the share of rows for which the network sees its own first estimate (Chen et al. 2022, arXiv 2208.04202). It costs
	// a second forward pass unless it is 0.
	SelfCondition  float64 `toml:"self_condition" json:"self_condition"`
	LowDiscrepancy bool    `toml:"low_discrepancy" json:"low_discrepancy"` // spread sigma evenly over a batch, as in [Objective]
	Vocab          int     `toml:"-" json:"-"`                             // tokens that can be predicted
	Length         int     `toml:"-" json:"-"`                             // tokens in a row
	Width          int     `toml:"-" json:"-"`                             // of the embeddings
}

// DefaultContinuous is a good objective for embeddings of any width.
func DefaultContinuous(vocab, length, width int) ContinuousObjective {
	return ContinuousObjective{SigmaMin: 0.03, SigmaMax: 10, Center: 0.5, Spread: 0.6, Given: 0.5, SelfCondition: 0.5, LowDiscrepancy: true,
		Vocab: vocab, Length: length, Width: width}
}

// Check implements [Training].
func (o *ContinuousObjective) Check() error {
	switch {
	case !(o.SigmaMin > 0 && o.SigmaMin < o.SigmaMax && o.SigmaMax <= 1e6):
		return fmt.Errorf("masked: sigma_min %v and sigma_max %v: need 0 < sigma_min < sigma_max", o.SigmaMin, o.SigmaMax)
	case !(o.Center >= o.SigmaMin && o.Center <= o.SigmaMax) || !(o.Spread > 0.01 && o.Spread < 100):
		return fmt.Errorf("masked: center %v and spread %v: need a center between sigma_min and sigma_max, and a spread above 0.01", o.Center, o.Spread)
	case !(o.Given >= 0 && o.Given <= 1) || !(o.SelfCondition >= 0 && o.SelfCondition <= 1):
		return fmt.Errorf("masked: given %v and self_condition %v: need 0 to 1", o.Given, o.SelfCondition)
	case o.Width < 1 || o.Width > 1<<16:
		return fmt.Errorf("masked: embeddings of %d numbers: need 1 to %d", o.Width, 1<<16)
	}
	return checkSize(o.Vocab, o.Length)
}

// Sigma is the noise at quantile u in [0, 1] of the training distribution, from the least to the most.
func (o *ContinuousObjective) Sigma(u float64) float64 {
	cdf := func(sigma float64) float64 { return 1 / (1 + math.Exp(-math.Log(sigma/o.Center)/o.Spread)) }
	low, high := cdf(o.SigmaMin), cdf(o.SigmaMax)
	p := low + u*(high-low)
	return math.Sqrt(float64(o.Width)) * min(max(o.Center*math.Pow(p/(1-p), o.Spread), o.SigmaMin), o.SigmaMax)
}

// time is the time input of the network at a noise level: 0 at the least, 1000 at the most.
func (o *ContinuousObjective) time(sigma float64) float64 {
	at := math.Log(sigma / math.Sqrt(float64(o.Width)) / o.SigmaMin)
	return 1000 * at / math.Log(o.SigmaMax/o.SigmaMin)
}

// Draw implements [Training]. Input holds the given tokens, and the mask where there is noise.
func (o *ContinuousObjective) Draw(d *Draws, tokens []int32, free []bool, b Batch) error {
	if err := o.Check(); err != nil {
		return err
	}
	if err := d.start(tokens, free, b, o.Length, o.Vocab); err != nil {
		return err
	}
	row := o.Length * o.Width
	if cap(d.Noise) < b.Count*row {
		d.Noise, d.Again = make([]float32, b.Count*row), make([]float32, b.Count)
	}
	d.Noise, d.Again = d.Noise[:b.Count*row], d.Again[:b.Count]
	places := make([]int, 0, o.Length)
	for i := range b.Count {
		sigma := o.Sigma(b.spread(i, o.LowDiscrepancy))
		d.Rate[i], d.Time[i] = float32(sigma), float32(o.time(sigma))
		rng.ForStep(b.Seed, b.Step, b.First+i, drawNoise).Normals(d.Noise[i*row:][:row])
		places = freePlaces(places[:0], free, i*o.Length, o.Length)
		d.Again[i] = o.giveSome(d, places, rng.ForStep(b.Seed, b.Step, b.First+i, drawGiven))
	}
	return nil
}

// giveSome decides which places of a row get noise, and whether the network sees its own estimate (1) or not (0).
func (o *ContinuousObjective) giveSome(d *Draws, places []int, s rng.Stream) float32 {
	coin, share := s.Pair(0)
	if coin >= o.Given {
		share = 0
	}
	noisy := places[:0]
	for j, p := range places {
		if s.Uniform(uint32(j+2)) >= share {
			noisy = append(noisy, p)
		}
	}
	for _, p := range noisy {
		d.Input[p], d.Weight[p] = int32(o.Vocab), float32(1/float64(len(noisy)))
	}
	if s.Uniform(1) < o.SelfCondition {
		return 1
	}
	return 0
}

// Loss implements [Training]. The network reads [B, L, 2·Width+1] numbers instead of tokens: the noisy embedding divided by
// √(1+sigma²), what the network made of it before (or zeros), and 1 where the embedding is given, else 0.
func (o *ContinuousObjective) Loss(network Network, in Inputs) (mean, perRow *graph.Node) {
	in.check(o.Length)
	rows := in.Tokens.Shape().Dimensions[0]
	table := in.Table(in.Noise) // [V, D]
	clean := graph.Gather(table, graph.InsertAxes(graph.StopGradient(in.Tokens), -1))
	sigma := graph.StopGradient(graph.Reshape(graph.ConvertDType(in.Rate, clean.DType()), rows, 1, 1))
	given := graph.NotEqual(in.Input, graph.Scalar(in.Input.Graph(), in.Input.DType(), o.Vocab))
	known := graph.StopGradient(graph.InsertAxes(graph.ConvertDType(given, clean.DType()), -1)) // [B, L, 1]
	unknown := graph.AddScalar(graph.Neg(known), 1)

	noisy := graph.Add(clean, graph.Mul(graph.Mul(sigma, unknown), graph.StopGradient(in.Noise)))
	scale := graph.Sqrt(graph.AddScalar(graph.Mul(graph.Square(sigma), unknown), 1))
	x := graph.Div(noisy, scale)
	call := func(before *graph.Node) *graph.Node {
		return cutLogits(network(graph.Concatenate([]*graph.Node{x, before, known}, -1), in.Time, in.Class), in.Tokens, o.Vocab)
	}
	before := graph.ZerosLike(x)
	if o.SelfCondition > 0 {
		guess := graph.Softmax(call(before), -1)
		again := graph.Reshape(graph.ConvertDType(in.Again, clean.DType()), rows, 1, 1)
		before = graph.StopGradient(graph.Mul(again, expected(graph.ConvertDType(guess, clean.DType()), table)))
	}
	return weighted(CrossEntropy(call(before), in.Tokens), in.Weight)
}

// expected is the mean embedding of probabilities [B, L, V]: score interpolation (Dieleman et al. 2022, equation 6).
func expected(p, table *graph.Node) *graph.Node {
	d := p.Shape().Dimensions
	flat := graph.Dot(graph.Reshape(p, d[0]*d[1], d[2]), table).Product()
	return graph.Reshape(flat, d[0], d[1], -1)
}
