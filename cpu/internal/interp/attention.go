package interp

import (
	"math"

	"github.com/gomlx/compute/dtypes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// heads is the geometry of attention: query [B,H,S,D], key and value [B,G,T,D] with H a multiple of G, in either layout.
type heads struct {
	ir.Attention
	q, k        []int // strides of batch, head, position in query and output, and in key and value
	b, h, s     int
	g, t, d     int
	mask        []float64 // added to the scores; nil if there is none
	maskStrides []int
}

// newHeads reads the geometry from the first four inputs: query, key, value, mask.
func newHeads(c *call) *heads {
	a := c.attr.(ir.Attention)
	order := []int{0, a.Layout.HeadsAxis(), a.Layout.SeqAxis()}
	q, qs := c.operand(0)
	k, ks := c.operand(1)
	h := &heads{Attention: a, q: pick(qs, order), k: pick(ks, order)}
	h.b, h.h, h.s, h.d = q[0], q[order[1]], q[order[2]], q[3]
	h.g, h.t = k[order[1]], k[order[2]]
	if len(c.in) > 3 && c.in[3].Flat != nil {
		h.setMask(c.in[3])
	}
	return h
}

// setMask lays a mask of rank 2 to 4 over [B,H,S,T]; its axes of size 1 are broadcast. False is minus infinity.
func (h *heads) setMask(t Tensor) {
	dims := t.Shape.Dimensions
	stride := strides(dims)
	h.maskStrides = make([]int, 4)
	for i := range dims {
		if dims[i] > 1 {
			h.maskStrides[4-len(dims)+i] = stride[i]
		}
	}
	if len(dims) == 3 { // [B,S,T]
		h.maskStrides[0], h.maskStrides[1] = h.maskStrides[1], 0
	}
	if t.Shape.DType != dtypes.Bool {
		h.mask = t.Flat.([]float64)
		return
	}
	h.mask = mapped(t.Flat.([]bool), func(attend bool) float64 {
		if attend {
			return 0
		}
		return math.Inf(-1)
	})
}

// row is one query: its place in query and output, the place of its keys and values, and its index in [B,H,S].
type row struct{ q, kv, index int }

// rows visits every query with its masked and scaled scores.
func (h *heads) rows(query, key []float64, visit func(r row, scores []float64)) {
	scores := make([]float64, h.t)
	for i := range h.b * h.h * h.s {
		b, head, s := i/(h.h*h.s), i/h.s%h.h, i%h.s
		r := row{b*h.q[0] + head*h.q[1] + s*h.q[2], b*h.k[0] + head/(h.h/h.g)*h.k[1], i}
		for t := range scores {
			scores[t] = math.Inf(-1)
			if h.Causal && t > s {
				continue
			}
			dot := 0.0
			for d := range h.d {
				dot += query[r.q+d] * key[r.kv+t*h.k[2]+d]
			}
			if scores[t] = dot * h.Scale; h.mask != nil {
				m := h.maskStrides
				scores[t] += h.mask[b*m[0]+head*m[1]+s*m[2]+t*m[3]]
			}
		}
		visit(r, scores)
	}
}

// attention is softmax(query·keyᵀ·scale + mask)·value with the log-sum-exp of the scores. A query that may attend to
// nothing gets zeros.
func attention(c *call) error {
	h := newHeads(c)
	value, out, lse := c.floats(2), c.out[0].Flat.([]float64), c.out[1].Flat.([]float64)
	h.rows(c.floats(0), c.floats(1), func(r row, scores []float64) {
		top, sum := math.Inf(-1), 0.0
		for _, x := range scores {
			top = max(top, x)
		}
		o := out[r.q : r.q+h.d]
		clear(o)
		if lse[r.index] = math.Inf(-1); math.IsInf(top, -1) {
			return
		}
		for t, x := range scores {
			p := math.Exp(x - top)
			sum += p
			for d := range o {
				o[d] += p * value[r.kv+t*h.k[2]+d]
			}
		}
		for d := range o {
			o[d] /= sum
		}
		lse[r.index] = top + math.Log(sum)
	})
	return nil
}

// attentionVJP is the gradient (Dao et al. 2022, "FlashAttention", algorithm 4): with P the weights and dP = dO·Vᵀ,
// dS = P·(dP - Σ dO·O), dQ = dS·K·scale, dK = dSᵀ·Q·scale, dV = Pᵀ·dO.
func attentionVJP(c *call) error {
	h := newHeads(c)
	query, key, value, out, lse, dOut := c.floats(0), c.floats(1), c.floats(2), c.floats(4), c.floats(5), c.floats(6)
	dQuery, dKey, dValue := c.out[0].Flat.([]float64), c.out[1].Flat.([]float64), c.out[2].Flat.([]float64)
	clear(dQuery)
	clear(dKey)
	clear(dValue)
	h.rows(query, key, func(r row, scores []float64) {
		if math.IsInf(lse[r.index], -1) {
			return
		}
		inner := 0.0
		for d := range h.d {
			inner += dOut[r.q+d] * out[r.q+d]
		}
		for t, x := range scores {
			p, dP, kv := math.Exp(x-lse[r.index]), 0.0, r.kv+t*h.k[2]
			for d := range h.d {
				dP += dOut[r.q+d] * value[kv+d]
				dValue[kv+d] += p * dOut[r.q+d]
			}
			dS := p * (dP - inner) * h.Scale
			for d := range h.d {
				dQuery[r.q+d] += dS * key[kv+d]
				dKey[kv+d] += dS * query[r.q+d]
			}
		}
	})
	return nil
}
