package text

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/ebb-ml/ebb/internal/rng"
)

// Equations is a corpus that is made of nothing and whose truth can be checked: sums such as "17+25=42;". Document i is a pure function of
// the seed and i.
type Equations struct {
	Documents int    `toml:"documents" json:"documents"` // how many there are
	Each      int    `toml:"each" json:"each"`           // equations in a document
	Min       int    `toml:"min" json:"min"`             // the operands are Min to Max
	Max       int    `toml:"max" json:"max"`
	Fixed     bool   `toml:"fixed" json:"fixed"` // all numbers have as many digits as 2·Max, with zeros in front: "017+025=042;"
	Seed      uint64 `toml:"-" json:"-"`
}

// DefaultEquations has some 1.6 million characters, and every pair of operands many times.
func DefaultEquations() Equations {
	return Equations{Documents: 20000, Each: 10, Max: 99}
}

// EquationAlphabet is the characters of the equations.
const EquationAlphabet = "0123456789+=;"

// Check says whether the numbers make sense.
func (e Equations) Check() error {
	if e.Documents < 1 || e.Each < 1 || e.Min < 0 || e.Max <= e.Min || e.Max > 1<<30 {
		return fmt.Errorf("text: %d documents of %d equations of numbers from %d to %d: all must be positive, the first number below the second, and that below 2^30",
			e.Documents, e.Each, e.Min, e.Max)
	}
	return nil
}

// All yields the documents.
func (e Equations) All() Documents {
	return func(yield func(Document, error) bool) {
		if err := e.Check(); err != nil {
			yield(Document{}, err)
			return
		}
		for i := range e.Documents {
			d := Document{Name: fmt.Sprintf("equations %d", i)}
			for k := range e.Each {
				d.Text = e.append(d.Text, uint64(i)*uint64(e.Each)+uint64(k))
			}
			if !yield(d, nil) {
				return
			}
		}
	}
}

// append writes equation n.
func (e Equations) append(dst []byte, n uint64) []byte {
	r := rng.SplitMix64(rng.SplitMix64(e.Seed) + n)
	size := uint64(e.Max-e.Min) + 1
	a, b := uint64(e.Min)+r>>32*size>>32, uint64(e.Min)+r&0xFFFFFFFF*size>>32
	dst = e.number(dst, a)
	dst = e.number(append(dst, '+'), b)
	dst = e.number(append(dst, '='), a+b)
	return append(dst, ';')
}

func (e Equations) number(dst []byte, v uint64) []byte {
	s := strconv.FormatUint(v, 10)
	if e.Fixed {
		for range len(strconv.Itoa(2*e.Max)) - len(s) {
			dst = append(dst, '0')
		}
	}
	return append(dst, s...)
}

// Verdict counts the equations of a text.
type Verdict struct {
	True      int `json:"true"`
	False     int `json:"false"`     // sums, but wrong ones
	Malformed int `json:"malformed"` // between two semicolons, but no sum
}

// Share is the part of all that is true; 0 of none.
func (v Verdict) Share() float64 {
	n := v.True + v.False + v.Malformed
	if n == 0 {
		return 0
	}
	return float64(v.True) / float64(n)
}

// CheckEquations judges what stands between semicolons. After the last one there may be the beginning of an equation, which does not
// count; before the first one the end of an equation, which counts only if fromStart says that the text begins with a whole one.
func CheckEquations(text []byte, fromStart bool) (v Verdict) {
	parts := bytes.Split(text, []byte(";"))
	parts = parts[:len(parts)-1]
	if !fromStart && len(parts) > 0 {
		parts = parts[1:]
	}
	for _, p := range parts {
		switch sum, ok := parseSum(p); {
		case !ok:
			v.Malformed++
		case sum:
			v.True++
		default:
			v.False++
		}
	}
	return v
}

// parseSum reads "a+b=c".
func parseSum(p []byte) (right, ok bool) {
	left, c, ok1 := bytes.Cut(p, []byte("="))
	a, b, ok2 := bytes.Cut(left, []byte("+"))
	if !ok1 || !ok2 {
		return false, false
	}
	var n [3]uint64
	for i, s := range [][]byte{a, b, c} {
		if len(s) == 0 || s[0] == '+' {
			return false, false
		}
		v, err := strconv.ParseUint(string(s), 10, 40)
		if err != nil {
			return false, false
		}
		n[i] = v
	}
	return n[0]+n[1] == n[2], true
}
