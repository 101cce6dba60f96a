package main

import (
	"context"

	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/text"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
)

// plannedText prepares the plan of a run on text.
func plannedText(c recipe.Config, held int) (*planKind, error) {
	m, err := c.TextModel()
	if err != nil {
		return nil, err
	}
	task, err := c.TextTask(m)
	if err != nil {
		return nil, err
	}
	task.Data = noText{c.Train.Batch, m.Length}
	const perToken = 3 * numberSize // token, what the network sees, weight
	s := c.Text.Sample
	k := &planKind{parameters: m.Parameters, task: task, rowBytes: int64(m.Length) * perToken, sampleCalls: s.Steps * ((s.Rows + s.Batch - 1) / s.Batch)}
	if rows := min(held, c.Text.HeldOut.Windows); rows > 0 {
		batch := min(rows, c.Text.HeldOut.Batch)
		k.heldOutBatches = (rows + batch - 1) / batch
		k.heldOut = func(ctx context.Context, b compute.Backend, weights *model.Scope) error {
			return dryText(ctx, b, weights, c, m, batch)
		}
	}
	k.sample = func(ctx context.Context, b compute.Backend, weights *model.Scope) error {
		w, err := newWriter(b, weights, c, m, text.NewBytes(false))
		if err != nil {
			return compiled(err) // of embeddings, which are read at once
		}
		defer w.Finalize()
		_, err = drawTexts(ctx, w, recipeTexts(c, textModel(c, m, text.NewBytes(false)), min(s.Rows, s.Batch)))
		return compiled(err)
	}
	return k, nil
}

// noText is a source of rows of token 0.
type noText struct{ rows, length int }

// Batch implements train.TokenSource.
func (n noText) Batch(int64) (*text.Batch, error) {
	return &text.Batch{Tokens: make([]int32, n.rows*n.length), Class: make([]int32, n.rows)}, nil
}

// dryText compiles the held-out loss of a batch.
func dryText(ctx context.Context, b compute.Backend, weights *model.Scope, c recipe.Config, m *recipe.TextModel, batch int) error {
	task, err := c.TextTask(m)
	if err != nil {
		return err
	}
	rows, _ := noText{batch, m.Length}.Batch(0) // never fails
	h, err := c.TextHeldOut(b, task, m, train.HeldOutTokensConfig{Rows: rows, Chars: make([]int64, batch), Batch: batch})
	if err != nil {
		return err
	}
	defer h.Finalize()
	_, err = h.Measure(ctx, weights)
	return compiled(err)
}
