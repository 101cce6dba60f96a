package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ebb-ml/ebb/text"
)

// textFlags say that a source is text, and how it is understood.
type textFlags struct {
	Text     bool   `help:"Take it for text, whatever the names of its files say."`
	Field    string `help:"Field of JSON objects, column of tables that holds the text." placeholder:"NAME" default:"text"`
	Label    string `help:"Field or column that holds the class of a text." placeholder:"NAME"`
	Encoding string `help:"Of bytes that are no UTF-8: replace, windows-1252, strict." enum:"replace,windows-1252,strict" default:"replace"`
}

func (f textFlags) options() (o text.Options, err error) {
	o.Field, o.Label = f.Field, f.Label
	return o, usage(o.Encoding.UnmarshalText([]byte(f.Encoding)))
}

// corpus opens a source and says how it was understood.
func (f textFlags) corpus(a *app, path string) (*text.Corpus, error) {
	o, err := f.options()
	if err != nil {
		return nil, err
	}
	corpus, err := text.Open(path, o)
	if err != nil {
		return nil, withCode(exitData, err)
	}
	for _, n := range corpus.Notes() {
		fmt.Fprintln(a.stderr, "note:", n)
	}
	return corpus, nil
}

// inspectText is data inspect for text.
func (c *inspectCmd) inspectText(a *app) error {
	if c.Sheet != "" || c.Part != "all" {
		return usage(errors.New("--sheet and --part are for pictures, and this is text"))
	}
	if text.Recognise(c.Path) == text.Prepared {
		return c.inspectPrepared(a)
	}
	corpus, err := c.corpus(a, c.Path)
	if err != nil {
		return err
	}
	defer corpus.Close()
	ctx, stop := interruptible()
	defer stop()
	p := newTextProgress(a, corpus, "looking at")
	r, err := text.Inspect(p.watch(corpus.Documents(ctx)))
	p.end()
	if err != nil {
		return withCode(exitData, stoppedOr(ctx, err))
	}
	if c.JSON {
		err = printJSON(a, r)
	} else {
		err = r.WriteText(a.stdout)
	}
	if err == nil && r.Documents == 0 {
		err = withCode(exitData, fmt.Errorf("%s: there is no text in it", c.Path))
	}
	return err
}

func printJSON(a *app, v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// inspectPrepared tells what a prepared folder says about itself.
func (c *inspectCmd) inspectPrepared(a *app) error {
	tokens, tok, err := text.Load(context.Background(), c.Path, text.LoadOptions{})
	if err != nil {
		return withCode(exitData, err)
	}
	defer tokens.Close()
	m := tokens.Meta()
	if c.JSON {
		return printJSON(a, m)
	}
	fmt.Fprintf(a.stdout, "%s: %d documents, %s\n", c.Path, m.Documents, tokensOf(m))
	fmt.Fprintf(a.stdout, "  tokenizer %s, %d ids; end of text %s; odd in the text: %v\n", m.Fingerprint, m.Vocab, shownID(m.EOS), m.Issues)
	for _, class := range m.Classes {
		fmt.Fprintf(a.stdout, "  class %s\n", class)
	}
	ids, _, err := tokens.Document(0)
	if err != nil {
		return withCode(exitData, err)
	}
	begin, err := text.Show(tok, ids[:min(len(ids), 200)], "?")
	if err != nil {
		return withCode(exitData, err)
	}
	_, err = fmt.Fprintf(a.stdout, "  begins %q\n", begin)
	return err
}

func shownID(id int32) string {
	if id == text.None {
		return "none"
	}
	return fmt.Sprint(id)
}

// tokensOf describes an amount of text.
func tokensOf(m text.Meta) string {
	return fmt.Sprintf("%d tokens of %.2f bytes, %d characters", m.Tokens, float64(m.Bytes)/float64(max(m.Tokens, 1)), m.Chars)
}

// prepareText is data prepare for text.
func (c *prepareCmd) prepareText(a *app) error {
	if c.Size != 0 || c.Channels != 0 || c.Part != "all" {
		return usage(errors.New("--size, --channels and --part are for pictures, and this is text"))
	}
	config, chosen, err := c.tokenizer()
	if err != nil {
		return err
	}
	corpus, err := c.corpus(a, c.Path)
	if err != nil {
		return err
	}
	defer corpus.Close()
	ctx, stop := interruptible()
	defer stop()
	tok, err := c.makeTokenizer(ctx, a, corpus, config, chosen)
	if err != nil {
		return err
	}
	p := newTextProgress(a, corpus, "tokenizing")
	meta, err := text.PrepareFolder(ctx, p.watch(corpus.Documents(ctx)), tok, c.Out, nil)
	p.end()
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			return withCode(exitIO, err)
		}
		return withCode(exitData, stoppedOr(ctx, err))
	}
	_, err = fmt.Fprintf(a.stdout, "%s: %d documents, %s, %d different ids\nTry:  ebb train --recipe text-folder --data %s\n",
		c.Out, meta.Documents, tokensOf(meta), meta.Vocab, c.Out)
	return err
}

