package kernel

import (
	"fmt"
	"math"
)

// AttentionStrides says where a tensor of heads lies: floats from one batch entry, head and position to the next. The
// floats of one position of one head are contiguous.
type AttentionStrides struct{ Batch, Head, Row int }

// BSHD are the strides of a contiguous tensor [batch, positions, heads, dim].
func BSHD(positions, heads, dim int) AttentionStrides {
	return AttentionStrides{Batch: positions * heads * dim, Head: dim, Row: heads * dim}
}

// BHSD are the strides of a contiguous tensor [batch, heads, positions, dim].
func BHSD(positions, heads, dim int) AttentionStrides {
	return AttentionStrides{Batch: heads * positions * dim, Head: positions * dim, Row: dim}
}

// MaskKind says what a mask of attention holds.
type MaskKind uint8

// The kinds of masks.
const (
	NoMask   MaskKind = iota
	AddMask           // float32, added to the scaled scores
	KeepMask          // bool, true where a query sees a key
)

// AttentionSpec describes scaled dot-product attention, softmax(Q·Kᵀ·Scale + mask)·V for each head (Vaswani et al. 2017,
// eq. 1). Query head h reads the key head h / (Heads/KVHeads).
type AttentionSpec struct {
	Batch, Heads, KVHeads int
	Queries, Keys, Dim    int
	Q, K, V, O            AttentionStrides // gradients have the strides of what they belong to
	Scale                 float32          // must not be 0
	Causal                bool             // query i sees keys 0 to i
	Mask                  MaskKind
	// MaskStrides are elements of the mask from one batch entry, query head, query and key to the next; 0 broadcasts.
	MaskStrides [4]int
}

// AttentionMask is the mask of one call: the field that the spec's kind asks for is set.
type AttentionMask struct {
	Add  []float32
	Keep []bool
}

func (s *AttentionSpec) check() error {
	for _, n := range []int{s.Batch, s.Heads, s.KVHeads, s.Queries, s.Keys, s.Dim} {
		if n < 1 {
			return fmt.Errorf("kernel: attention: batch %d, heads %d and %d, positions %d and %d, dim %d: all must be positive",
				s.Batch, s.Heads, s.KVHeads, s.Queries, s.Keys, s.Dim)
		}
	}
	if s.Heads%s.KVHeads != 0 {
		return fmt.Errorf("kernel: attention: %d query heads cannot share %d key heads evenly", s.Heads, s.KVHeads)
	}
	if s.Scale == 0 || math.IsNaN(float64(s.Scale)) || math.IsInf(float64(s.Scale), 0) {
		return fmt.Errorf("kernel: attention: scale %v: must be finite and not 0", s.Scale)
	}
	for _, x := range []struct {
		name        string
		strides     AttentionStrides
		heads, rows int
	}{{"query", s.Q, s.Heads, s.Queries}, {"key", s.K, s.KVHeads, s.Keys}, {"value", s.V, s.KVHeads, s.Keys}, {"output", s.O, s.Heads, s.Queries}} {
		t := x.strides
		if t.Row < s.Dim || t.Head < 0 || t.Batch < 0 || mulOver(s.Batch, t.Batch) || mulOver(x.heads, t.Head) || mulOver(x.rows, t.Row) {
			return fmt.Errorf("kernel: attention: %s strides %+v: impossible for %d heads of %d×%d", x.name, t, x.heads, x.rows, s.Dim)
		}
	}
	if mulOver(s.Keys, s.Dim) || mulOver(s.Batch*s.Heads, s.Queries) {
		return fmt.Errorf("kernel: attention: %d batch entries, %d heads, %d keys: too large", s.Batch, s.Heads, s.Keys)
	}
	for i, n := range []int{s.Batch, s.Heads, s.Queries, s.Keys} {
		if s.MaskStrides[i] < 0 || mulOver(n, s.MaskStrides[i]) {
			return fmt.Errorf("kernel: attention: mask strides %v: impossible", s.MaskStrides)
		}
	}
	return nil
}

func mulOver(n, stride int) bool { return stride > 0 && n > maxFloats/stride }

// Attention is a prepared attention. It is immutable; its methods may be called by several goroutines at once. The matrix
// of scores is never stored: a task holds a block of it (Dao et al. 2022, FlashAttention).
type Attention struct {
	spec     AttentionSpec
	set      *Set
	kernels  attentionKernels
	parts    int  // of a head's queries in the forward pass, each a task
	inPlace  bool // rows are right factors of products where they lie
	width    int  // leading dimension of a block of scores
	forward  int  // floats of scratch of a worker
	backward int
}

