package text

import (
	"fmt"
	"sort"

	"github.com/ebb-ml/ebb/internal/enum"
	"github.com/ebb-ml/ebb/internal/rng"
)

// Packing says how rows are cut from documents.
type Packing int

const (
	// Packed lays all documents end to end, each followed by its end of text if the tokenizer has one, and cuts windows from that: no token
	// is wasted, and a row may hold several documents or begin within one.
	Packed Packing = iota
	// Separate keeps each row within one document, so that it has one class; what is left of it is filled with pad.
	Separate
)

var packingNames = enum.New[Packing]("text", "packing", "packed", "separate")

// String returns the name of the packing.
func (p Packing) String() string { return packingNames.Name(p) }

// MarshalText writes the name.
func (p Packing) MarshalText() ([]byte, error) { return packingNames.Marshal(p) }

// UnmarshalText reads the name.
func (p *Packing) UnmarshalText(text []byte) error { return packingNames.Unmarshal(p, text) }

// LoaderConfig says what a Loader yields.
type LoaderConfig struct {
	Batch   int     `toml:"batch" json:"batch"`     // rows in a batch
	Length  int     `toml:"length" json:"length"`   // tokens in a row
	Packing Packing `toml:"packing" json:"packing"` // how rows are cut from documents
	Seed    uint64  `toml:"-" json:"-"`             // of the order of windows
}

// Batch is what a network is fed with. The caller owns it.
type Batch struct {
	Tokens []int32 // batch x length
	Free   []bool  // batch x length: false for padding, which is neither masked nor counted; nil where there is none
	Class  []int32 // batch; -1 without a label, and for packed rows
	Index  []int64 // batch; which window each row is: of its epoch, in what Even returns of the whole part
}

// Loader yields windows of a part. It has no state: its methods may be called from several goroutines.
type Loader struct {
	part   *Part
	c      LoaderConfig
	per    int64   // windows in an epoch
	phases int64   // places at which the first window of an epoch may begin
	before []int64 // Separate: windows before each span, and at the end all of them
	pad    int32
}

// NewLoader checks that the part has at least one window.
func NewLoader(p *Part, c LoaderConfig) (*Loader, error) {
	if c.Batch < 1 || c.Length < 1 || c.Batch > 1<<24 {
		return nil, fmt.Errorf("text: batches of %d rows of %d tokens: both must be positive", c.Batch, c.Length)
	}
	l := &Loader{part: p, c: c, pad: p.tokens.meta.Pad}
	if _, err := c.Packing.MarshalText(); err != nil {
		return nil, err
	}
	if c.Packing == Separate {
		return l, l.separate()
	}
	total, length := p.Len(), int64(c.Length)
	if total < length {
		return nil, fmt.Errorf("text: the part has %d tokens, shorter than a window of %d: use more text or shorter rows", total, c.Length)
	}
	l.per = max(1, (total-length+1)/length)
	l.phases = total - l.per*length + 1 // length at least: every token is in some epoch's windows
	return l, nil
}

// separate counts the windows of each document.
func (l *Loader) separate() error {
	if l.pad == None {
		return fmt.Errorf("text: rows within documents need a tokenizer with a pad token")
	}
	l.before = []int64{0}
	for _, s := range l.part.spans {
		l.per += (s.to - s.from + int64(l.c.Length) - 1) / int64(l.c.Length)
		l.before = append(l.before, l.per)
	}
	if l.per == 0 {
		return fmt.Errorf("text: the part has no tokens")
	}
	return nil
}

// Config returns the configuration.
func (l *Loader) Config() LoaderConfig { return l.c }

// Windows counts the windows of an epoch: each epoch goes once through all of them in an order of its own, packed ones from a first place
// of its own, so that their edges differ.
func (l *Loader) Windows() int64 { return l.per }

// Batch returns the batch of a step, counted from 0: a function of the part, the configuration, the seed and the step.
func (l *Loader) Batch(step int64) (*Batch, error) {
	if step < 0 {
		return nil, fmt.Errorf("text: step %d is negative", step)
	}
	b := l.newBatch(l.c.Batch)
	for i := range l.c.Batch {
		n := step*int64(l.c.Batch) + int64(i)
		epoch := n / l.per
		window := int64(rng.NewSplitMixPerm(int(l.per), l.c.Seed, uint64(epoch)).At(int(n % l.per)))
		if err := l.fill(b, i, window, epoch); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Even returns n evenly spaced rows for evaluation, from the start of the part on: packed row i begins at token i·(tokens-length)/n. n = 0
// gives all windows, one after another.
func (l *Loader) Even(n int) (*Batch, error) {
	if n < 0 {
		return nil, fmt.Errorf("text: %d windows", n)
	}
	total, all := l.part.Len(), n == 0
	if all {
		n = int(l.per)
		if l.c.Packing == Packed {
			n = int(total / int64(l.c.Length))
		}
	}
	b := l.newBatch(n)
	for i := range int64(n) {
		var err error
		switch {
		case l.c.Packing == Separate && all:
			err = l.fill(b, int(i), i, 0)
		case l.c.Packing == Separate:
			err = l.fill(b, int(i), i*l.per/int64(n), 0)
		case all:
			err = l.copy(b, int(i), i*int64(l.c.Length))
		default:
			err = l.copy(b, int(i), i*(total-int64(l.c.Length))/int64(n))
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (l *Loader) newBatch(rows int) *Batch {
	b := &Batch{Tokens: make([]int32, rows*l.c.Length), Class: make([]int32, rows), Index: make([]int64, rows)}
	if l.c.Packing == Separate {
		b.Free = make([]bool, len(b.Tokens))
	}
	return b
}

// fill makes row i of a batch from a window of an epoch.
func (l *Loader) fill(b *Batch, i int, window, epoch int64) error {
	b.Index[i] = window
	if l.c.Packing == Separate {
		return l.copySeparate(b, i, window)
	}
	phase := int64(rng.SplitMix64(rng.SplitMix64(l.c.Seed^0x706861736573)+uint64(epoch)) % uint64(l.phases))
	if err := l.copy(b, i, phase+window*int64(l.c.Length)); err != nil {
		return err
	}
	b.Index[i] = window
	return nil
}

// copy makes row i from place at on.
func (l *Loader) copy(b *Batch, i int, at int64) error {
	b.Class[i], b.Index[i] = -1, at/int64(l.c.Length)
	return l.part.Read(b.Tokens[i*l.c.Length:][:l.c.Length], at)
}

func (l *Loader) copySeparate(b *Batch, i int, window int64) error {
	k := sort.Search(len(l.part.spans), func(k int) bool { return l.before[k+1] > window })
	s := l.part.spans[k]
	row, free := b.Tokens[i*l.c.Length:][:l.c.Length], b.Free[i*l.c.Length:][:l.c.Length]
	from := s.from + (window-l.before[k])*int64(l.c.Length)
	n := int(min(int64(l.c.Length), s.to-from))
	b.Class[i] = s.class
	for j := range row {
		row[j], free[j] = l.pad, j < n
	}
	return l.part.tokens.read(row[:n], from)
}