// tokenizer reads the flags; chosen is false if the text is to decide.
func (c *prepareCmd) tokenizer() (config text.TokenizerConfig, chosen bool, err error) {
	config = text.TokenizerConfig{Vocab: c.Vocab, Alphabet: c.Alphabet}
	if c.Tokenizer == "" {
		if c.Vocab != 0 || c.Alphabet != "" {
			return config, false, usage(errors.New("--vocab and --alphabet need --tokenizer bpe or chars"))
		}
		return config, false, nil
	}
	if config.Kind, err = text.ParseTokenizerKind(c.Tokenizer); err != nil || config.Kind == text.KindFile {
		if _, stat := os.Stat(c.Tokenizer); stat != nil {
			return config, true, usage(fmt.Errorf("--tokenizer %s is no file: give bytes, chars, bpe or the path of a tokenizer.json", c.Tokenizer))
		}
		config.Kind, config.File = text.KindFile, c.Tokenizer
	}
	return config, true, usage(config.Check())
}

// makeTokenizer makes the tokenizer, and says which and why if nobody chose one.
func (c *prepareCmd) makeTokenizer(ctx context.Context, a *app, corpus *text.Corpus, config text.TokenizerConfig, chosen bool) (text.Tokenizer, error) {
	if !chosen {
		p := newTextProgress(a, corpus, "looking at")
		r, err := text.Inspect(p.watch(corpus.Documents(ctx)))
		p.end()
		if err == nil && r.Documents == 0 {
			err = fmt.Errorf("%s: there is no text in it", c.Path)
		}
		if err != nil {
			return nil, withCode(exitData, stoppedOr(ctx, err))
		}
		config = r.Tokenizer
		fmt.Fprintln(a.stderr, "chosen:", r.Advice[0])
	}
	p := newTextProgress(a, corpus, "learning the tokenizer from")
	tok, err := config.Make(p.watch(corpus.Documents(ctx)))
	p.end()
	return tok, withCode(exitData, stoppedOr(ctx, err))
}

// stoppedOr is what stopped a job if something did, for an error that the stop caused says less.
func stoppedOr(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("stopped before it was done: %w", context.Cause(ctx))
	}
	return err
}

// textProgress shows how much of a corpus was read: a bar on a terminal, a line every few seconds elsewhere.
type textProgress struct {
	screen *screen
	corpus *text.Corpus
	what   string
	start  time.Time
}

func newTextProgress(a *app, corpus *text.Corpus, what string) *textProgress {
	now := time.Now()
	p := &textProgress{newScreen(a, "", false, false), corpus, what, now}
	p.screen.last = now // what is done at once needs no progress
	return p
}

// watch passes documents on.
func (p *textProgress) watch(docs text.Documents) text.Documents {
	return func(yield func(text.Document, error) bool) {
		for d, err := range docs {
			p.report()
			if !yield(d, err) {
				return
			}
		}
	}
}

func (p *textProgress) report() {
	s, every := p.screen, lineEvery
	if s.tty {
		every = barEvery
	}
	since := time.Since(s.last)
	if since < every {
		return
	}
	s.last = time.Now()
	done, total := p.corpus.Progress()
	share := float64(done) / float64(max(total, 1))
	facts := fmt.Sprintf("%.1f of %.1f MB  %.1f MB/s", float64(done)/1e6, float64(total)/1e6, float64(done)/1e6/time.Since(p.start).Seconds())
	if !s.tty {
		fmt.Fprintf(s.out, "%s  %.0f%%  %s\n", p.what, 100*share, facts)
		return
	}
	fmt.Fprint(s.out, "\r\x1b[K", bar(p.what, facts, share, s.width()))
	s.drawn = true
}

// end removes the bar.
func (p *textProgress) end() {
	if p.screen.drawn {
		fmt.Fprint(p.screen.out, "\r\x1b[K")
		p.screen.drawn = false
	}
}
