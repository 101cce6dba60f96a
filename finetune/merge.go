package finetune

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/gomlx/ml/model"
)

// Layered is an adapter with its strength: 0 is nothing, 1 is as trained, between them is in between.
type Layered struct {
	Adapter  *Adapter
	Strength float64
}

// Merge adds adapters to the weights in a scope that they were trained beside. Each one's change is worked out on the weights as
// they are now, so their order does not matter; several add up. restore brings back the very weights of before. Nothing is
// changed if there is an error.
func Merge(weights *model.Scope, stack ...Layered) (restore func() error, err error) {
	before, after := map[string][]float64{}, map[string][]float64{}
	for _, s := range stack {
		if math.IsNaN(s.Strength) || math.IsInf(s.Strength, 0) {
			return nil, fmt.Errorf("finetune: an adapter of strength %v: give a number, 1 for as trained", s.Strength)
		}
		for i := range s.Adapter.layers {
			y := &s.Adapter.layers[i]
			name := y.name + suffixWeight
			if before[name] == nil {
				if before[name], err = y.base(weights, name); err != nil {
					return nil, err
				}
				after[name] = slices.Clone(before[name])
			}
			if len(before[name]) != len(y.a)/y.rank*y.out {
				return nil, y.misfit(weights, name)
			}
			y.add(after[name], before[name], s.Strength)
		}
	}
	if err := writeAll(weights, after); err != nil {
		return nil, errors.Join(err, writeAll(weights, before))
	}
	return func() error { return writeAll(weights, before) }, nil
}

// base reads the weight that the adapter was trained beside.
func (y *layer) base(weights *model.Scope, name string) ([]float64, error) {
	v := weights.GetVariable(name)
	if v == nil {
		return nil, fmt.Errorf("finetune: the adapter changes %s, which this network has not: it is of another network", name)
	}
	if !slices.Equal(v.Shape().Dimensions, append(slices.Clone(y.kernel), y.out)) {
		return nil, y.misfit(weights, name)
	}
	return read(weights, name)
}

func (y *layer) misfit(weights *model.Scope, name string) error {
	return fmt.Errorf("finetune: the adapter is for %s of shape %v, this network's is %v: it is of another network", name,
		append(slices.Clone(y.kernel), y.out), weights.GetVariable(name).Shape().Dimensions)
}

// add adds strength·(adapted(w) - w) to sum.
func (y *layer) add(sum, w []float64, strength float64) {
	v := slices.Clone(w)
	for row := range len(w) / y.out {
		to := v[row*y.out:][:y.out]
		for k, a := range y.a[row*y.rank:][:y.rank] {
			for j, b := range y.b[k*y.out:][:y.out] {
				to[j] += y.scale * a * b
			}
		}
	}
	factor := slices.Repeat([]float64{1}, y.out)
	if y.magnitude != nil {
		for j, n := range norms(v, y.out) {
			factor[j] = y.magnitude[j] / math.Max(n, math.Sqrt(tinyNorm))
		}
	}
	for i, x := range v {
		sum[i] += strength * (x*factor[i%y.out] - w[i])
	}
}

func writeAll(weights *model.Scope, values map[string][]float64) error {
	var errs []error
	for name, v := range values {
		errs = append(errs, write(weights, name, v))
	}
	return errors.Join(errs...)
}
