package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ebb-ml/ebb/diffusion/masked"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/sample"
	"github.com/ebb-ml/ebb/text"
)

// writeFlags are what sample has for text alone.
type writeFlags struct {
	Length      int      `help:"Tokens of a text; default: as in training." placeholder:"N" group:"Text"`
	Prompt      string   `help:"Text to go on from." placeholder:"TEXT" group:"Text"`
	Infill      string   `help:"Text with holes: [MASK] a token, [MASK:40] forty." placeholder:"TEXT" group:"Text"`
	Temperature *float64 `help:"Below 1 safer, above 1 wilder, 0 most probable." placeholder:"T" group:"Text"`
	TopP        *float64 `name:"top-p" help:"Draw from tokens that make up this probability." placeholder:"P" group:"Text"`
	Block       int      `help:"Tokens of a block of --sampler block (32)." placeholder:"N" group:"Text"`
	Stop        *bool    `help:"End a text at its first end-of-text token." negatable:"" group:"Text"`
	JSON        bool     `name:"json" help:"A JSON object for each text." group:"Text"`
	Record      string   `help:"Write how the texts appear, as a web page." placeholder:"FILE.html" group:"Text"`
}

// notForPictures refuses flags that a model of pictures has no use for.
func (c *sampleCmd) notForPictures() error {
	return misplaced(c.Path, "pictures, not text", []flagGiven{{"--length", c.Length != 0}, {"--prompt", c.Prompt != ""}, {"--infill", c.Infill != ""},
		{"--temperature", c.Temperature != nil}, {"--top-p", c.TopP != nil}, {"--block", c.Block != 0}, {"--stop", c.Stop != nil}, {"--json", c.JSON},
		{"--record", c.Record != ""}})
}

// notForText refuses flags that a model of text has no use for.
func (c *sampleCmd) notForText() error {
	if c.GIF != "" {
		return fmt.Errorf("--gif: %s draws text, not pictures: use --record FILE.html", c.Path)
	}
	return misplaced(c.Path, "text, not pictures", []flagGiven{{"--spacing", c.Spacing != ""}, {"--inpaint", c.Inpaint != ""}, {"--mask", c.Mask != ""},
		{"--from", c.From != ""}, {"--strength", c.Strength != nil}, {"--interpolate", c.Interpolate != nil},
		{"--guidance-interval", c.Interval != ""}, {"--guidance-rescale", c.Rescale != nil}, {"--autoguidance", c.Autoguidance != ""},
		{"--threshold", c.Threshold != nil}})
}

type flagGiven struct {
	name  string
	given bool
}

