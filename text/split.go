package text

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"sort"

	"github.com/ebb-ml/ebb/internal/rng"
)

// Part is some of the documents of a corpus, or the beginning or end of each.
type Part struct {
	tokens *Tokens
	spans  []docSpan
	before []int64  // tokens of the part before each span, and at the end all of them
	names  []string // of classes, where they are not the corpus's
	how    string
}

// docSpan is a stretch of one document.
type docSpan struct {
	from, to int64
	class    int32
}

// enoughDocuments is how many held-out documents there should be for a split by documents.
const enoughDocuments = 10

// All is the whole corpus as one part.
func (t *Tokens) All() *Part {
	p := &Part{tokens: t, how: "all documents"}
	for i := range t.meta.Documents {
		p.add(t.start(i), t.start(i+1), t.class(i))
	}
	return p
}

// Split holds out about the given share (0 to 0.5) of a corpus. Documents are chosen by the hash of their text and the seed: copies of a
// text land on the same side, and a document stays on its side when others come or go. A corpus of so few documents that less than ten
// would be held out is split within each: the last share of its tokens, rounded down, is held out.
func (t *Tokens) Split(share float64, seed uint64) (train, held *Part, err error) {
	if !(share > 0 && share <= 0.5) {
		return nil, nil, fmt.Errorf("text: share %v to hold out: need more than 0, at most 0.5", share)
	}
	train, held = &Part{tokens: t}, &Part{tokens: t}
	byHash := float64(t.meta.Documents)*share >= enoughDocuments
	limit := uint64(share * (1 << 63))
	for i := range t.meta.Documents {
		from, to := t.start(i), t.start(i+1)
		switch {
		case !byHash:
			cut := to - int64(math.Floor(float64(to-from)*share+1e-9))
			train.add(from, cut, t.class(i))
			held.add(cut, to, t.class(i))
		case rng.SplitMix64(t.hash(i)^rng.SplitMix64(seed))>>1 < limit:
			held.add(from, to, t.class(i))
		default:
			train.add(from, to, t.class(i))
		}
	}
	train.how = fmt.Sprintf("held out are %d of %d documents, by the hash of their text", len(held.spans), t.meta.Documents)
	if !byHash {
		train.how = fmt.Sprintf("held out is the last %.3g %% of each of %d documents, too few to choose among", 100*share, t.meta.Documents)
	}
	held.how = train.how
	if train.Len() == 0 || held.Len() == 0 {
		return nil, nil, fmt.Errorf("text: with a share of %v, %d tokens are for training and %d held out: use another share or more text", share, train.Len(), held.Len())
	}
	return train, held, nil
}

func (p *Part) add(from, to int64, class int32) {
	if from == to {
		return
	}
	if p.spans == nil {
		p.before = []int64{0}
	}
	p.spans = append(p.spans, docSpan{from, to, class})
	p.before = append(p.before, p.Len()+to-from)
}

// Len counts the tokens.
func (p *Part) Len() int64 {
	if len(p.before) == 0 {
		return 0
	}
	return p.before[len(p.before)-1]
}

// Documents counts the documents, or parts of them.
func (p *Part) Documents() int { return len(p.spans) }

// Document returns the tokens of document i of the part, or of the piece of it that belongs to the part, and its class, -1 without one.
func (p *Part) Document(i int) (ids []int32, class int32, err error) {
	if i < 0 || i >= len(p.spans) {
		return nil, -1, fmt.Errorf("text: document %d of a part with %d", i, len(p.spans))
	}
	s := p.spans[i]
	ids = make([]int32, s.to-s.from)
	return ids, s.class, p.tokens.read(ids, s.from)
}

// Relabel returns the part with its classes as numbers of other names, -1 for those that are not among them.
func (p *Part) Relabel(names []string) *Part {
	own, before := *p, p.names
	if before == nil {
		before = p.tokens.meta.Classes
	}
	own.spans, own.names = slices.Clone(p.spans), slices.Clone(names)
	for i := range own.spans {
		if c := own.spans[i].class; c >= 0 {
			own.spans[i].class = int32(slices.Index(names, before[c]))
		}
	}
	return &own
}

// Meta describes the corpus that this is a part of.
func (p *Part) Meta() Meta { return p.tokens.meta }

// How says how the part was chosen.
func (p *Part) How() string { return p.how }

// Read copies tokens from place at of the part on, one document after the other, to dst.
func (p *Part) Read(dst []int32, at int64) error {
	if at < 0 || at+int64(len(dst)) > p.Len() {
		return fmt.Errorf("text: tokens %d to %d of a part with %d", at, at+int64(len(dst)), p.Len())
	}
	for i := p.spanAt(at); len(dst) > 0; i++ {
		s := p.spans[i]
		from := s.from + at - p.before[i]
		n := min(int64(len(dst)), s.to-from)
		if err := p.tokens.read(dst[:n], from); err != nil {
			return err
		}
		dst, at = dst[n:], at+n
	}
	return nil
}

// spanAt is the span that holds place at.
func (p *Part) spanAt(at int64) int {
	return sort.Search(len(p.spans), func(i int) bool { return p.before[i+1] > at })
}

// Stream yields the whole part in rows of size tokens, each of which repeats the last overlap tokens of the one before. The row is good until
// the next one.
func (p *Part) Stream(size, overlap int) iter.Seq2[[]int32, error] {
	return func(yield func([]int32, error) bool) {
		row := make([]int32, min(int64(size), p.Len()))
		for at := int64(0); at < p.Len(); at += int64(size - overlap) {
			row = row[:min(int64(size), p.Len()-at)]
			if err := p.Read(row, at); err != nil {
				yield(nil, err)
				return
			}
			if !yield(row, nil) || at+int64(len(row)) == p.Len() {
				return
			}
		}
	}
}
