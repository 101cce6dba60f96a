package main

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ebb-ml/ebb/sample"
	"github.com/ebb-ml/ebb/text"
	"github.com/ebb-ml/ebb/text/judge"
)

// drawnTexts are the samples of one guidance scale.
type drawnTexts struct {
	guidance float64
	rows     [][]int32
	classes  []int32 // asked for; nil of a model without
}

// scales are the guidance scales to draw with, the one whose samples are described whole first.
func (e *textReport) scales() ([]float64, error) {
	own := e.t.config.Text.Sample.Guidance
	switch {
	case !e.t.text.Classed && len(e.Guidance) > 0:
		return nil, usage(fmt.Errorf("--guidance: this model was trained without classes"))
	case !e.t.text.Classed:
		return []float64{1}, nil
	case len(e.Guidance) > 0:
		return e.Guidance, nil
	case own == 1:
		return []float64{1}, nil
	}
	return []float64{own, 1}, nil
}

// samples draws texts, and describes those of the first guidance scale next to held-out text of the same amount.
func (e *textReport) samples(ctx context.Context, against *judge.Against) error {
	scales, err := e.scales()
	if err != nil {
		return err
	}
	loader, err := text.NewLoader(e.held, text.LoaderConfig{Batch: 1, Length: e.t.text.Length})
	if err != nil {
		return withCode(exitData, err)
	}
	n := int(min(int64(e.Samples), loader.Windows()/2))
	if n < 1 {
		return withCode(exitData, fmt.Errorf("the held-out text has %d rows of %d tokens: to judge samples it takes two at least", loader.Windows(), e.t.text.Length))
	}
	real, err := loader.Even(2 * n)
	if err != nil {
		return err
	}
	var shown [][]int32
	for i, row := range cut(real.Tokens, e.t.text.Length) {
		if i%2 == 0 {
			against.HeldOut = append(against.HeldOut, row)
		} else {
			shown = append(shown, row)
		}
	}
	for _, g := range scales {
		d, err := e.draw(ctx, e.Samples, g)
		if err != nil {
			return err
		}
		e.drawn = append(e.drawn, d)
	}
	stats, err := against.Describe(e.drawn[0].rows[:n], shown)
	if err != nil {
		return err
	}
	e.r.Samples, e.r.HeldOut = &stats[0], &stats[1]
	return nil
}

// draw writes texts as ebb sample does when it is told nothing but the guidance, but whole ones.
func (e *textReport) draw(ctx context.Context, n int, guidance float64) (d drawnTexts, err error) {
	d.guidance = guidance
	flags := &sampleCmd{Count: &n}
	if e.t.text.Classed {
		flags.Guidance = &guidance
	}
	r, err := flags.textRequest(e.t)
	if err != nil {
		return d, usage(err)
	}
	r.Stop, r.Batch = false, min(e.Batch, n)
	d.rows, err = once(e, "samples", fmt.Sprint(n, guidance), func() ([][]int32, error) { return e.write(ctx, r) })
	for i := range d.rows {
		if r.Class != nil {
			d.classes = append(d.classes, r.Class(i))
		}
	}
	return d, err
}

// write draws the texts of a request.
func (e *textReport) write(ctx context.Context, r sample.TextRequest) (rows [][]int32, err error) {
	w, err := newWriter(e.engine, e.t.weights, e.t.config, e.t.text, e.t.tokenizer)
	if err != nil {
		return nil, err
	}
	defer w.Finalize()
	counter := newCounter(e.app, fmt.Sprintf("samples with guidance %g:", r.Guidance))
	err = w.Draw(ctx, r, func(texts sample.Texts) error {
		rows = append(rows, texts.Rows...)
		counter.report(len(rows), r.Count)
		return nil
	})
	return rows, err
}

// mostNamed is how many held-out documents a judge of classes is tried on at most.
const mostNamed = 2000

// classes lets a judge of words, learnt from the training text, name the classes of samples and of held-out text.
func (e *textReport) classes(ctx context.Context, training *text.Part) error {
	names := e.t.text.Classes
	if len(names) < 2 || e.drawn[0].classes == nil {
		return nil
	}
	bag, err := judge.NewBagOfWords(len(names))
	if err != nil {
		return err
	}
	if err := e.documents(ctx, training, e.t.text.Length, bag.Learn); err != nil {
		return err
	}
	r := &judge.Classes{Names: names}
	var of labelledTexts
	if err := e.documents(ctx, e.held, math.MaxInt, of.add); err != nil {
		return err
	}
	if r.Documents, err = bag.Count(of.texts, of.classes); err != nil {
		return err
	}
	if r.Windows, err = e.named(bag, e.labelledWindows(), 0); err != nil {
		return err
	}
	for _, d := range e.drawn {
		n, err := e.named(bag, d, d.guidance)
		if err != nil {
			return err
		}
		r.Samples = append(r.Samples, n)
	}
	e.r.Classes = r
	return nil
}

type labelledTexts struct {
	texts   [][]byte
	classes []int32
}

func (l *labelledTexts) add(words []byte, class int32) error {
	if len(l.texts) < mostNamed {
		l.texts, l.classes = append(l.texts, words), append(l.classes, class)
	}
	return nil
}

// documents shows evenly spaced labelled documents of a part, of judgeTokens tokens at most, cut into pieces of a size: a judge that is to
// name short texts must learn from short ones, lest the class of the longer documents seems to have each word oftener.
func (e *textReport) documents(ctx context.Context, p *text.Part, size int, show func(words []byte, class int32) error) error {
	step := max(1, int((p.Len()+judgeTokens-1)/judgeTokens))
	for i := 0; i < p.Documents(); i += step {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		ids, class, err := p.Document(i)
		if err != nil {
			return err
		}
		if class < 0 {
			continue
		}
		for piece := range slices.Chunk(ids, min(size, len(ids))) {
			words, err := e.t.tokenizer.Decode(nil, piece)
			if err != nil {
				return err
			}
			if err := show(words, class); err != nil {
				return err
			}
		}
	}
	return nil
}

// labelledWindows are the held-out rows with classes.
func (e *textReport) labelledWindows() (d drawnTexts) {
	for i := range e.extents {
		if class := e.rows.Class[i]; class >= 0 {
			d.rows, d.classes = append(d.rows, e.window(i)), append(d.classes, class)
		}
	}
	return d
}

// named lets a judge name texts up to their ends.
func (e *textReport) named(bag *judge.BagOfWords, d drawnTexts, guidance float64) (judge.Named, error) {
	texts := make([][]byte, len(d.rows))
	for i, row := range d.rows {
		if end := slices.Index(row, e.t.tokenizer.Special().EOS); end >= 0 {
			row = row[:end]
		}
		var err error
		if texts[i], err = e.t.tokenizer.Decode(nil, row); err != nil {
			return judge.Named{}, err
		}
	}
	n, err := bag.Count(texts, d.classes)
	n.Guidance = judge.Value(guidance)
	return n, err
}
