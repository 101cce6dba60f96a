package kernel

// direct computes forward convolutions and input gradients as matrix products without a copy of every window.
//
// A task copies the few input rows that its output pixels see into a strip with zeros where the image ends. In the strip,
// the operand of an output pixel for one filter row is a run of contiguous floats, and the operand of the pixel's right
// neighbour is the same run a few floats on: rows of a matrix that overlap in memory, which the micro-kernel reads in
// place. Only where these runs are short (few channels, dilated or grouped filters) are they copied once more, into whole
// rows of windows.
type direct struct {
	*gather
	micro  *Micro
	vector *Vector
	panels int    // of output channels in a group
	terms  int    // of all forms together
	forms  []form // one for each pair of row and column phases

	// The strip: input coordinates that output 0 sees, and rows' lengths in floats.
	low, high [2]int
	pitch     int
	windows   bool // windows are copied
	staged    bool // output pixels do not follow each other in memory: a run of windows is multiplied side by side, then copied

	latticeRows                                int // most rows of a phase
	imageBlocks, rowBlocks, colTasks           int
	stripFloats, windowFloats, edgeFloats, own int // of a worker's scratch
}

// form is a pair of phases: output pixels that see the same taps.
type form struct {
	rows, cols *phase
	segments   []segment // of a strip
	windows    []segment // of a copied window
	terms      int       // of all segments
	longest    int       // longest run of contiguous operands
	before     int       // terms of the forms before this one
}

// segment is a run of contiguous operands.
type segment struct {
	offset int // in the strip, from the pixel's first operand
	terms  int
}

const (
	directPixels = 128 // output pixels of a task: enough to use a filter panel often, few enough for the second-level cache
	directTasks  = 4
	shortRun     = 48 // runs of fewer floats are copied into windows
	directRow    = 6  // phases with shorter rows make poor tiles
)

func newDirect(set *Set, g *gather) *direct {
	d := &direct{gather: g, micro: &set.Micro, vector: &set.Vector, panels: ceilDiv(g.outG, set.Micro.NR)}
	d.low[0], d.high[0] = reach(g.rows)
	d.low[1], d.high[1] = reach(g.cols)
	d.latticeRows = g.rows[0].count
	d.pitch = stripLength(g.cols[0].count, g.cols[0].stride, d.low[1], d.high[1]) * g.inG
	longest := 0
	for i := range g.rows {
		for j := range g.cols {
			f := form{rows: &g.rows[i], cols: &g.cols[j], before: d.terms}
			f.split(g, d)
			d.terms += f.terms
			d.forms = append(d.forms, f)
			longest = max(longest, f.longest)
		}
	}
	d.windows = longest < shortRun || g.cols[0].count < directRow
	d.staged = d.windows && !g.whole()
	d.plan(directPixels)
	return d
}

// whole tells that all output pixels see the same taps.
func (g *gather) whole() bool {
	return len(g.rows) == 1 && len(g.cols) == 1 && g.rows[0].step == 1 && g.cols[0].step == 1
}

// reach returns the least and the greatest offset of the taps.
func reach(phases []phase) (low, high int) {
	low, high = 0, 0
	found := false
	for _, p := range phases {
		for _, t := range p.taps {
			if !found {
				low, high, found = t.offset, t.offset, true
			}
			low, high = min(low, t.offset), max(high, t.offset)
		}
	}
	return low, high
}

// stripLength returns how many input coordinates count outputs see.
func stripLength(count, stride, low, high int) int { return (count-1)*stride + high - low + 1 }

// split finds the segments: taps of a filter row whose operands are contiguous.
func (f *form) split(g *gather, d *direct) {
	for _, r := range f.rows.taps {
		var run segment
		for j, c := range f.cols.taps {
			if j == 0 || c.offset != f.cols.taps[j-1].offset+1 {
				f.segments = append(f.segments, run.parts(d.micro.segment)...)
				run = segment{offset: (r.offset-d.low[0])*d.pitch + (c.offset-d.low[1])*g.inG}
			}
			run.terms += g.inG
		}
		f.longest = max(f.longest, run.terms)
		f.segments = append(f.segments, run.parts(d.micro.segment)...)
	}
	f.terms = len(f.rows.taps) * len(f.cols.taps) * g.inG
	f.windows = segment{terms: f.terms}.parts(d.micro.segment)
}

// parts cuts a run into segments of at most so many terms.
func (s segment) parts(most int) []segment {
	var parts []segment
	n := ceilDiv(s.terms, most)
	for i := range n {
		first, end := share(s.terms, n, i)
		parts = append(parts, segment{offset: s.offset + first, terms: end - first})
	}
	return parts
}

// plan cuts the output into tasks of about so many pixels: by images or rows of images, then by output channels.
func (d *direct) plan(pixels int) {
	width := d.cols[0].count
	rows := min(d.latticeRows, max(1, pixels/width))
	images := 1
	if rows == d.latticeRows {
		images = min(d.batch, max(1, pixels/(rows*width)))
	}
	d.imageBlocks, d.rowBlocks = ceilDiv(d.batch, images), ceilDiv(d.latticeRows, rows)
	d.colTasks = min(d.panels, ceilDiv(directTasks, d.imageBlocks*d.rowBlocks*d.groups))
	images, rows = ceilDiv(d.batch, d.imageBlocks), ceilDiv(d.latticeRows, d.rowBlocks)
	d.stripFloats = images * d.stripRows(rows) * d.pitch
	if d.windows {
		longest := 0
		for _, f := range d.forms {
			longest = max(longest, f.terms)
		}
		d.windowFloats = images * rows * width * longest
	}
	d.edgeFloats = d.micro.MR * d.micro.NR
	d.own = d.edgeFloats + d.stripFloats + d.windowFloats
	if d.staged {
		d.own += images * rows * width * d.micro.NR
	}
}

func (d *direct) stripRows(rows int) int {
	return stripLength(rows, d.rows[0].stride, d.low[0], d.high[0])
}

func (d *direct) scratch(workers int) int { return d.prepared() + workers*d.own }

func (d *direct) prepared() int { return d.groups * d.panels * d.terms * d.micro.NR }

// prepare packs the filter: for each group, panel, form and tap inG rows of NR floats.
func (d *direct) prepare(r Runner, w, prepared []float32) {
	nr := d.micro.NR
	size := d.terms * nr
	r.Run(d.groups*d.panels, func(_, task int) {
		out := prepared[task*size : (task+1)*size]
		for i := range d.forms {
			f := &d.forms[i]
			for _, row := range f.rows.taps {
				for _, col := range f.cols.taps {
					d.packTap(d.micro, w, row.index, col.index, task/d.panels, task%d.panels, out)
					out = out[d.inG*nr:]
				}
			}
		}
	})
}
