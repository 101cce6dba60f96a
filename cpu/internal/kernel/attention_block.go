package kernel

import "math"

// attentionTask is what one worker has of an attention: one query head at a time, and its scratch cut into parts.
type attentionTask struct {
	*Attention
	*AttentionTensors
	batch, head int // of the query
	edge        []float32
	keys        []float32 // keys, transposed, in panels
}

// cutOff cuts n floats off the front of scratch.
func cutOff(scratch *[]float32, n int) []float32 {
	part := (*scratch)[:n:n]
	*scratch = (*scratch)[n:]
	return part
}

// of returns a tensor from a position of one of its heads on.
func (s AttentionStrides) of(data []float32, batch, head, row int) []float32 {
	return data[batch*s.Batch+head*s.Head+row*s.Row:]
}

func (t *attentionTask) kvHead() int { return t.head / (t.spec.Heads / t.spec.KVHeads) }

// seen returns how many of the keys [first, first+keys) some query before end sees.
func (t *attentionTask) seen(end, first, keys int) int {
	if !t.spec.Causal {
		return keys
	}
	return max(0, min(keys, end-first))
}

// packTransposed brings rows of Dim floats as columns into panels.
func (t *attentionTask) packTransposed(panels, x []float32, ld, rows int) {
	m, dim := &t.set.Micro, t.spec.Dim
	for row := 0; row < rows; row += m.NR {
		m.packPanel(panels[row*dim:row*dim+m.NR*dim], x[row*ld:], ld, dim, min(m.NR, rows-row), true)
	}
}

// rowPanels is a matrix of rows of Dim floats as the right factor of a product: in place or in panels.
type rowPanels struct {
	data     []float32
	ld, step int
}

// from returns the matrix from a row on.
func (p rowPanels) from(row int) rowPanels {
	p.data = p.data[row*p.ld:]
	return p
}

// asRows makes the right factor of a matrix of rows, in panels unless it is read in place.
func (t *attentionTask) asRows(panels, x []float32, ld, rows int) rowPanels {
	m, dim := &t.set.Micro, t.spec.Dim
	if t.inPlace {
		return rowPanels{data: x, ld: ld, step: m.NR}
	}
	for col := 0; col < dim; col += m.NR {
		m.packPanel(panels[col*rows:col*rows+m.NR*rows], x[col:], ld, rows, min(m.NR, dim-col), false)
	}
	return rowPanels{data: panels, ld: m.NR, step: m.NR * rows}
}

// scores computes block[i][j] = x[i]·y[j] for rows of x and the keys [first, first+keys) that they see; y is in panels.
func (t *attentionTask) scores(block, x []float32, ld, row, rows int, y []float32, first, keys int) {
	m, dim := &t.set.Micro, t.spec.Dim
	strips := ceilDiv(rows, m.MR)
	for i := range strips {
		begin, n := strip(rows, strips, i)
		s := sweep{kernel: m.Rows[n], next: m.asking(n), rows: n, terms: dim, a: &x[begin*ld], lda: ld, b: y, ldb: m.NR, step: m.NR * dim,
			c: block[begin*t.width:], ldc: t.width, cols: ceilDiv(t.seen(row+begin+n, first, keys), m.NR) * m.NR}
		s.run(m.NR)
	}
}

// byRows computes c[i] (+)= Σ_j block[i][j]·y[j] over the keys seen: c has rows of Dim floats.
func (t *attentionTask) byRows(c []float32, ldc int, block []float32, row, rows int, y rowPanels, first, keys int, accumulate bool) {
	m := &t.set.Micro
	strips := ceilDiv(rows, m.MR)
	for i := range strips {
		begin, n := strip(rows, strips, i)
		s := sweep{kernel: m.Rows[n], rows: n, terms: t.seen(row+begin+n, first, keys), a: &block[begin*t.width], lda: t.width,
			b: y.data, ldb: y.ld, step: y.step, c: c[begin*ldc:], ldc: ldc, cols: t.spec.Dim, edge: t.edge, accumulate: accumulate}
		s.run(m.NR)
	}
}

// byColumns computes c[j] (+)= Σ_i block[i][j]·x[i] over the queries from row on that see key first+j, for keys of them.
func (t *attentionTask) byColumns(c []float32, ldc int, block []float32, row, rows, first, keys int, x rowPanels, accumulate bool) {
	m := &t.set.Micro
	strips := ceilDiv(keys, m.MR)
	for j := range strips {
		begin, n := strip(keys, strips, j)
		skip := 0
		if t.spec.Causal {
			skip = max(0, min(rows-1, first+begin-row))
		}
		y := x.from(skip)
		s := sweep{kernel: m.Cols[n], rows: n, terms: rows - skip, a: &block[skip*t.width+begin], lda: t.width,
			b: y.data, ldb: y.ld, step: y.step, c: c[begin*ldc:], ldc: ldc, cols: t.spec.Dim, edge: t.edge, accumulate: accumulate}
		s.run(m.NR)
	}
}

// masked adds the mask, if there is one, to a query's scores and returns the factor that is still to be applied to them,
// times log2(e).
func (t *attentionTask) masked(scores []float32, query, first int) float32 {
	if t.spec.Mask == NoMask {
		return t.spec.Scale * math.Log2E
	}
	s := t.spec.MaskStrides
	at, step := t.batch*s[0]+t.head*s[1]+query*s[2]+first*s[3], s[3]
	if t.spec.Mask == AddMask && step == 1 {
		t.set.Vector.ScaleAdd(scores, scores, t.spec.Scale, t.Mask.Add[at:at+len(scores)])
		return math.Log2E
	}
	t.set.Vector.Affine(scores, scores, t.spec.Scale, 0)
	for j := range scores {
		if t.spec.Mask == AddMask {
			scores[j] += t.Mask.Add[at+j*step]
		} else if !t.Mask.Keep[at+j*step] {
			scores[j] = float32(math.Inf(-1))
		}
	}
	return math.Log2E
}