// Blocks of scores: rows by columns. The leading dimension is odd in cache lines, so that columns do not evict each other.
const (
	attentionRows     = 64
	attentionRowsBack = 128
	attentionKeys     = 512
	attentionMargin   = 16
	attentionTaskRows = 128 // least queries of a task
)

// NewAttention prepares an attention. It returns an error for impossible sizes.
func NewAttention(set *Set, spec AttentionSpec) (*Attention, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	m := &set.Micro
	a := &Attention{spec: spec, set: set, kernels: attentionFor(set.Tier), parts: 1}
	a.inPlace = spec.Dim%m.NR == 0 && max(spec.Q.Row, spec.K.Row, spec.V.Row, spec.O.Row) <= m.inPlace
	if heads := spec.Batch * spec.Heads; heads < taskCount {
		a.parts = max(1, min(ceilDiv(taskCount, heads), spec.Queries/attentionTaskRows))
	}
	keys := ceilDiv(min(spec.Keys, attentionKeys), m.NR) * m.NR
	a.width = keys + attentionMargin
	allKeys, dim := ceilDiv(spec.Keys, m.NR)*m.NR, ceilDiv(spec.Dim, m.NR)*m.NR
	tile := m.MR * m.NR
	a.forward = tile + allKeys*spec.Dim + a.packed(spec.Keys*dim) + attentionRows*(a.width+2)
	a.backward = tile + 2*keys*spec.Dim + a.packed(keys*dim+2*attentionRowsBack*dim) + 2*attentionRowsBack*a.width + spec.Queries
	return a, nil
}

// packed returns the floats of matrices that may be read in place.
func (a *Attention) packed(floats int) int { return pick(a.inPlace, 0, floats) }

// ForwardScratch returns how many floats of scratch memory Forward needs.
func (a *Attention) ForwardScratch(workers int) int { return workers * a.forward }

// BackwardScratch returns how many floats of scratch memory Backward needs.
func (a *Attention) BackwardScratch(workers int) int { return workers * a.backward }

// LogSumExp returns the floats of the log-sum-exp: [batch, heads, queries].
func (a *Attention) LogSumExp() int { return a.spec.Batch * a.spec.Heads * a.spec.Queries }

// AttentionTensors are the operands of a pass. Forward reads Q, K, V and writes O and, unless it is nil, LSE: the
// log-sum-exp of each row of scores. Backward reads these and DO, the gradient of O, and writes DQ, DK and DV.
type AttentionTensors struct {
	Q, K, V, O, LSE []float32
	Mask            AttentionMask
	DO, DQ, DK, DV  []float32
}

func (a *Attention) checkTensors(t *AttentionTensors, backward bool) error {
	s := &a.spec
	extent := func(x AttentionStrides, heads, rows int) int {
		return (s.Batch-1)*x.Batch + (heads-1)*x.Head + (rows-1)*x.Row + s.Dim
	}
	type operand struct {
		name string
		data []float32
		need int
	}
	q, k, v, o := extent(s.Q, s.Heads, s.Queries), extent(s.K, s.KVHeads, s.Keys), extent(s.V, s.KVHeads, s.Keys), extent(s.O, s.Heads, s.Queries)
	operands := []operand{{"query", t.Q, q}, {"key", t.K, k}, {"value", t.V, v}, {"output", t.O, o}}
	if backward || t.LSE != nil {
		operands = append(operands, operand{"log-sum-exp", t.LSE, a.LogSumExp()})
	}
	if backward {
		operands = append(operands, operand{"output gradient", t.DO, o}, operand{"query gradient", t.DQ, q},
			operand{"key gradient", t.DK, k}, operand{"value gradient", t.DV, v})
	}
	for _, x := range operands {
		if len(x.data) < x.need {
			return fmt.Errorf("kernel: attention: %s has %d floats, %d needed", x.name, len(x.data), x.need)
		}
	}
	mask := 1
	for i, n := range []int{s.Batch, s.Heads, s.Queries, s.Keys} {
		mask += (n - 1) * s.MaskStrides[i]
	}
	if s.Mask == AddMask && len(t.Mask.Add) < mask || s.Mask == KeepMask && len(t.Mask.Keep) < mask {
		return fmt.Errorf("kernel: attention: mask has %d elements, %d needed", len(t.Mask.Add)+len(t.Mask.Keep), mask)
	}
	return nil
}
