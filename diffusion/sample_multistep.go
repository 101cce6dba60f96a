package diffusion

import "math"

// runLMS is the linear multistep method on dx/dsigma = (x - D)/sigma: Adams-Bashforth with uneven steps (Hairer, Nørsett & Wanner,
// Solving Ordinary Differential Equations I, section III.5), as k-diffusion's sampler of this name.
func runLMS(s Sampler, t *trajectory) error {
	past := history{depth: s.Order}
	for i := range t.steps() {
		slope := past.push(0, len(t.x))
		if err := t.clean(slope, i); err != nil {
			return err
		}
		sigma := t.sigmas[i]
		combine(slope, 1/sigma, t.x, -1/sigma, slope)
		combineAll(t.x, 1, t.x, adamsWeights(t.sigmas, i, len(past.d)), past.d)
	}
	return nil
}

// adamsWeights returns the weights of the last slopes, newest first, that integrate polynomials below the given order exactly from
// sigmas[i] to sigmas[i+1]: sum_j w_j·tau_j^k = 1/(k+1) with tau_j = (sigma_{i-j} - sigma_i)/h.
func adamsWeights(sigmas []float64, i, order int) []float64 {
	h := sigmas[i+1] - sigmas[i]
	nodes, moments := make([]float64, order), make([]float64, order)
	for j := range order {
		nodes[j] = (sigmas[i-j] - sigmas[i]) / h
		moments[j] = h / float64(j+1)
	}
	return solveMoments(nodes, moments)
}

// solveMoments returns w with sum_j w_j·nodes_j^k = moments_k for all k < len(nodes), by elimination with pivoting. Distinct nodes
// make it regular; samplers have at most four.
func solveMoments(nodes, moments []float64) []float64 {
	n := len(nodes)
	rows := make([][]float64, n)
	for k := range rows {
		rows[k] = make([]float64, n+1)
		for j, v := range nodes {
			rows[k][j] = math.Pow(v, float64(k))
		}
		rows[k][n] = moments[k]
	}
	for c := range n {
		pivot := c
		for r := c + 1; r < n; r++ {
			if math.Abs(rows[r][c]) > math.Abs(rows[pivot][c]) {
				pivot = r
			}
		}
		rows[c], rows[pivot] = rows[pivot], rows[c]
		for r := range n {
			if r != c {
				eliminate(rows[r], rows[c], c)
			}
		}
	}
	w := make([]float64, n)
	for k := range w {
		w[k] = rows[k][n] / rows[k][k]
	}
	return w
}

// eliminate clears column c of row with the help of pivot.
func eliminate(row, pivot []float64, c int) {
	f := row[c] / pivot[c]
	for j := range row {
		row[j] -= f * pivot[j]
	}
}

// runUniPC: Zhao et al. 2023 (arXiv 2302.04867), data prediction, B(h) = e^{-h} - 1 ("bh2"): predictor UniP (their equation 3) and,
// with the denoised value that the next step needs anyway, corrector UniC (equation 9). Order p of the predictor, p+1 with the
// corrector. Order rises over the first steps and, when they lead to level 0, falls over the last ones to 1.
func runUniPC(s Sampler, t *trajectory) error {
	past := history{depth: s.Order}
	before, d, order := make([]float32, len(t.x)), make([]float32, len(t.x)), 0
	for i := range t.steps() {
		if err := t.clean(d, i); err != nil {
			return err
		}
		if i > 0 {
			a, w := unipcWeights(t.sigmas, i-1, order, true)
			combineAll(t.x, a, before, w, append([][]float32{d}, past.d[:order]...))
		}
		copy(past.push(0, len(t.x)), d)
		copy(before, t.x)
		order = min(s.Order, i+1)
		if t.sigmas[t.steps()] == 0 {
			order = min(order, t.steps()-i)
		}
		if t.sigmas[i+1] == 0 {
			copy(t.x, d)
			continue
		}
		a, w := unipcWeights(t.sigmas, i, order, false)
		combineAll(t.x, a, t.x, w, past.d[:order])
	}
	return nil
}

// unipcWeights returns the factor of x and those of the denoised values for the step from sigmas[i] to sigmas[i+1]. The predictor uses
// D_i, D_{i-1}, …; the corrector also D_{i+1}, which then stands first.
func unipcWeights(sigmas []float64, i, order int, correct bool) (float64, []float64) {
	h := math.Log(sigmas[i] / sigmas[i+1])
	nodes := make([]float64, 0, order) // (lambda_j - lambda_i)/h
	if correct {
		nodes = append(nodes, 1)
	}
	for j := 1; j < order; j++ {
		nodes = append(nodes, -math.Log(sigmas[i-j]/sigmas[i])/h)
	}
	rho := unipcRho(nodes, h)
	weights := make([]float64, 0, order+1)
	b := math.Expm1(-h)
	own := -b // weight of D_i
	for k, node := range nodes {
		weights = append(weights, -b*rho[k]/node)
		own += b * rho[k] / node
	}
	at := 0
	if correct {
		at = 1
	}
	weights = append(weights, 0)
	copy(weights[at+1:], weights[at:])
	weights[at] = own
	return sigmas[i+1] / sigmas[i], weights
}

// unipcRho solves the paper's equation 5, sum_k rho_k·node_k^{m-1} = m!·phi_{m+1}(-h)·(-h)/B(h). With one node the paper takes 1/2 in
// its place, which keeps second order.
func unipcRho(nodes []float64, h float64) []float64 {
	if len(nodes) == 1 {
		return []float64{0.5}
	}
	moments := make([]float64, len(nodes))
	phi, factorial := math.Expm1(-h)/-h-1, 1.0 // (-h)·phi_2(-h)
	for m := range moments {
		moments[m] = phi * factorial / math.Expm1(-h)
		factorial *= float64(m + 2)
		phi = phi/-h - 1/factorial
	}
	return solveMoments(nodes, moments)
}
