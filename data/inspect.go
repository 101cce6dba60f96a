package data

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
)

// Report is what Inspect found; it marshals to JSON.
type Report struct {
	Pictures   int            `json:"pictures"` // broken ones included
	Sizes      []SizeCount    `json:"sizes"`    // most frequent first
	Channels   map[int]int    `json:"channels"` // channels to number of pictures
	Bits       map[Depth]int  `json:"bits"`     // bits per sample (32: floating point) to number of pictures
	Alpha      int            `json:"with_opacity"`
	Classes    []ClassCount   `json:"classes"` // in the order of labels
	Unlabelled int            `json:"unlabelled"`
	Captioned  int            `json:"captioned"`
	Mean       []float64      `json:"mean"` // by channel, of the most frequent channel count; black is 0, white 1
	Std        []float64      `json:"std"`
	Exact      DuplicateGroup `json:"exact_duplicates"`
	Near       DuplicateGroup `json:"near_duplicates"` // that are not exact ones
	Broken     []BrokenFile   `json:"broken"`
	Notes      []string       `json:"notes"`  // how the source was understood
	Advice     []string       `json:"advice"` // what training would do, and what to mend first
	smallest   [2]int         // height and width over all pictures
}

// SizeCount is how many pictures have a size.
type SizeCount struct {
	Width  int `json:"width"`
	Height int `json:"height"`
	Count  int `json:"count"`
}

// ClassCount is how many pictures a class has.
type ClassCount struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// DuplicateGroup lists pictures that occur again. Each pair names a picture and the first one that it repeats.
type DuplicateGroup struct {
	Count int         `json:"count"` // pictures that repeat an earlier one
	Pairs [][2]string `json:"pairs"` // the first hundred
}

// BrokenFile is a picture that could not be decoded.
type BrokenFile struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// maxListed bounds the lists of a report; counts are always complete.
const maxListed = 100

// look is what one picture contributes.
type look struct {
	err    error
	pic    Picture // without samples
	hash   Hash
	finger fingerprint
	sum    []float64
	square []float64
}

// Inspect reads every picture of a set once and says what is there. Its result does not depend on the number of workers.
// progress is told the pictures read; it may be nil.
func Inspect(ctx context.Context, s Set, progress func(done, total int)) (*Report, error) {
	r := &Report{Pictures: s.Len(), Channels: map[int]int{}, Bits: map[Depth]int{}, Notes: s.Notes(), smallest: [2]int{math.MaxInt, math.MaxInt}}
	for _, c := range s.Classes() {
		r.Classes = append(r.Classes, ClassCount{Name: c})
	}
	sizes := map[[2]int]int{}
	stats := map[int]*moments{}
	var twins twins
	err := inOrder(ctx, s.Len(), runtime.GOMAXPROCS(0), func(i int) look { return lookAt(s, i) }, func(i int, l look) error {
		if progress != nil {
			progress(i+1, s.Len())
		}
		e := s.Entry(i)
		r.countEntry(e)
		if l.err != nil {
			r.Broken = append(r.Broken, BrokenFile{e.Name, l.err.Error()})
			return nil
		}
		sizes[[2]int{l.pic.Height, l.pic.Width}]++
		r.smallest = [2]int{min(r.smallest[0], l.pic.Height), min(r.smallest[1], l.pic.Width)}
		r.countPicture(&l.pic)
		if stats[l.pic.Channels] == nil {
			stats[l.pic.Channels] = &moments{}
		}
		stats[l.pic.Channels].add(&l)
		twins.add(i, &l)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("data: inspecting: %w", err)
	}
	r.sizes(sizes)
	if m := stats[r.commonChannels()]; m != nil {
		r.Mean, r.Std = m.result()
	}
	r.Exact, r.Near = twins.result(func(i int) string { return s.Entry(i).Name })
	r.Advice = r.advise()
	return r, nil
}

func lookAt(s Set, i int) (l look) {
	p, err := s.Picture(i)
	if err == nil {
		l.hash, err = s.Hash(i)
	}
	if l.err = err; err != nil {
		return l
	}
	l.pic = *p
	l.pic.Pix = nil
	l.sum, l.square = make([]float64, p.Channels), make([]float64, p.Channels)
	for k, v := range p.Samples(nil) {
		x := float64(v) / p.scale()
		l.sum[k%p.Channels] += x
		l.square[k%p.Channels] += x * x
	}
	l.finger = fingerprintOf(p)
	return l
}

func (r *Report) countEntry(e Entry) {
	if e.Label >= 0 {
		r.Classes[e.Label].Count++
	} else {
		r.Unlabelled++
	}
	if e.Text != "" {
		r.Captioned++
	}
}

func (r *Report) countPicture(p *Picture) {
	r.Channels[p.Channels]++
	r.Bits[p.Depth]++
	if p.Alpha {
		r.Alpha++
	}
}

func (r *Report) sizes(count map[[2]int]int) {
	for k, n := range count {
		r.Sizes = append(r.Sizes, SizeCount{Width: k[1], Height: k[0], Count: n})
	}
	slices.SortFunc(r.Sizes, func(a, b SizeCount) int {
		return cmp.Or(b.Count-a.Count, b.Width*b.Height-a.Width*a.Height, b.Width-a.Width)
	})
}

// commonChannels is the most frequent number of channels, the larger one of equals.
func (r *Report) commonChannels() int {
	best := 0
	for _, c := range slices.Sorted(maps.Keys(r.Channels)) {
		if r.Channels[c] >= r.Channels[best] {
			best = c
		}
	}
	return best
}

// moments sums up samples by channel.
type moments struct {
	n           float64
	sum, square []float64
}

func (m *moments) add(l *look) {
	if m.sum == nil {
		m.sum, m.square = make([]float64, l.pic.Channels), make([]float64, l.pic.Channels)
	}
	m.n += float64(l.pic.Height * l.pic.Width)
	for i := range m.sum {
		m.sum[i] += l.sum[i]
		m.square[i] += l.square[i]
	}
}

func (m *moments) result() (mean, std []float64) {
	for i := range m.sum {
		mu := m.sum[i] / m.n
		mean = append(mean, mu)
		std = append(std, math.Sqrt(max(m.square[i]/m.n-mu*mu, 0)))
	}
	return mean, std
}

// Norm is the normalisation to mean 0 and deviation 1 by channel.
func (r *Report) Norm() Norm {
	n := Norm{Mean: slices.Clone(r.Mean), Std: slices.Clone(r.Std)}
	for i, s := range n.Std {
		if !(s > 1e-6) { // a channel that is constant
			n.Std[i] = 1
		}
	}
	return n
}
