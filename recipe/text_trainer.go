package recipe

import (
	"github.com/ebb-ml/ebb/text"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
)

// buildText makes a run on text.
func (c Config) buildText(sets *TextSets, engine compute.Backend, folder *train.Folder) (*Run, error) {
	m, err := c.TextModel()
	if err != nil {
		return nil, err
	}
	task, err := c.TextTask(m)
	if err != nil {
		return nil, err
	}
	loader, err := text.NewLoader(sets.Train, text.LoaderConfig{Batch: c.Train.Batch, Length: c.Text.Length, Packing: c.Text.Packing, Seed: c.Train.Seed})
	if err != nil {
		return nil, err
	}
	task.Data = c.Text.withEnds(loader)
	r := &Run{Text: m, Trainer: &train.Trainer{Config: c.Train, Task: task, Backend: engine, Folder: folder}}
	h := c.Text.HeldOut
	if sets.Valid == nil || h.Windows == 0 {
		return r, nil
	}
	rows, chars, _, err := c.Rows(sets.Valid, sets.Tokenizer, h.Windows)
	if err != nil {
		return nil, err
	}
	held, err := c.TextHeldOut(engine, task, m, train.HeldOutTokensConfig{Rows: rows, Chars: chars, Batch: h.Batch, Seed: h.Seed})
	if err != nil {
		return nil, err
	}
	r.Trainer.HeldOut = held.Measure
	return r, nil
}
