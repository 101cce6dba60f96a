package main

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/ebb-ml/ebb/diffusion/masked"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/sample"
	"github.com/ebb-ml/ebb/text"
	"github.com/ebb-ml/ebb/text/judge"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
)

// evalTextFlags are what eval has for text alone.
type evalTextFlags struct {
	Windows  string `help:"How many evenly spaced rows to measure on, or all." default:"512" group:"Text"`
	Exact    int    `help:"Score this many of the rows exactly too, from left to right: a call of the network for each token." placeholder:"N" group:"Text"`
	Baseline string `help:"An autoregressive run with the same tokenizer, as one more judge." placeholder:"RUN" group:"Text"`
}

// judged says whether the training text is needed.
func (c *evalCmd) judged() bool { return c.Samples > 0 || len(c.TrainData) > 0 || c.Baseline != "" }

func (c *evalCmd) checkText() error {
	if c.Exact < 0 || c.Samples < 0 {
		return fmt.Errorf("--exact %d --samples %d: they are numbers of texts", c.Exact, c.Samples)
	}
	return nil
}

// textReport measures a model of text.
type textReport struct {
	*evalCmd
	t       *trained
	engine  compute.Backend
	held    *text.Part
	rows    *text.Batch // the windows
	extents []judge.Extent
	nats    []float64 // of each window, by the headline's measure
	r       judge.Report
}

