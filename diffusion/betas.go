package diffusion

import "math"

// The functions of this file return the N betas of a discrete VP schedule: q(x_i | x_{i-1}) = N(√(1-beta_i)·x_{i-1}, beta_i).

// betasLinear: Ho et al. 2020 (arXiv 2006.11239) section 4.
func betasLinear(n int, start, end float64) []float64 { return linspace(start, end, n) }

// betasScaledLinear is linear in √beta: Rombach et al. 2022 (arXiv 2112.10752), as in their code.
func betasScaledLinear(n int, start, end float64) []float64 {
	betas := linspace(math.Sqrt(start), math.Sqrt(end), n)
	for i, b := range betas {
		betas[i] = b * b
	}
	return betas
}

// betasSigmoid rises as a logistic curve over [-6, 6]: Xu et al. 2022 (GeoDiff, arXiv 2203.02923), as in their code.
func betasSigmoid(n int, start, end float64) []float64 {
	betas := linspace(-6, 6, n)
	for i, b := range betas {
		betas[i] = start + (end-start)/(1+math.Exp(-b))
	}
	return betas
}

// betasOfAlphaBar turns a falling alphaBar(t), t in [0,1], into betas, capped at 0.999: Nichol & Dhariwal 2021
// (arXiv 2102.09672) section 3.2.
func betasOfAlphaBar(n int, alphaBar func(t float64) float64) []float64 {
	betas := make([]float64, n)
	for i := range betas {
		t1, t2 := float64(i)/float64(n), float64(i+1)/float64(n)
		betas[i] = math.Min(1-alphaBar(t2)/alphaBar(t1), 0.999)
	}
	return betas
}

// alphaBarCosine: Nichol & Dhariwal 2021, equation 17, offset 0.008. The constant f(0) cancels in the betas.
func alphaBarCosine(t float64) float64 {
	c := math.Cos((t + 0.008) / 1.008 * math.Pi / 2)
	return c * c
}

// logSNRLaplace is the quantile function of the Laplace distribution of log-SNR with mean 0 and scale b, falling in t: Hang
// et al. 2024 (arXiv 2407.03297) table 1.
func logSNRLaplace(t, b float64) float64 {
	return -b * math.Copysign(1, 0.5-t) * math.Log(1-2*math.Abs(0.5-t))
}

// alphaBarLaplaceDiffusers is what the diffusers library calls laplace: it takes the paper's alpha = √alphaBar for alphaBar,
// and adds 1e-6 in the logarithm. Models trained there need exactly this curve.
func alphaBarLaplaceDiffusers(t float64) float64 {
	logSNR := -0.5 * math.Copysign(1, 0.5-t) * math.Log(1-2*math.Abs(0.5-t)+1e-6)
	snr := math.Exp(logSNR)
	return math.Sqrt(snr / (1 + snr))
}

// alphasCumprod returns alphaBar_i = prod_{j<=i} (1-beta_j).
func alphasCumprod(betas []float64) []float64 {
	out := make([]float64, len(betas))
	product := 1.0
	for i, b := range betas {
		product *= 1 - b
		out[i] = product
	}
	return out
}

// rescaleZeroTerminalSNR shifts and scales √alphaBar in place so that its last value is 0 and its first is kept: Lin et al. 2023
// (arXiv 2305.08891) algorithm 1.
func rescaleZeroTerminalSNR(alphaBar []float64) {
	first, last := math.Sqrt(alphaBar[0]), math.Sqrt(alphaBar[len(alphaBar)-1])
	for i, a := range alphaBar {
		r := (math.Sqrt(a) - last) * first / (first - last)
		alphaBar[i] = r * r
	}
}

// linspace returns n evenly spaced numbers from a to b, both included.
func linspace(a, b float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = a
		if n > 1 {
			out[i] += (b - a) * float64(i) / float64(n-1)
		}
	}
	return out
}
