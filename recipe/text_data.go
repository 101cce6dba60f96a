package recipe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ebb-ml/ebb/text"
)

// TextSets are the texts of a run.
type TextSets struct {
	Train     *text.Part
	Valid     *text.Part // held out; nil for none
	Tokenizer text.Tokenizer
	Notes     []string // how the sources were understood
}

// OpenText opens and tokenizes the text of the configuration. use, if not nil, is the tokenizer that the run was begun with; otherwise the
// configured one is made.
func (c Config) OpenText(ctx context.Context, use text.Tokenizer) (*Sets, error) {
	t := c.Text
	s := &Sets{Text: &TextSets{}}
	if c.Recipe == "text-folder" && use == nil {
		if err := t.chooseTokenizer(ctx, s); err != nil {
			return nil, errors.Join(c.withoutText(err), s.Close())
		}
	}
	all, err := t.load(ctx, s, t.Paths, use)
	if err != nil {
		return nil, errors.Join(c.withoutText(err), s.Close())
	}
	if err := s.split(ctx, c, all); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// withoutText names the flag to someone who gave no text.
func (c Config) withoutText(err error) error {
	if errors.Is(err, errNoText) {
		return fmt.Errorf("recipe %s needs text: name a file, a folder or an archive with --data", c.Recipe)
	}
	return err
}

var errNoText = errors.New("no text is named")

// split fills the sets.
func (s *Sets) split(ctx context.Context, c Config, all *text.Tokens) (err error) {
	t, h := c.Text, c.Text.HeldOut
	s.Text.Train = all.All()
	if err := t.longEnough(s.Text); err != nil { // more to the point than that nothing can be held out of it
		return err
	}
	switch {
	case h.Windows == 0:
	case len(t.Valid) > 0:
		held, err := t.load(ctx, s, t.Valid, s.Text.Tokenizer)
		if err != nil {
			return err
		}
		s.Text.Valid = held.All()
	case h.Share > 0:
		if s.Text.Train, s.Text.Valid, err = all.Split(h.Share, c.Train.Seed); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(t.names(), ", "), err)
		}
		s.Text.Notes = append(s.Text.Notes, s.Text.Train.How())
	}
	return t.longEnough(s.Text)
}

// names says where the text is from.
func (t *Text) names() []string {
	if t.Source == TextEquations {
		return []string{"equations"}
	}
	return t.Paths
}

// longEnough refuses parts that have not even one row. A length that is yet to be chosen will fit.
func (t *Text) longEnough(s *TextSets) error {
	if t.Length == 0 || t.Packing == text.Separate {
		return nil
	}
	for _, p := range []struct {
		part *text.Part
		what string
	}{{s.Train, "to train on"}, {s.Valid, "held out"}} {
		if p.part != nil && p.part.Len() < int64(t.Length) {
			return &TooShortError{Name: strings.Join(t.names(), ", "), Tokens: p.part.Len(), What: p.what, Length: t.Length}
		}
	}
	return nil
}

// TooShortError says that there is less text than a row.
type TooShortError struct {
	Name   string // of the text
	Tokens int64
	What   string // they are for
	Length int    // of a row
}

func (e *TooShortError) Error() string {
	return fmt.Sprintf("%s: %d tokens %s are fewer than a row of %d: give more text, or set text.length lower (or text.held_out.share higher)",
		e.Name, e.Tokens, e.What, e.Length)
}

// load makes tokens of sources, and the tokenizer if there is none yet.
func (t *Text) load(ctx context.Context, s *Sets, paths []string, use text.Tokenizer) (*text.Tokens, error) {
	if t.Source == TextFiles && len(paths) == 0 {
		return nil, errNoText
	}
	var tokens *text.Tokens
	var err error
	if t.Source == TextFiles && len(paths) == 1 {
		tokens, s.Text.Tokenizer, err = text.Load(ctx, paths[0], text.LoadOptions{Options: t.options(), Tokenizer: t.Tokenizer, Use: use})
	} else {
		tokens, s.Text.Tokenizer, err = t.loadDocuments(ctx, s, paths, use)
	}
	if err != nil {
		return nil, t.explain(err)
	}
	s.close = append(s.close, tokens.Close)
	return tokens, nil
}

func (t *Text) options() text.Options {
	return text.Options{Field: t.Field, Label: t.Label, Encoding: t.Encoding}
}

// explain says what to do about characters that the alphabet lacks.
func (t *Text) explain(err error) error {
	var unknown *text.UnknownError
	if errors.As(err, &unknown) {
		return fmt.Errorf("%w: clean the text, or choose another tokenizer, such as text.tokenizer.kind=bytes", err)
	}
	return err
}

// loadDocuments makes tokens of several sources, or of equations, in memory.
func (t *Text) loadDocuments(ctx context.Context, s *Sets, paths []string, tok text.Tokenizer) (*text.Tokens, text.Tokenizer, error) {
	docs, err := t.documents(ctx, s, paths)
	if err != nil {
		return nil, nil, err
	}
	if tok == nil {
		if tok, err = t.Tokenizer.Make(docs); err != nil {
			return nil, nil, err
		}
	}
	tokens, err := text.Tokenize(ctx, docs, tok)
	return tokens, tok, err
}

func (t *Text) documents(ctx context.Context, s *Sets, paths []string) (text.Documents, error) {
	if t.Source == TextEquations {
		if t.Equations == nil {
			return nil, errors.New("text.source is equations, but there is no [text.equations]")
		}
		e := *t.Equations
		e.Seed = 1
		return e.All(), e.Check()
	}
	var all []text.Documents
	for _, p := range paths {
		corpus, err := text.Open(p, t.options())
		if err != nil {
			return nil, err
		}
		s.close = append(s.close, corpus.Close)
		s.Text.Notes = append(s.Text.Notes, corpus.Notes()...)
		all = append(all, corpus.Documents(ctx))
	}
	return func(yield func(text.Document, error) bool) {
		for _, docs := range all {
			for d, err := range docs {
				if !yield(d, err) {
					return
				}
			}
		}
	}, nil
}

// Rows cuts evenly spaced rows from a part, to measure on: at most n, or all for n = 0, and counts the characters of each. It says how the
// rows are cut as the configuration does.
func (c Config) Rows(part *text.Part, tok text.Tokenizer, n int) (rows *text.Batch, chars, bytes []int64, err error) {
	loader, err := text.NewLoader(part, text.LoaderConfig{Batch: 1, Length: c.Text.Length, Packing: c.Text.Packing})
	if err != nil {
		return nil, nil, nil, err
	}
	if rows, err = loader.Even(int(min(int64(n), loader.Windows()))); err != nil {
		return nil, nil, nil, err
	}
	for i := 0; i < len(rows.Tokens); i += c.Text.Length {
		b, err := tok.Decode(nil, rows.Tokens[i:i+c.Text.Length])
		if err != nil {
			return nil, nil, nil, err
		}
		chars, bytes = append(chars, characters(b)), append(bytes, int64(len(b)))
	}
	return rows, chars, bytes, nil
}

// characters counts those that begin in b: rows of bytes may cut one in two.
func characters(b []byte) (n int64) {
	for _, c := range b {
		if utf8.RuneStart(c) {
			n++
		}
	}
	return n
}

// sameClasses holds the classes of a run against those of the data.
func sameClasses(want, have []string) error {
	if len(want) > 0 && !slices.Equal(want, have) {
		return fmt.Errorf("the data has the classes %s, the run was made for %s", list(have), list(want))
	}
	return nil
}