// fill completes the report, whose headline is there already, as the flags say.
func (e *textReport) fill(ctx context.Context) error {
	e.r.Process, e.r.How = e.t.config.Text.Process.String(), how(e.t.config.Text.Process)
	for _, part := range []func(context.Context) error{e.byTime, e.leftToRight, e.judges} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// how names the measure of recipe.TextHeldOut.
func how(p masked.Process) string {
	switch p {
	case masked.ProcessAutoregressive:
		return "exact"
	case masked.ProcessContinuous:
		return "loss (no bound)"
	case masked.ProcessUniform:
		return "bound"
	}
	return "bound by count"
}

// byTime measures the same bound in its other form.
func (e *textReport) byTime(ctx context.Context) error {
	c := e.t.config
	o := masked.Objective{Schedule: c.Text.Masked.Schedule, Form: masked.ByTime, LowDiscrepancy: true, Vocab: e.t.text.Vocab, Length: c.Text.Length}
	var process masked.Training = &o
	switch c.Text.Process {
	case masked.ProcessAbsorbing:
	case masked.ProcessBlock:
		process = &masked.BlockObjective{Objective: o, Block: e.t.text.Net.Config().Block}
	default:
		return nil
	}
	task, err := c.TextTask(e.t.text)
	if err != nil {
		return err
	}
	chars := make([]int64, len(e.extents))
	h, err := train.NewHeldOutTokens(e.engine, task, train.HeldOutTokensConfig{Process: process, Rows: e.rows, Chars: chars, Batch: e.Batch, Seed: c.Text.HeldOut.Seed})
	if err != nil {
		return err
	}
	defer h.Finalize()
	score, err := h.Score(ctx, e.t.weights)
	if err != nil {
		return err
	}
	l, err := judge.NewLikelihood(score.Nats, e.extents)
	_, sigmas := judge.Agreement(e.nats, score.Nats, e.extents)
	agreement := judge.Value(sigmas)
	e.r.ByTime, e.r.Agreement = &l, &agreement
	return err
}

// window returns the tokens of window i that count.
func (e *textReport) window(i int) []int32 {
	length := e.t.text.Length
	row := e.rows.Tokens[i*length:][:length]
	if e.rows.Free != nil {
		for j, f := range e.rows.Free[i*length:][:length] {
			if !f {
				return row[:j]
			}
		}
	}
	return row
}

// leftToRight scores some windows exactly with a masked model.
func (e *textReport) leftToRight(ctx context.Context) error {
	if e.Exact == 0 || e.t.config.Text.Process == masked.ProcessAutoregressive {
		return nil
	}
	if e.t.config.Text.Process != masked.ProcessAbsorbing || e.t.text.Classed {
		return usage(errors.New("--exact is for models that learnt to fill in masks, without classes"))
	}
	p, err := recipe.NewPredictor(e.engine, e.t.weights, e.t.text.Frozen())
	if err != nil {
		return err
	}
	defer p.Finalize()
	n, length := min(e.Exact, len(e.extents)), e.t.text.Length
	var tokens []int32
	var extents []judge.Extent
	for i := range n {
		k := i * len(e.extents) / n
		tokens, extents = append(tokens, e.rows.Tokens[k*length:][:length]...), append(extents, e.extents[k])
	}
	model := untilDone(ctx, p.Model(length, e.t.text.Null, e.t.config.Text.Masked.Schedule))
	each, err := masked.ChainRule(model, tokens, length, e.t.text.Vocab, e.Batch)
	if err != nil {
		return err
	}
	nats := make([]float64, n)
	for i := range nats {
		for _, v := range each[i*length:][:extents[i].Tokens] {
			nats[i] += v
		}
	}
	l, err := judge.NewLikelihood(nats, extents)
	e.r.LeftToRight = &l
	return err
}

// Sizes of what the n-gram judges learn from: enough for a judge, little enough for memory.
const (
	judgeRow    = 4096
	judgeTokens = 2 << 20
	judgeOrder  = 5
	streamRow   = 1 << 16
)

// judges measures by n-gram models of the training text, and the samples.
func (e *textReport) judges(ctx context.Context) error {
	if !e.judged() {
		return nil
	}
	training, closeData, err := e.training(ctx)
	if err != nil {
		return withCode(exitData, fmt.Errorf("the training text, to judge by: %w; name it with --train-data", err))
	}
	defer closeData()
	against := &judge.Against{Training: func() iter.Seq2[[]int32, error] { return training.Stream(streamRow, judge.CopyOverlap) }}
	if err := e.learn(training, against); err != nil {
		return err
	}
	if e.Baseline != "" {
		b, err := e.openBaseline(ctx)
		if err != nil {
			return err
		}
		defer b.predictor.Finalize()
		against.Baseline = b.nats
	}
	if e.Samples == 0 {
		return nil
	}
	return e.samples(ctx, against)
}

// training opens the text that the model learnt from.
func (e *textReport) training(ctx context.Context) (*text.Part, func() error, error) {
	config := e.t.config
	own := *config.Text
	config.Text = &own
	if len(e.TrainData) > 0 {
		own.Paths, own.Valid, own.HeldOut.Windows = e.TrainData, nil, 0
	}
	sets, err := config.OpenText(ctx, e.t.tokenizer)
	if err != nil {
		return nil, nil, err
	}
	return sets.Text.Train, sets.Close, nil
}

// learn makes the judges and lets them score the windows.
func (e *textReport) learn(training *text.Part, against *judge.Against) error {
	length := int(min(judgeRow, training.Len()))
	loader, err := text.NewLoader(training, text.LoaderConfig{Batch: 1, Length: length})
	if err != nil {
		return err
	}
	batch, err := loader.Even(int(min(loader.Windows(), judgeTokens/judgeRow)))
	if err != nil {
		return err
	}
	rows := cut(batch.Tokens, length)
	windows := make([][]int32, len(e.extents))
	for i := range windows {
		windows[i] = e.window(i)
	}
	for _, j := range []struct {
		order int
		model **judge.NGram
		score **judge.Likelihood
	}{{1, &against.Unigram, &e.r.Unigram}, {judgeOrder, &against.NGram, &e.r.NGram}} {
		if *j.model, err = judge.NewNGram(rows, j.order, e.t.text.Vocab); err != nil {
			return err
		}
		nats := make([]float64, len(windows))
		for i, w := range windows {
			if nats[i], err = (*j.model).Score([][]int32{w}); err != nil {
				return err
			}
			nats[i] *= float64(len(w))
		}
		l, err := judge.NewLikelihood(nats, e.extents)
		if err != nil {
			return err
		}
		*j.score = &l
	}
	return nil
}

func cut(tokens []int32, length int) (rows [][]int32) {
	for ; len(tokens) > 0; tokens = tokens[length:] {
		rows = append(rows, tokens[:length])
	}
	return rows
}

// samples draws texts and describes them next to held-out text of the same amount.
func (e *textReport) samples(ctx context.Context, against *judge.Against) error {
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
	drawn, err := e.draw(ctx, n)
	if err != nil {
		return err
	}
	stats, err := against.Describe(drawn, shown)
	if err != nil {
		return err
	}
	e.r.Samples, e.r.HeldOut = &stats[0], &stats[1]
	return nil
}

// draw writes texts as ebb sample does when it is told nothing, but whole ones.
func (e *textReport) draw(ctx context.Context, n int) (rows [][]int32, err error) {
	r, err := (&sampleCmd{Count: n}).textRequest(e.t)
	if err != nil {
		return nil, err
	}
	r.Stop = false
	w, err := newWriter(e.engine, e.t.weights, e.t.config, e.t.text, e.t.tokenizer)
	if err != nil {
		return nil, err
	}
	defer w.Finalize()
	err = w.Draw(ctx, r, func(texts sample.Texts) error {
		rows = append(rows, texts.Rows...)
		return nil
	})
	return rows, err
}

// baseline is an autoregressive model as a judge.
type baseline struct {
	model     masked.Model
	predictor *recipe.Predictor
	of        *recipe.TextModel
	batch     int
}

// openBaseline loads the run --baseline, and scores the windows with it.
func (e *textReport) openBaseline(ctx context.Context) (*baseline, error) {
	flags := modelFlags{Path: e.Baseline, Checkpoint: "last"}
	t, err := flags.load()
	if err != nil {
		return nil, err
	}
	switch {
	case t.text == nil || t.config.Text.Process != masked.ProcessAutoregressive:
		return nil, usage(fmt.Errorf("--baseline %s: it is no autoregressive model of text", e.Baseline))
	case t.config.Text.Fingerprint != e.t.config.Text.Fingerprint || t.text.Length != e.t.text.Length || t.text.Classed:
		return nil, usage(fmt.Errorf("--baseline %s: it must have the tokenizer and the length (%d) of the model, and no classes", e.Baseline, e.t.text.Length))
	}
	p, err := recipe.NewPredictor(e.engine, t.weights, t.text.Frozen())
	if err != nil {
		return nil, err
	}
	b := &baseline{untilDone(ctx, p.Model(t.text.Length, t.text.Null, masked.Schedule{})), p, t.text, e.Batch}
	windows := make([][]int32, len(e.extents))
	for i := range windows {
		windows[i] = e.window(i)
	}
	nats, err := b.each(windows)
	if err != nil {
		p.Finalize()
		return nil, err
	}
	l, err := judge.NewLikelihood(nats, e.extents)
	e.r.Baseline = &l
	return b, err
}

// each scores rows of at most the model's length: nats of each.
func (b *baseline) each(rows [][]int32) ([]float64, error) {
	tokens := make([]int32, len(rows)*b.of.Length)
	for i, row := range rows {
		copy(tokens[i*b.of.Length:][:b.of.Length], row)
	}
	each, err := masked.CausalScore(b.model, tokens, b.of.Length, b.of.Vocab, b.batch)
	if err != nil {
		return nil, err
	}
	nats := make([]float64, len(rows))
	for i, row := range rows {
		for _, v := range each[i*b.of.Length:][:len(row)] {
			nats[i] += v
		}
	}
	return nats, nil
}

// nats is the mean over all tokens of rows.
func (b *baseline) nats(rows [][]int32) (float64, error) {
	nats, err := b.each(rows)
	sum, tokens := 0.0, 0
	for i, n := range nats {
		sum, tokens = sum+n, tokens+len(rows[i])
	}
	return sum / float64(tokens), err
}
