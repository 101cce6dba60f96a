package finetune

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/ml/model"
)

// Source is a trained network to start another one from.
type Source struct {
	Params  *block.Params
	Weights *model.Scope
}

// CarryConfig says what becomes of the rows of tables of classes.
type CarryConfig struct {
	// Classes holds, for each row of the new network's tables, the row of the source that it starts as; -1 is the mean of the
	// source's rows. Nil means that the tables are alike.
	Classes []int
}

// Carry gives the weights in scope to, of the parameters params, the values of a source. Both networks are of the same
// architecture but for these differences, and then the new network does what the old one did:
//
//   - more channels: the first layer gives no weight to the new ones, the last returns zero for them;
//   - other classes: rows of the tables are taken over as the configuration says; where the source knew no classes its
//     tables are zeros;
//   - augmentation that the network is told of, which it was not before or is no longer;
//   - the blocks of a network of text are told a class or a noise level, which they were not before.
//
// Where nothing is carried over, to keeps what it has: it must have been drawn before.
//
// Anything else that differs is refused by name. done says what was changed, for people.
func Carry(to *model.Scope, params *block.Params, from Source, c CarryConfig) (done []string, err error) {
	old := map[string]*block.Param{}
	for _, p := range from.Params.All() {
		old[p.Name] = p
	}
	k := carrier{to: to, from: from, classes: c.Classes, patch: patchOf(params), modulated: modulated(params) && !modulated(from.Params)}
	var refused []string
	for _, p := range params.All() {
		q := old[p.Name]
		delete(old, p.Name)
		note, err := k.carry(p, q)
		if err != nil {
			refused = append(refused, err.Error())
		} else if note != "" {
			done = append(done, note)
		}
	}
	for _, p := range from.Params.All() {
		if old[p.Name] == nil {
			continue
		}
		if strings.HasPrefix(p.Name, nets.AugmentPrefix) {
			done = append(done, p.Name+" is left out: it made no difference to pictures as they are")
		} else {
			refused = append(refused, fmt.Sprintf("%s %v has no place in the new network", p.Name, p.Shape))
		}
	}
	if len(refused) > 0 {
		return nil, fmt.Errorf("finetune: this cannot be carried over: %s", strings.Join(firstFew(refused), "; "))
	}
	return done, nil
}

func firstFew(s []string) []string {
	if n := len(s) - 4; n > 0 {
		return append(slices.Clone(s[:4]), fmt.Sprintf("and %d more", n))
	}
	return s
}

// carrier carries one parameter after the other.
type carrier struct {
	to      *model.Scope
	from    Source
	classes []int
	patch   int // pixels in a patch of a DiT
	// modulated says that blocks are told a condition which the source's were not.
	modulated bool
}

// modulated says whether the blocks of a network of text are told a condition.
func modulated(params *block.Params) bool {
	return slices.ContainsFunc(params.All(), func(p *block.Param) bool { return strings.HasSuffix(p.Name, modulation+suffixWeight) })
}

// patchOf finds the number of pixels in a patch: 1 for networks without patches.
func patchOf(params *block.Params) int {
	for _, p := range params.All() {
		if p.Name == patchLayer+suffixWeight {
			return p.Shape[0] * p.Shape[1]
		}
	}
	return 1
}

// Layers that see the channels of pictures, as package nets names them after diffusers.
const (
	patchLayer  = "pos_embed.proj"
	firstLayer  = "conv_in"
	lastLayer   = "conv_out"
	unpatch     = "proj_out_2"
	unetClasses = "class_embedding.weight"
	ditClasses  = "embedding_table.weight"
	modulation  = ".modulation"    // of a block of a network of text
	textTime    = "time_embedding" // of it
)

