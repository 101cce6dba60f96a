package judge

import (
	"fmt"
	"math"
	"strconv"
)

// Value is a number of a report. In JSON, one that could not be had (NaN, infinite) is null.
type Value float64

// MarshalJSON writes the number or null.
func (v Value) MarshalJSON() ([]byte, error) {
	if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(v), 'g', 7, 64), nil
}

// UnmarshalJSON reads a number, or null as NaN.
func (v *Value) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*v = Value(math.NaN())
		return nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	*v = Value(f)
	return err
}

// Extent is how much text a window holds.
type Extent struct{ Tokens, Chars, Bytes int64 }

// Extents measures the text of windows of tokens. decode is the Decode of their tokenizer. A character belongs to the window that holds its
// first byte, so that the windows of a text add up to it; an end of text is a token without characters.
func Extents(decode func(dst []byte, ids []int32) ([]byte, error), rows [][]int32) ([]Extent, error) {
	out := make([]Extent, len(rows))
	var b []byte
	for i, row := range rows {
		var err error
		if b, err = decode(b[:0], row); err != nil {
			return nil, fmt.Errorf("judge: window %d: %w", i, err)
		}
		out[i] = Extent{Tokens: int64(len(row)), Bytes: int64(len(b))}
		for _, c := range b {
			if c&0xC0 != 0x80 {
				out[i].Chars++
			}
		}
	}
	return out, nil
}

// Likelihood is how well a model predicts a text. The standard errors are over its windows: they hold if those are far enough apart to be
// independent, and say nothing about another text.
type Likelihood struct {
	BitsPerChar        Value `json:"bits_per_char"`
	BitsPerByte        Value `json:"bits_per_byte"`
	StandardError      Value `json:"standard_error"` // of BitsPerChar
	StandardErrorBytes Value `json:"standard_error_bits_per_byte"`
	Perplexity         Value `json:"perplexity"` // of a token: of another tokenizer's model it cannot be compared
	StandardErrorPPL   Value `json:"standard_error_perplexity"`
	NatsPerToken       Value `json:"nats_per_token"`
	Windows            int   `json:"windows"`
	Tokens             int64 `json:"tokens"`
	Chars              int64 `json:"chars"`
	Bytes              int64 `json:"bytes"`
}

// NewLikelihood makes a Likelihood of what each window costs, in nats over all its tokens, and of their extents. All tokens count, the ends
// of texts too, though they have no characters.
func NewLikelihood(nats []float64, extents []Extent) (Likelihood, error) {
	var l Likelihood
	if len(nats) == 0 || len(nats) != len(extents) {
		return l, fmt.Errorf("judge: the likelihoods of %d windows for %d: need one each, and at least one", len(nats), len(extents))
	}
	l.Windows = len(nats)
	for _, e := range extents {
		l.Tokens, l.Chars, l.Bytes = l.Tokens+e.Tokens, l.Chars+e.Chars, l.Bytes+e.Bytes
	}
	perToken, errToken := Ratio(nats, extents, func(e Extent) int64 { return e.Tokens })
	perChar, errChar := Ratio(nats, extents, func(e Extent) int64 { return e.Chars })
	perByte, errByte := Ratio(nats, extents, func(e Extent) int64 { return e.Bytes })
	l.NatsPerToken = Value(perToken)
	l.Perplexity, l.StandardErrorPPL = Value(math.Exp(perToken)), Value(math.Exp(perToken)*errToken)
	l.BitsPerChar, l.StandardError = Value(perChar/math.Ln2), Value(errChar/math.Ln2)
	l.BitsPerByte, l.StandardErrorBytes = Value(perByte/math.Ln2), Value(errByte/math.Ln2)
	return l, nil
}

// Ratio is the sum of nats over the sum of what size says of each window, and the standard error of that ratio by linearisation (Cochran 1977,
// Sampling Techniques, equation 6.4). With one window the error is NaN.
func Ratio(nats []float64, extents []Extent, size func(Extent) int64) (ratio, standardError float64) {
	var sum, total float64
	for i, e := range extents {
		sum, total = sum+nats[i], total+float64(size(e))
	}
	ratio = sum / total
	squares, n := 0.0, float64(len(nats))
	for i, e := range extents {
		d := nats[i] - ratio*float64(size(e))
		squares += d * d
	}
	return ratio, math.Sqrt(n/(n-1)*squares) / total
}

// Agreement compares two scores of the same windows, such as the bound by count and by time: the mean difference a - b in bits per
// character, and how many of its standard errors it is; beyond 4 something is wrong. It is NaN of one window.
func Agreement(a, b []float64, extents []Extent) (difference, sigmas float64) {
	d := make([]float64, len(a))
	for i := range d {
		d[i] = a[i] - b[i]
	}
	mean, se := Ratio(d, extents, func(e Extent) int64 { return e.Chars })
	return mean / math.Ln2, mean / se
}
