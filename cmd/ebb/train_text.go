package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/ebb-ml/ebb/diffusion/masked"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/sample"
	"github.com/ebb-ml/ebb/text"
	"github.com/gomlx/gomlx/ml/model"
)

// prepareText opens text and completes the configuration from it. A run keeps the tokenizer that it was begun with.
func prepareText(ctx context.Context, config *recipe.Config, run string) (*recipe.Sets, []string, error) {
	use, err := readTokenizer(run)
	if errors.Is(err, fs.ErrNotExist) {
		use, err = nil, nil
	}
	if err != nil {
		return nil, nil, withCode(exitData, err)
	}
	sets, err := config.OpenText(ctx, use)
	if err != nil {
		return nil, nil, withCode(exitData, err)
	}
	notes, err := config.ResolveText(sets.Text)
	var short *recipe.TooShortError
	switch {
	case errors.As(err, &short):
		return nil, nil, errors.Join(withCode(exitData, err), sets.Close())
	case err != nil:
		return nil, nil, errors.Join(usage(err), sets.Close())
	}
	return sets, notes, nil
}

// readTokenizer reads the tokenizer of a run or model folder.
func readTokenizer(dir string) (text.Tokenizer, error) {
	return text.ReadTokenizerFile(filepath.Join(dir, text.TokenizerFile))
}

// textPreview draws texts now and then while a run trains, always of the same seeds, of all classes in turn.
type textPreview struct{ s *session }

// draw is the Sample hook of a train.Trainer.
func (p *textPreview) draw(ctx context.Context, weights *model.Scope, seen int64) (path string, _ []byte, err error) {
	s := p.s
	w, err := newWriter(s.engine, weights, s.config, s.text, s.tokenizer) // anew each time: its graphs hold the weights of now
	if err != nil {
		return "", nil, err
	}
	defer w.Finalize()
	request := recipeTexts(s.config, textModel(s.config, s.text, s.tokenizer), s.config.Text.Sample.Rows)
	classes := s.text.Classes
	if len(classes) > 0 {
		request.Class, request.Guidance = func(i int) int32 { return int32(i % len(classes)) }, s.config.Text.Sample.Guidance
	}
	rows, err := drawTexts(ctx, w, request)
	if err != nil {
		return "", nil, err
	}
	var out bytes.Buffer
	for i, row := range rows {
		line, err := readable(s.tokenizer, row)
		if err != nil {
			return "", nil, err
		}
		name := ""
		if len(classes) > 0 {
			name = ", " + classes[i%len(classes)]
		}
		fmt.Fprintf(&out, "--- %d%s\n%s\n", i+1, name, line)
	}
	path = fmt.Sprintf("samples/%012d.txt", seen)
	return path, nil, s.folder.WriteFile(path, func(w io.Writer) error { _, err := w.Write(out.Bytes()); return err })
}

// drawTexts draws the texts of a request.
func drawTexts(ctx context.Context, w *sample.Writer, r sample.TextRequest) (rows [][]int32, err error) {
	err = w.Draw(ctx, r, func(t sample.Texts) error {
		rows = append(rows, t.Rows...)
		return nil
	})
	return rows, err
}

// untilDone makes a model that gives up when ctx ends.
func untilDone(ctx context.Context, m masked.Model) masked.Model {
	return func(dst []float32, tokens []int32, rates []float64) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		return m(dst, tokens, rates)
	}
}