func misplaced(path, draws string, flags []flagGiven) error {
	var names []string
	for _, f := range flags {
		if f.given {
			names = append(names, f.name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s draws %s: leave that out", strings.Join(names, ", "), path, draws)
}

// recipeTexts is what a configuration says of writing n texts. They are of no class.
func recipeTexts(c recipe.Config, m sample.TextModel, n int) sample.TextRequest {
	s := c.Text.Sample
	r := sample.TextRequest{Seed: s.Seed, Count: n, Batch: min(s.Batch, n), Sampler: m.Samplers()[0], Schedule: s.Schedule, Steps: s.Steps,
		Temperature: s.Temperature, TopP: s.TopP, Guidance: 1, Length: s.Length, Stop: m.EOS >= 0 && c.Text.Packing == text.Separate}
	if m.Classed {
		r.Class = func(int) int32 { return m.Null }
	}
	if m.Process == masked.ProcessAbsorbing {
		r.Sampler = sample.TextSampler(s.Sampler) // the first samplers are those of package masked
		if s.Block > 0 {
			r.Sampler, r.Block = sample.TextBlock, s.Block
		}
	}
	if m.Process == masked.ProcessUniform {
		r.TopP = 1
	}
	if r.Length == 0 {
		r.Length = m.Length
	}
	return r
}

// textRequest is the recipe's way of writing, changed by the flags.
func (c *sampleCmd) textRequest(t *trained) (sample.TextRequest, error) {
	m := textModel(t.config, t.text, t.tokenizer)
	r := recipeTexts(t.config, m, setOr(c.Count, 4))
	r.First = c.First
	if c.Block != 0 {
		r.Block = c.Block
	}
	r.Batch = min(setOr(c.Batch, r.Batch), r.Count)
	if c.Seed != nil {
		r.Seed = *c.Seed
	}
	for _, set := range []func(*sample.TextRequest, *trained, sample.TextModel) error{c.setSampler, c.setDraws, c.setCanvas, c.setClass} {
		if err := set(&r, t, m); err != nil {
			return r, err
		}
	}
	return r, r.Check(m)
}

// setSampler chooses the sampler and its steps.
func (c *sampleCmd) setSampler(r *sample.TextRequest, _ *trained, m sample.TextModel) error {
	if err := c.notForText(); err != nil {
		return err
	}
	known := m.Samplers()
	if c.Sampler != "" {
		var err error
		if r.Sampler, err = sample.ParseTextSampler(c.Sampler); err != nil || !slices.Contains(known, r.Sampler) {
			return fmt.Errorf("--sampler %s: a model of the process %v has %s", c.Sampler, m.Process, oneOf(known))
		}
	}
	switch {
	case c.Steps != nil && (r.Sampler == sample.TextLeftToRight || r.Sampler == sample.TextFirstHitting):
		return fmt.Errorf("--steps: the sampler %v makes a call for each token: leave it out", r.Sampler)
	case c.Eta != nil && r.Sampler != sample.TextRemask:
		return fmt.Errorf("--eta is for --sampler remask: how much is masked again, 0.008 if not given")
	case c.Block != 0 && m.Process == masked.ProcessBlock:
		return fmt.Errorf("--block: this model was trained for blocks of %d tokens: leave it out", m.Block)
	case c.Block != 0 && r.Sampler != sample.TextBlock:
		return fmt.Errorf("--block is for --sampler block")
	}
	r.Steps = setOr(c.Steps, r.Steps)
	if c.Eta != nil {
		r.Eta = *c.Eta
	}
	return nil
}

func oneOf(known []sample.TextSampler) string {
	var names []string
	for _, s := range known {
		names = append(names, s.String())
	}
	if len(names) == 1 {
		return "only " + names[0]
	}
	return "one of " + strings.Join(names, ", ")
}

// setDraws says how tokens are drawn.
func (c *sampleCmd) setDraws(r *sample.TextRequest, _ *trained, m sample.TextModel) error {
	if c.TopP != nil {
		if r.TopP = *c.TopP; !(r.TopP > 0 && r.TopP <= 1) {
			return fmt.Errorf("--top-p %v: give a number above 0 up to 1", r.TopP)
		}
	}
	if c.Temperature != nil {
		if r.Temperature = *c.Temperature; !(r.Temperature >= 0 && r.Temperature <= 100) {
			return fmt.Errorf("--temperature %v: give a number from 0 to 100", r.Temperature)
		}
		r.Greedy = r.Temperature == 0
	}
	if c.Stop != nil {
		if r.Stop = *c.Stop; r.Stop && m.EOS < 0 {
			return fmt.Errorf("--stop: the tokenizer of this model has no end of text")
		}
	}
	if c.Record != "" && !strings.EqualFold(filepath.Ext(c.Record), ".html") {
		return fmt.Errorf("--record %s: it is a page for the browser: give it a name that ends in .html", c.Record)
	}
	return nil
}

// setCanvas lays out what is given.
func (c *sampleCmd) setCanvas(r *sample.TextRequest, t *trained, m sample.TextModel) error {
	if c.Length < 0 {
		return fmt.Errorf("--length %d: give at least 1", c.Length)
	}
	if c.Length != 0 {
		r.Length = c.Length
	}
	if c.Infill != "" {
		return c.setInfill(r, t, m)
	}
	if c.Prompt == "" {
		return nil
	}
	ids, err := t.tokenizer.Encode(nil, []byte(c.Prompt))
	if err != nil {
		return unknownIn("--prompt", err, t.tokenizer)
	}
	if len(ids) >= r.Length {
		return fmt.Errorf("--prompt has %s and the text is to have %d: nothing is left to write; give --length %d or more", counted(len(ids), "token"), r.Length, len(ids)+1)
	}
	r.Given = ids
	return nil
}

// setInfill lays out a text with holes. A text shorter than those of training stands at the beginning of a row of which nothing else is
// known, since the network has never seen short rows.
func (c *sampleCmd) setInfill(r *sample.TextRequest, t *trained, m sample.TextModel) error {
	switch {
	case c.Prompt != "" || c.Length != 0:
		return errors.New("--infill is the whole text: leave out --prompt and --length, and write [MASK:40] where forty tokens are to be filled in")
	case !strings.Contains(c.Infill, "[MASK"):
		return errors.New("--infill has no hole: write [MASK] for one token, [MASK:40] for forty")
	}
	ids, err := text.EncodeMasked(t.tokenizer, c.Infill)
	if err != nil {
		return unknownIn("--infill", err, t.tokenizer)
	}
	hole := slices.Index(ids, int32(m.Vocab))
	behind := slices.ContainsFunc(ids[hole:], func(id int32) bool { return int(id) != m.Vocab })
	if behind && !m.Sighted() {
		return fmt.Errorf("--infill: a model of the process %v writes from left to right and does not see what comes after a hole: use one trained with --process absorbing", m.Process)
	}
	r.Given, r.Length = ids, len(ids)
	if len(ids) < m.Length && m.Sighted() {
		r.Length, r.Fill = m.Length, len(ids)
	}
	return nil
}

// unknownIn says of an unknown character which there are.
func unknownIn(flag string, err error, tok text.Tokenizer) error {
	var unknown *text.UnknownError
	chars, ok := tok.(*text.Chars)
	if !errors.As(err, &unknown) || !ok {
		return fmt.Errorf("%s: %s", flag, strings.TrimPrefix(err.Error(), "text: "))
	}
	alphabet := string(chars.Alphabet())
	if n := utf8.RuneCountInString(alphabet); n > 80 {
		alphabet = string([]rune(alphabet)[:80]) + "…"
	}
	return fmt.Errorf("%s: the model does not know the character %q (byte %d): its alphabet is %q", flag, unknown.Rune, unknown.Offset, alphabet)
}

// setClass says which class is written, and how strongly.
func (c *sampleCmd) setClass(r *sample.TextRequest, t *trained, m sample.TextModel) error {
	classes := t.text.Classes
	r.Guidance = t.config.Text.Sample.Guidance
	if c.Guidance != nil {
		if r.Guidance = *c.Guidance; !m.Classed && r.Guidance != 1 {
			return fmt.Errorf("--guidance %v: this model was trained without classes", r.Guidance)
		}
	}
	if !m.Classed {
		r.Guidance = 1
		if c.Class != "" {
			return fmt.Errorf("--class %s: this model was trained without classes", c.Class)
		}
		return nil
	}
	r.Class = func(i int) int32 { return int32(i % max(len(classes), 1)) }
	switch {
	case c.Class == "none":
		r.Class, r.Guidance = func(int) int32 { return m.Null }, 1
	case c.Class != "":
		class, err := classNumber(c.Class, classes)
		if err != nil {
			return err
		}
		r.Class = func(int) int32 { return class }
	}
	return nil
}
