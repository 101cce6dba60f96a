package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ebb-ml/ebb/recipe"
)

// notForPictures refuses flags that are about text alone.
func (c *finetuneCmd) notForPictures() error {
	return misplacedIn("a model of pictures", []flagGiven{{"--tokens", c.Tokens != 0}, {"--process", c.Process != ""}})
}

// notForText refuses flags that are about pictures alone.
func (c *finetuneCmd) notForText() error {
	return misplacedIn("a model of text", []flagGiven{{"--images", c.Images != 0}, {"--class", c.Class != ""}, {"--mix", c.Mix != ""},
		{"--replace-classes", c.Replace}})
}

func misplacedIn(model string, flags []flagGiven) error {
	var names []string
	for _, f := range flags {
		if f.given {
			names = append(names, f.name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("%s: that is not for %s: leave it out", strings.Join(names, ", "), model)
}

// beginText completes the configuration of a new run that goes on from a model of text, and opens its text. Settings made by hand win over
// lengths that are worked out, so they are applied again.
func (c *finetuneCmd) beginText(ctx context.Context, config recipe.Config, source *trained) (*tuning, error) {
	if err := errors.Join(c.notForText(), c.applyText(&config)); err != nil {
		return nil, usage(err)
	}
	if config.Network.Conditional && !source.config.Network.Conditional {
		if err := config.RowsOfOneClass(source.tokenizer); err != nil {
			return nil, usage(err)
		}
	}
	sets, err := config.OpenText(ctx, source.tokenizer)
	if err != nil {
		return nil, withCode(exitData, err)
	}
	t := &tuning{config: config, sets: &recipe.FinetuneSets{Sets: *sets}, source: source}
	t.config.SetTextLength(c.Tokens, c.Batch, sets.Text.Train.Len())
	err = c.settings(&t.config)
	if err == nil {
		_, err = t.config.ResolveText(sets.Text)
	}
	if err != nil {
		return nil, errors.Join(usage(err), sets.Close())
	}
	if sets.Text.Valid == nil {
		t.config.Train.Patience = 0 // there is nothing to be patient about
	}
	if t.notes, err = t.announce(nil); err != nil {
		return nil, errors.Join(err, sets.Close())
	}
	return t, nil
}

// applyText changes what a source's configuration became by the flags that do not need the text.
func (c *finetuneCmd) applyText(config *recipe.Config) error {
	config.Text.Paths, config.Text.Valid = c.Data, c.Valid
	config.Finetune.Train = c.Train
	if c.NoEarly {
		config.Train.Patience = 0
	}
	if c.Seed != 0 {
		config.Train.Seed = c.Seed
	}
	if c.Process != "" {
		if err := config.Set("text.process=" + c.Process); err != nil {
			return err
		}
	}
	return c.settings(config)
}

// settings applies what --set says.
func (c *finetuneCmd) settings(config *recipe.Config) error {
	for _, s := range c.Set {
		if err := config.Set(s); err != nil {
			return err
		}
	}
	return nil
}

// resumeText takes the configuration of a run on text that is there, and what the flags may change of it.
func (c *finetuneCmd) resumeText(ctx context.Context, before recipe.Config) (*tuning, error) {
	config := before
	if err := c.notForText(); err != nil {
		return nil, usage(err)
	}
	if c.Tokens != 0 {
		config.SetTokens(c.Tokens)
	}
	if c.NoEarly {
		config.Train.Patience = 0
	}
	own := *config.Text
	config.Text = &own
	own.Paths, own.Valid = given(c.Data, own.Paths), given(c.Valid, own.Valid)
	if c.Process != "" {
		if err := config.Set("text.process=" + c.Process); err != nil {
			return nil, usage(err)
		}
	}
	if err := errors.Join(c.settings(&config), config.Validate(), c.sameRun(before), compatible(before, config, c.Folder)); err != nil {
		return nil, usage(err)
	}
	tokenizer, err := readTokenizer(c.Folder)
	if err != nil {
		return nil, withCode(exitData, err)
	}
	sets, err := config.OpenText(ctx, tokenizer)
	if err != nil {
		return nil, withCode(exitData, err)
	}
	if _, err := config.ResolveText(sets.Text); err != nil {
		return nil, errors.Join(usage(err), sets.Close())
	}
	if err := compatible(before, config, c.Folder); err != nil { // other text may have other classes
		return nil, errors.Join(usage(err), sets.Close())
	}
	return &tuning{config: config, sets: &recipe.FinetuneSets{Sets: *sets}}, nil
}
