package recipe

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/optim"
	"github.com/ebb-ml/ebb/text"
)

// ResolveText completes the configuration from the text it is to train on, as Resolve does from pictures: vocabulary, classes, and for
// recipe text-folder row length, network and length of training.
func (c *Config) ResolveText(s *TextSets) (notes []string, err error) {
	t := c.Text
	begun := t.Fingerprint != ""
	if err := c.fillTokenizer(s.Tokenizer); err != nil {
		return nil, err
	}
	notes = append(notes, s.Notes...)
	if c.Recipe == "text-folder" && !begun {
		notes = append(notes, c.fitText(s)...)
	}
	if err := c.resolveClasses(s); err != nil {
		return nil, err
	}
	if c.Network.Conditional && len(t.Classes) == 0 {
		c.Network.Conditional = false
		notes = append(notes, "the data has no classes: training without")
	}
	if n := c.Network.Text; n != nil {
		n.Vocab, n.Classes = s.Tokenizer.Vocab(), 0
		if c.Network.Conditional {
			n.Classes = withNull(len(t.Classes))
		}
		*n = t.network(*n)
	}
	if err := t.longEnough(s); err != nil {
		return nil, err
	}
	return notes, c.Validate()
}

// resolveClasses takes over the names of classes, or holds those of the run against them: a run that went on from another model may have met
// only some of them. Held-out text may number them otherwise.
func (c *Config) resolveClasses(s *TextSets) error {
	t, classes := c.Text, s.Train.Meta().Classes
	if c.Finetune == nil {
		if err := sameClasses(t.Classes, classes); err != nil {
			return err
		}
		t.Classes = classes
	}
	for _, name := range classes {
		if !slices.Contains(t.Classes, name) {
			t.Classes = append(slices.Clone(t.Classes), name)
		}
	}
	s.Train = s.Train.Relabel(t.Classes)
	if s.Valid != nil {
		s.Valid = s.Valid.Relabel(t.Classes)
	}
	return nil
}

// fillTokenizer takes over the tokenizer's fingerprint, or holds that of the run against it.
func (c *Config) fillTokenizer(tok text.Tokenizer) error {
	print, err := text.Fingerprint(tok)
	if err != nil {
		return err
	}
	if c.Text.Fingerprint != "" && c.Text.Fingerprint != print {
		return fmt.Errorf("the text is tokenized by tokenizer %s, the run was made for %s: use the tokenizer.json of the run, or begin a new one", print, c.Text.Fingerprint)
	}
	c.Text.Fingerprint = print
	return nil
}

// fitText chooses for a person's own text what the configuration leaves open: rows as long as is useful and there is text for, a network as
// large as the text can teach, and how long and how to train.
func (c *Config) fitText(s *TextSets) (notes []string) {
	notes = append(notes, c.Text.fitRows(s)...)
	if t := c.Text; c.Network.Conditional && t.Packing == text.Packed && len(s.Train.Meta().Classes) > 0 {
		c.Network.Conditional = false
		notes = append(notes, "training without classes: the tokenizer has no pad, so rows go over several documents")
	}
	if c.Network.Text == nil {
		notes = append(notes, c.fitTextNetwork(s))
	}
	return append(notes, c.fitTextTraining(s.Train.Len())...)
}

// fitRows chooses the length of rows, and keeps each within a document where documents have classes.
func (t *Text) fitRows(s *TextSets) (notes []string) {
	total, meta := s.Train.Len(), s.Train.Meta()
	if t.Length == 0 {
		t.Length = 256
		for t.Length > 16 && (total < int64(100*t.Length) || s.Valid != nil && s.Valid.Len() < int64(2*t.Length)) {
			t.Length /= 2
		}
		notes = append(notes, fmt.Sprintf("rows of %d tokens: the training text has %d", t.Length, total))
	}
	if len(meta.Classes) > 0 && meta.Pad != text.None {
		t.Packing = text.Separate
		notes = append(notes, fmt.Sprintf("%d classes: each row is from one document", len(meta.Classes)))
	}
	return notes
}

// fitTextNetwork chooses the network.
func (c *Config) fitTextNetwork(s *TextSets) (note string) {
	total, meta := s.Train.Len(), s.Train.Meta()
	n := nets.TextConfig{Dim: 256, Layers: 6, Heads: 8, Init: nets.InitZero}
	why := "fewer than 20 million tokens"
	switch {
	case total < 2_000_000:
		n.Dropout, why = 0.1, "fewer than 2 million tokens, so with dropout 0.1"
	case total >= 20_000_000:
		n.Dim, n.Layers, why = 512, 8, "20 million tokens or more"
	}
	c.Network.Text = &n
	return fmt.Sprintf("%d documents, %d characters, %d different tokens: a transformer of %d layers of width %d for %s", meta.Documents, meta.Chars,
		meta.Vocab, n.Layers, n.Dim, why)
}

// fitTextTraining chooses how long to train on a text of total tokens, and how.
func (c *Config) fitTextTraining(total int64) (notes []string) {
	tr := &c.Train
	if tr.Batch == 0 {
		tr.Batch = max(1, 8192/c.Text.Length)
	}
	perStep := int64(tr.Batch) * int64(c.Text.Length)
	if tr.Tokens == 0 {
		tr.Tokens = min(max(20*total, 10_000_000), 200_000_000)
		notes = append(notes, fmt.Sprintf("%d tokens to train on: the text 20 times, at least 10 million, at most 200 million; batch %d", tr.Tokens, tr.Batch))
	}
	if tr.Rate.Warmup == unset {
		tr.Rate.Warmup = min(200*perStep, tr.Tokens/10)
	}
	if tr.Rate.Horizon == unset {
		tr.Rate.Horizon = tr.Tokens / 2
		if tr.Rate.Shape == optim.Linear || tr.Rate.Shape == optim.Cosine {
			tr.Rate.Horizon = tr.Tokens
		}
	}
	for every, usual := range map[*int64]int64{&tr.LogEvery: 10 * perStep, &tr.EvalEvery: tr.Tokens / 20, &tr.SampleEvery: tr.Tokens / 20, &tr.SaveEvery: tr.Tokens / 20} {
		if *every == unset {
			*every = max(usual, perStep)
		}
	}
	return notes
}

// chooseTokenizer fits the tokenizer of recipe text-folder to the text, as ebb data inspect suggests, unless it is set to something else than
// the preset's.
func (t *Text) chooseTokenizer(ctx context.Context, s *Sets) error {
	if t.Tokenizer != (text.TokenizerConfig{Kind: text.KindBPE}) || len(t.Paths) == 0 {
		return nil
	}
	for _, p := range t.Paths {
		if text.IsPrepared(p) {
			return nil // and has its own
		}
	}
	docs, err := t.documents(ctx, s, t.Paths)
	if err != nil {
		return err
	}
	size, alphabet, met := int64(0), 0, make([]bool, utf8.MaxRune+1)
	for d, err := range docs {
		if err != nil {
			return err
		}
		size += int64(len(d.Text))
		for _, r := range string(d.Text) {
			if !met[r] {
				met[r] = true
				alphabet++
			}
		}
	}
	if size == 0 {
		return fmt.Errorf("%s: there is no text in it", strings.Join(t.Paths, ", "))
	}
	t.Tokenizer = text.SuggestTokenizer(size, alphabet)
	s.Text.Notes = append(s.Text.Notes, "chosen: "+t.Tokenizer.Reason(size, alphabet))
	return nil
}
