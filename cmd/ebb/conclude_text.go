package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/ebb-ml/ebb/diffusion/masked"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/sample"
	"github.com/ebb-ml/ebb/text"
	"github.com/ebb-ml/ebb/train"
)

// judgeEquations draws equations and counts the true ones, and has a number filled in where one is missing.
func (s *session) judgeEquations(ctx context.Context, r train.Result) ([]string, error) {
	m := textModel(s.config, s.text, s.tokenizer)
	v, err := s.drawEquations(ctx, r, m)
	if err != nil {
		return nil, err
	}
	if err := s.measured(r, "equations_true", v.Share()); err != nil {
		return nil, err
	}
	n := v.True + v.False + v.Malformed
	lines := []string{fmt.Sprintf("Of %d equations that it wrote, %d are true (%.1f %%), %d false and %d no sums.", n, v.True, 100*v.Share(), v.False, v.Malformed)}
	if m.Process != masked.ProcessAbsorbing {
		return lines, nil
	}
	right, total, err := s.fillIn(ctx, r)
	if err != nil {
		return nil, err
	}
	lines = append(lines, fmt.Sprintf("Of %d missing numbers, it filled in %d right (%.1f %%).", total, right, 100*float64(right)/float64(total)))
	return lines, s.measured(r, "numbers_right", float64(right)/float64(total))
}

const judgedTexts = 200

// drawEquations judges texts drawn from nothing, other ones than the previews.
func (s *session) drawEquations(ctx context.Context, r train.Result, m sample.TextModel) (v text.Verdict, err error) {
	w, err := newWriter(s.engine, r.Weights, s.config, s.text, s.tokenizer)
	if err != nil {
		return v, err
	}
	defer w.Finalize()
	request := recipeTexts(s.config, m, judgedTexts)
	request.Seed++
	rows, err := drawTexts(ctx, w, request)
	if err != nil {
		return v, err
	}
	for _, row := range rows {
		line, err := s.tokenizer.Decode(nil, row)
		if err != nil {
			return v, err
		}
		w := text.CheckEquations(line, s.config.Text.Packing == text.Separate)
		v.True, v.False, v.Malformed = v.True+w.True, v.False+w.False, v.Malformed+w.Malformed
	}
	return v, nil
}

// fillIn hides one number of an equation in each of many rows that training never saw, the first, second and third in turn, and counts
// those that are filled in right.
func (s *session) fillIn(ctx context.Context, r train.Result) (right, total int, err error) {
	p, err := recipe.NewPredictor(s.engine, r.Weights, s.text)
	if err != nil {
		return 0, 0, err
	}
	defer p.Finalize()
	e := *s.config.Text.Equations
	e.Documents, e.Seed = 4*judgedTexts, 2 // another seed than that of training
	canvas := masked.NewCanvas(e.Documents, s.text.Length, s.text.Vocab)
	var lines [][]byte
	for d, err := range e.All() {
		if err != nil {
			return 0, 0, err
		}
		ids, err := s.tokenizer.Encode(nil, d.Text)
		if err != nil {
			return 0, 0, err
		}
		row := canvas.Row(len(lines))
		if copy(row, ids) < len(row) { // what stands behind a document
			special := s.tokenizer.Special()
			if special.EOS == text.None {
				return 0, 0, fmt.Errorf("equations of %d characters do not fill rows of %d: set text.equations.each higher", len(ids), s.text.Length)
			}
			for k := range row[len(ids):] {
				row[len(ids)+k] = special.Pad
			}
			row[len(ids)] = special.EOS
		}
		from, to := hidden(d.Text[:min(len(d.Text), s.text.Length)], len(lines)%3)
		for k := from; k < to; k++ {
			row[k] = int32(s.text.Vocab)
		}
		lines = append(lines, d.Text)
	}
	sampler := masked.Sampler{Method: masked.Confidence, Steps: s.text.Length, Greedy: true}
	if _, err := sampler.Sample(untilDone(ctx, p.Model(s.text.Length, s.text.Null, masked.Schedule{})), canvas); err != nil {
		return 0, 0, err
	}
	for i := range lines {
		got, err := s.tokenizer.Decode(nil, canvas.Row(i))
		if err != nil {
			return 0, 0, err
		}
		if bytes.Equal(got, lines[i][:len(got)]) {
			right++
		}
	}
	return right, len(lines), nil
}

// hidden is the place of number which (0, 1 or 2) of the middle one of the whole equations that a line begins with.
func hidden(line []byte, which int) (from, to int) {
	for range bytes.Count(line, []byte(";")) / 2 {
		from += bytes.IndexByte(line[from:], ';') + 1
	}
	for ; which > 0; which-- {
		from += bytes.IndexAny(line[from:], "+=") + 1
	}
	return from, from + bytes.IndexAny(line[from:], "+=;")
}
