package recipe

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// SetImages changes the length of training on pictures, and with it what was derived from the length: where the learning rate ends and how
// often things are reported, unless those were set to something else. Warming up is kept within a tenth of the length.
func (c *Config) SetImages(images int64) {
	c.stretch(images)
	c.Train.Images = images
}

// SetTokens is SetImages for training on text.
func (c *Config) SetTokens(tokens int64) {
	c.stretch(tokens)
	c.Train.Tokens = tokens
}

// stretch fits what was derived from the length of training to a new one.
func (c *Config) stretch(target int64) {
	t := &c.Train
	if t.Target() == 0 {
		return // nothing was derived yet: that waits for the data
	}
	if t.Rate.Horizon == t.Target() {
		t.Rate.Horizon = target
	}
	for _, every := range []*int64{&t.EvalEvery, &t.SampleEvery, &t.SaveEvery} {
		if *every == t.Target()/8 {
			*every = target / 8
		}
	}
	t.Rate.Warmup = min(t.Rate.Warmup, target/10)
}

// SetBatch changes the batch size, and with it the warm-up and the interval of reports, unless those were set to something else.
func (c *Config) SetBatch(batch int) {
	t := &c.Train
	row := int64(1)
	if c.Text != nil {
		row = int64(c.Text.Length)
	}
	scale := func(v *int64, steps int64) {
		if *v == steps*int64(t.Batch)*row {
			*v = steps * int64(batch) * row
		}
	}
	scale(&t.Rate.Warmup, 100)
	scale(&t.LogEvery, 10)
	t.Batch = batch
}

// free are the keys that may change while a run goes on: they do not change what is learnt from the images to come, or only for how
// long. Keys that end in a dot stand for all below them.
func freeKeys() []string {
	return []string{"train.images", "train.tokens", "train.patience", "train.rate.", "train.log_every", "train.eval_every", "train.sample_every", "train.save_every", "train.snapshots", "train.parts",
		"network.recompute", "held_out.", "eval.", "sample.", "data.max_broken", "data.valid", "data.paths", "data.bits", "text.held_out.", "text.sample.", "text.valid",
		"text.paths"}
}

// Change is a key whose value differs between two configurations.
type Change struct {
	Key, From, To string
	Fixed         bool // a run cannot go on with it
}

// Changes lists what differs between the configuration of a run and a new one.
func Changes(from, to Config) ([]Change, error) {
	a, err := flat(from)
	if err != nil {
		return nil, err
	}
	b, err := flat(to)
	if err != nil {
		return nil, err
	}
	var all []Change
	for k := range b {
		if _, ok := a[k]; !ok {
			a[k] = "(none)"
		}
	}
	for k, v := range a {
		w, ok := b[k]
		if !ok {
			w = "(none)"
		}
		if v != w {
			isFree := slices.ContainsFunc(freeKeys(), func(f string) bool { return k == f || strings.HasSuffix(f, ".") && strings.HasPrefix(k, f) })
			all = append(all, Change{k, v, w, !isFree})
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Key < all[j].Key })
	return all, nil
}

// flat is the configuration as keys with dots and printed values.
func flat(c Config) (map[string]string, error) {
	var b bytes.Buffer
	if err := c.Encode(&b); err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := toml.Unmarshal(b.Bytes(), &tree); err != nil {
		return nil, err
	}
	out := map[string]string{}
	if c.Text == nil { // left out where everything is as in the first diffusion models, which must not look like a change
		text, err := toml.Marshal(map[string]Diffusion{"diffusion": c.Diffusion})
		if err != nil {
			return nil, err
		}
		var own map[string]any
		if err := toml.Unmarshal(text, &own); err != nil {
			return nil, err
		}
		flatten(own, "", out)
	}
	flatten(tree, "", out)
	return out, nil
}

func flatten(v map[string]any, prefix string, out map[string]string) {
	for k, x := range v {
		if m, ok := x.(map[string]any); ok {
			flatten(m, prefix+k+".", out)
			continue
		}
		out[prefix+k] = fmt.Sprint(x)
	}
}
