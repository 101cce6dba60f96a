package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ebb-ml/ebb/nets/block"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/sample"
	"github.com/ebb-ml/ebb/text"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// textModel is what package sample must know of a model of text.
func textModel(c recipe.Config, m *recipe.TextModel, tok text.Tokenizer) sample.TextModel {
	n := m.Net.Config()
	return sample.TextModel{Process: c.Text.Process, Schedule: c.Text.Masked.Schedule, Continuous: c.Text.ContinuousOf(n), Vocab: m.Vocab,
		Length: m.Length, Block: n.Block, Classed: m.Classed, Null: m.Null, EOS: tok.Special().EOS}
}

// newWriter writes text with a model on the weights of a scope.
func newWriter(b compute.Backend, weights *model.Scope, c recipe.Config, m *recipe.TextModel, tok text.Tokenizer) (*sample.Writer, error) {
	network := recipe.Freeze(m.Network)
	forward := func(weights *model.Scope, x, cNoise, class *graph.Node) *graph.Node {
		return network.Forward(weights, train.NetworkInputs{X: x, CNoise: cNoise, Class: class})
	}
	table := func(weights *model.Scope, g *graph.Graph) *graph.Node {
		return m.Net.Table(&block.Ctx{Scope: weights}, graph.Const(g, float32(0)))
	}
	w, err := sample.NewWriter(b, weights, forward, textModel(c, m, tok), table)
	if err != nil {
		return nil, err
	}
	if next, ok := m.Continue(); ok {
		n := m.Net.Config()
		err = w.Remember(b, weights, next, sample.CacheConfig{Layers: n.Layers, Heads: n.Heads, Width: n.Dim, Unseen: block.Unseen})
	}
	return w, err
}

// writeTexts is the verb for a model of text.
func (c *sampleCmd) writeTexts(a *app, t *trained) error {
	r, err := c.textRequest(t)
	if err != nil {
		return asUsage(err)
	}
	engine, err := c.open()
	if err != nil {
		return err
	}
	defer engine.Finalize()
	w, err := newWriter(engine, t.weights, t.config, t.text, t.tokenizer)
	if err != nil {
		return err
	}
	defer w.Finalize()
	ctx, stop := a.untilSignal()
	defer stop()
	err = c.writeAll(ctx, a, t, w, r)
	if errors.Is(err, errInterrupt) {
		return withCode(exitBreak, err)
	}
	return err
}

// written are texts on their way to a file or the screen.
type written struct {
	*sampleCmd
	t     *trained
	r     sample.TextRequest
	file  strings.Builder // of --out
	out   io.Writer
	tape  tape
	calls int
	made  int // tokens, given ones not counted
}

// writeAll writes all texts, shows how they appear, and says what it took.
func (c *sampleCmd) writeAll(ctx context.Context, a *app, t *trained, w *sample.Writer, r sample.TextRequest) error {
	o := &written{sampleCmd: c, t: t, r: r, out: a.stdout, tape: tape{tok: t.tokenizer, length: r.Length}}
	live := newLiveText(a, t.tokenizer, r.Length)
	if c.Out != "" && c.Out != "-" {
		o.out, live.tty = &o.file, false
	}
	live.tty = live.tty && !c.JSON
	if live.tty || c.Record != "" {
		r.Watch = func(first int, tokens []int32) {
			live.show(tokens)
			if c.Record != "" {
				o.tape.add(first, tokens)
			}
		}
	}
	start := time.Now()
	err := w.Draw(ctx, r, func(texts sample.Texts) error {
		live.clear()
		return o.take(texts)
	})
	live.clear()
	if err != nil {
		return err
	}
	took := time.Since(start).Seconds()
	if err := o.finish(a); err != nil {
		return err
	}
	length := r.Length
	if r.Fill > 0 {
		length = r.Fill
	}
	_, err = fmt.Fprintf(a.stderr, "%s of %s: %s of the network, %.1f s, %.0f tokens/s\n", counted(r.Count, "text"), counted(length, "token"),
		counted(o.calls, "call"), took, float64(o.made)/took)
	return err
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// finish writes the files.
func (o *written) finish(a *app) error {
	files := map[string]func(io.Writer) error{}
	if o.Record != "" {
		files[o.Record] = o.tape.write
	}
	if o.out != a.stdout {
		files[o.Out] = func(w io.Writer) error { _, err := io.WriteString(w, o.file.String()); return err }
	}
	for _, path := range []string{o.Out, o.Record} {
		if write := files[path]; write != nil {
			if err := replaceFile(path, write); err != nil {
				return withCode(exitIO, err)
			}
			fmt.Fprintln(a.stderr, path)
		}
	}
	return nil
}

// take writes a batch of texts.
func (o *written) take(texts sample.Texts) error {
	o.calls += texts.Calls
	for i, row := range texts.Rows {
		o.made += len(row)
		for _, id := range o.r.Given {
			if int(id) != o.t.text.Vocab {
				o.made--
			}
		}
		s, err := readable(o.t.tokenizer, row)
		if err != nil {
			return err
		}
		if err := o.write(texts.First+i, s, len(row), texts.Ended[i]); err != nil {
			return withCode(exitIO, err)
		}
	}
	return nil
}

// readable decodes tokens; an end of text within is an empty line.
func readable(tok text.Tokenizer, row []int32) (string, error) {
	var b []byte
	for start := 0; start < len(row); {
		end := start
		for end < len(row) && row[end] != tok.Special().EOS {
			end++
		}
		var err error
		if b, err = tok.Decode(b, row[start:end]); err != nil {
			return "", err
		}
		if start = end + 1; start < len(row) {
			b = append(b, "\n\n"...)
		}
	}
	return strings.ToValidUTF8(string(b), "�"), nil
}

// textLine is a text as JSON.
type textLine struct {
	Sample int    `json:"sample"`
	Seed   uint64 `json:"seed"`
	Class  string `json:"class,omitempty"`
	Text   string `json:"text"`
	Tokens int    `json:"tokens"`
	Ended  bool   `json:"ended"` // by an end of text
}

// write writes one text.
func (o *written) write(i int, s string, tokens int, ended bool) error {
	class := ""
	if o.r.Class != nil {
		if k := int(o.r.Class(i)); k < len(o.t.text.Classes) {
			class = o.t.text.Classes[k]
		}
	}
	if o.JSON {
		b, err := json.Marshal(textLine{i, o.r.Seed, class, s, tokens, ended})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(o.out, "%s\n", b)
		return err
	}
	if o.r.Count > 1 {
		if class != "" {
			class = ", " + class
		}
		s = fmt.Sprintf("--- sample %d%s ---\n%s", i, class, s)
	}
	_, err := fmt.Fprintln(o.out, s)
	return err
}
