package exec

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// Profile keeps the shortest time of each step over all runs of an executable: the first run pays for page faults, and any
// run may be disturbed.
type Profile struct {
	x     *Executable
	best  []atomic.Int64 // nanoseconds; 0 before the first run
	total atomic.Int64
}

func newProfile(x *Executable) *Profile {
	return &Profile{x: x, best: make([]atomic.Int64, len(x.steps))}
}

func (p *Profile) add(step int, d time.Duration) {
	p.total.Add(int64(d))
	for b := &p.best[step]; ; {
		old := b.Load()
		if old != 0 && old <= int64(d) || b.CompareAndSwap(old, max(1, int64(d))) {
			return
		}
	}
}

// Total returns the time of all steps of all runs.
func (p *Profile) Total() time.Duration { return time.Duration(p.total.Load()) }

// Profile returns the executable's profile.
func (x *Executable) Profile() *Profile { return x.profile }

// ProfileRow is the share of one kind of kernel, or of one step.
type ProfileRow struct {
	Name    string
	Calls   int64
	Seconds float64 // of one run
	GFLOPS  float64 // 0 where operations are not counted
	GBps    float64 // read and written, caches not considered
	Share   float64 // of the run
}

// Rows returns the profile by kind of kernel, or by step; the longest first.
func (p *Profile) Rows(bySteps bool) []ProfileRow {
	type sum struct{ calls, nanos, flops, bytes float64 }
	sums := map[string]*sum{}
	total := 0.0
	for i := range p.best {
		s := &p.x.steps[i]
		name := s.kind
		if bySteps {
			name = p.x.nodeName(s.node)
		}
		k := sums[name]
		if k == nil {
			k = &sum{}
			sums[name] = k
		}
		k.calls++
		k.nanos += float64(p.best[i].Load())
		k.flops += s.flops
		k.bytes += p.x.traffic(s.node)
		total += float64(p.best[i].Load())
	}
	var rows []ProfileRow
	for name, k := range sums {
		ns := max(1, k.nanos)
		rows = append(rows, ProfileRow{name, int64(k.calls), k.nanos / 1e9, k.flops / ns, k.bytes / ns, k.nanos / max(1, total)})
	}
	slices.SortFunc(rows, func(a, b ProfileRow) int { return cmp.Compare(b.Seconds, a.Seconds) })
	return rows
}

// nodeName is a node as one line, of a program its first line and its operations.
func (x *Executable) nodeName(node int) string {
	name, _, program := strings.Cut(x.g.NodeString(node), "\n")
	if p, ok := x.g.Nodes[node].Attr.(*ir.Program); ok && program {
		name += ": " + p.Operations()
	}
	return name
}

// traffic is the size of a node's inputs and outputs.
func (x *Executable) traffic(node int) float64 {
	n := &x.g.Nodes[node]
	bytes := 0.0
	for _, v := range append(slices.Clone(n.Inputs), n.Outputs...) {
		if v >= 0 {
			bytes += float64(x.g.Shapes[v].Memory())
		}
	}
	return bytes
}

// Write prints the profile as a table of at most most rows.
func (p *Profile) Write(w io.Writer, bySteps bool, most int) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "share\tms\tcalls\tGFLOPS\tGB/s\tkernel")
	for i, r := range p.Rows(bySteps) {
		if i == most {
			break
		}
		fmt.Fprintf(t, "%.1f%%\t%.3f\t%d\t%.0f\t%.1f\t%s\n", 100*r.Share, 1e3*r.Seconds, r.Calls, r.GFLOPS, r.GBps, r.Name)
	}
	return t.Flush()
}