// carry gives parameter p its values from q, the source's of the same name, nil if it has none.
func (k *carrier) carry(p, q *block.Param) (note string, err error) {
	isTable := p.Name == unetClasses || strings.HasSuffix(p.Name, ditClasses)
	if q == nil && k.modulated {
		if note, ok := k.condition(p); ok {
			return note, nil
		}
	}
	if q == nil {
		if !isTable && !strings.HasPrefix(p.Name, nets.AugmentPrefix) {
			return "", fmt.Errorf("%s %v is not in the source", p.Name, p.Shape)
		}
		return fmt.Sprintf("%s %v is new, and zero: it makes no difference at the start", p.Name, p.Shape), write(k.to, p.Name, make([]float64, p.Size()))
	}
	w, err := read(k.from.Weights, q.Name)
	if err != nil {
		return "", err
	}
	if isTable && k.classes != nil {
		return k.table(p, q, w)
	}
	if slices.Equal(p.Shape, q.Shape) {
		return "", write(k.to, p.Name, w)
	}
	axis, groups := k.channelAxis(p)
	if axis < 0 || len(p.Shape) != len(q.Shape) || !sameBut(p.Shape, q.Shape, axis) || p.Shape[axis] < q.Shape[axis] {
		return "", fmt.Errorf("%s is %v in the source and %v here", p.Name, q.Shape, p.Shape)
	}
	note = fmt.Sprintf("%s: %d channels become %d; the new ones start at zero", p.Name, q.Shape[axis]/groups, p.Shape[axis]/groups)
	return note, write(k.to, p.Name, widen(w, q.Shape, axis, groups, p.Shape[axis]))
}

// condition leaves the parameters of a condition that the blocks of a network of text were not told before as they were drawn: modulations
// start at zero, so that it makes no difference at the start, and what they read must not, lest nothing be learnt of it.
func (k *carrier) condition(p *block.Param) (note string, ok bool) {
	switch {
	case strings.Contains(p.Name, modulation+"."):
		return "", true
	case p.Name == unetClasses || strings.HasPrefix(p.Name, textTime):
		return fmt.Sprintf("%s %v is new; what reads it is zero, so it makes no difference at the start", p.Name, p.Shape), true
	}
	return "", false
}

// channelAxis is the axis of a parameter along which the channels of pictures lie, groups times one after the other; -1 for
// parameters that do not see them.
func (k *carrier) channelAxis(p *block.Param) (axis, groups int) {
	switch p.Name {
	case firstLayer + suffixWeight, patchLayer + suffixWeight:
		return 2, 1
	case lastLayer + suffixWeight:
		return 3, 1
	case lastLayer + ".bias":
		return 0, 1
	case unpatch + suffixWeight:
		return 1, k.patch
	case unpatch + ".bias":
		return 0, k.patch
	}
	return -1, 1
}

func sameBut(a, b []int, axis int) bool {
	for i := range a {
		if i != axis && a[i] != b[i] {
			return false
		}
	}
	return true
}

// widen spreads an axis of groups·n values to size, each group followed by zeros.
func widen(w []float64, shape []int, axis, groups, size int) []float64 {
	outer, inner := 1, 1
	for i, d := range shape {
		if i < axis {
			outer *= d
		} else if i > axis {
			inner *= d
		}
	}
	n, m := shape[axis]/groups*inner, size/groups*inner
	out := make([]float64, outer*size*inner)
	for g := range outer * groups {
		copy(out[g*m:], w[g*n:][:n])
	}
	return out
}

// table takes over the rows of a table of classes.
func (k *carrier) table(p, q *block.Param, w []float64) (string, error) {
	rows, dim := q.Shape[0], q.Shape[1]
	if len(k.classes) != p.Shape[0] || p.Shape[1] != dim || slices.Max(k.classes) >= rows {
		return "", fmt.Errorf("%s is %v in the source and %v here, for classes %v", p.Name, q.Shape, p.Shape, k.classes)
	}
	mean := make([]float64, dim)
	for i, x := range w {
		mean[i%dim] += x / float64(rows)
	}
	var out []float64
	fresh, last := 0, len(k.classes)-1
	for i, row := range k.classes {
		if row < 0 || row == k.classes[last] && i < last { // what stands for no class is its start
			fresh++
		}
		if row < 0 {
			out = append(out, mean...)
			continue
		}
		out = append(out, w[row*dim:][:dim]...)
	}
	return fmt.Sprintf("%s: %d rows become %d, %d of them new", p.Name, rows, p.Shape[0], fresh), write(k.to, p.Name, out)
}
