package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/ebb-ml/ebb/diffusion/masked"
	"github.com/ebb-ml/ebb/eval/report"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/text"
	"github.com/ebb-ml/ebb/text/judge"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
)

// evalTextFlags are what eval has for text alone.
type evalTextFlags struct {
	Windows  string `help:"Evenly spaced rows to measure on, or all." default:"512" group:"Text"`
	Exact    int    `help:"Score N rows exactly, a call for each token." placeholder:"N" group:"Text"`
	Baseline string `help:"An autoregressive run as one more judge." placeholder:"RUN" group:"Text"`

	Guidance []float64 `help:"Scales of samples, whose class a judge names." placeholder:"SCALE" group:"Text"`
}

// judged says whether the training text is needed.
func (c *evalCmd) judged() bool { return c.Samples > 0 || len(c.TrainData) > 0 || c.Baseline != "" }

func (c *evalCmd) checkText() error {
	if len(c.Parts) > 0 {
		return errors.New("--parts is for reports on pictures: leave it out")
	}
	if c.Exact < 0 || c.Samples < 0 {
		return fmt.Errorf("--exact %d --samples %d: they are numbers of texts", c.Exact, c.Samples)
	}
	for _, g := range c.Guidance {
		if !(g >= 0 && g <= 100) {
			return fmt.Errorf("--guidance %v: give scales from 0 to 100", g)
		}
	}
	return nil
}

// textReport measures a model of text.
type textReport struct {
	*evalCmd
	app     *app
	t       *trained
	engine  compute.Backend
	held    *text.Part
	rows    *text.Batch // the windows
	extents []judge.Extent
	score   train.Score // of the windows, by the headline's measure
	drawn   []drawnTexts
	r       judge.Report

	cache    report.Cache
	identity string
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
	score, err := once(e, "by-time", "", func() (train.Score, error) {
		task, err := c.TextTask(e.t.text)
		if err != nil {
			return train.Score{}, err
		}
		h, err := train.NewHeldOutTokens(e.engine, task, train.HeldOutTokensConfig{Process: process, Rows: e.rows, Chars: make([]int64, len(e.extents)), Batch: e.Batch,
			Seed: c.Text.HeldOut.Seed})
		if err != nil {
			return train.Score{}, err
		}
		defer h.Finalize()
		return h.Score(ctx, e.t.weights)
	})
	if err != nil {
		return err
	}
	l, err := judge.NewLikelihood(score.Nats, e.extents)
	_, sigmas := judge.Agreement(e.score.Nats, score.Nats, e.extents)
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
	if e.t.config.Text.Process != masked.ProcessAbsorbing {
		return usage(errors.New("--exact is for models that learnt to fill in masks"))
	}
	n := min(e.Exact, len(e.extents))
	rows, extents := make([]int, n), make([]judge.Extent, n)
	for i := range rows {
		rows[i] = i * len(e.extents) / n
		extents[i] = e.extents[rows[i]]
	}
	nats, err := once(e, "left-to-right", fmt.Sprint(n), func() ([]float64, error) { return e.chainRule(ctx, rows) })
	if err != nil {
		return err
	}
	l, err := judge.NewLikelihood(nats, extents)
	e.r.LeftToRight = &l
	return err
}

// chainRule are the nats of windows, token by token.
func (e *textReport) chainRule(ctx context.Context, rows []int) ([]float64, error) {
	p, err := recipe.NewPredictor(e.engine, e.t.weights, e.t.text.Frozen())
	if err != nil {
		return nil, err
	}
	defer p.Finalize()
	length := e.t.text.Length
	return e.byClass(rows, e.t.text, func(class int32, tokens []int32) ([]float64, error) {
		model := untilDone(ctx, p.Model(length, class, e.t.config.Text.Masked.Schedule))
		return masked.ChainRule(model, tokens, length, e.t.text.Vocab, e.Batch)
	})
}

// byClass scores windows with a model that is told their classes, if it takes any: score gets the tokens of the windows of one class and
// returns the nats of each token. The nats of each window are returned, in the order of rows.
func (e *textReport) byClass(rows []int, m *recipe.TextModel, score func(class int32, tokens []int32) ([]float64, error)) ([]float64, error) {
	length := m.Length
	of := map[int32][]int{} // places in rows, by class
	for i, k := range rows {
		class := e.rows.Class[k]
		if !m.Classed || class < 0 {
			class = m.Null
		}
		of[class] = append(of[class], i)
	}
	nats := make([]float64, len(rows))
	for _, class := range slices.Sorted(maps.Keys(of)) {
		var tokens []int32
		for _, i := range of[class] {
			tokens = append(tokens, e.rows.Tokens[rows[i]*length:][:length]...)
		}
		each, err := score(class, tokens)
		if err != nil {
			return nil, err
		}
		for j, i := range of[class] {
			for _, v := range each[j*length:][:e.extents[rows[i]].Tokens] {
				nats[i] += v
			}
		}
	}
	return nats, nil
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
	if err := e.samples(ctx, against); err != nil {
		return err
	}
	return e.classes(ctx, training)
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
	return sets.Text.Train.Relabel(config.Text.Classes), sets.Close, nil
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

// baseline is an autoregressive model as a judge.
type baseline struct {
	model     func(class int32) masked.Model
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
	case t.config.Text.Fingerprint != e.t.config.Text.Fingerprint || t.text.Length != e.t.text.Length:
		return nil, usage(fmt.Errorf("--baseline %s: it must have the tokenizer and the length (%d) of the model", e.Baseline, e.t.text.Length))
	case t.text.Classed && !slices.Equal(t.text.Classes, e.t.text.Classes):
		return nil, usage(fmt.Errorf("--baseline %s: it has other classes than the model", e.Baseline))
	}
	p, err := recipe.NewPredictor(e.engine, t.weights, t.text.Frozen())
	if err != nil {
		return nil, err
	}
	b := &baseline{predictor: p, of: t.text, batch: e.Batch, model: func(class int32) masked.Model {
		return untilDone(ctx, p.Model(t.text.Length, class, masked.Schedule{}))
	}}
	rows := make([]int, len(e.extents))
	for i := range rows {
		rows[i] = i
	}
	weights, err := hashOf(t.weights)
	nats := []float64(nil)
	if err == nil {
		nats, err = once(e, "baseline", weights, func() ([]float64, error) { return e.byClass(rows, t.text, b.score) })
	}
	if err != nil {
		p.Finalize()
		return nil, err
	}
	l, err := judge.NewLikelihood(nats, e.extents)
	e.r.Baseline = &l
	return b, err
}

// score returns the nats of each token of rows of one class.
func (b *baseline) score(class int32, tokens []int32) ([]float64, error) {
	return masked.CausalScore(b.model(class), tokens, b.of.Length, b.of.Vocab, b.batch)
}

// nats is the mean over all tokens of rows of at most the model's length, told no class.
func (b *baseline) nats(rows [][]int32) (float64, error) {
	tokens := make([]int32, len(rows)*b.of.Length)
	for i, row := range rows {
		copy(tokens[i*b.of.Length:][:b.of.Length], row)
	}
	each, err := b.score(b.of.Null, tokens)
	if err != nil {
		return 0, err
	}
	sum, n := 0.0, 0
	for i, row := range rows {
		for _, v := range each[i*b.of.Length:][:len(row)] {
			sum += v
		}
		n += len(row)
	}
	return sum / float64(n), nil
}
