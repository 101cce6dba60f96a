package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/tune"
)

// rateKey is the setting that the range test is about.
const rateKey = "train.rate.peak"

// usualKnobs are the values that are tried of settings named without any.
func usualKnobs(c recipe.Config) []tune.Knob {
	b := c.Train.Batch
	return []tune.Knob{
		{Key: rateKey, Low: c.Train.Rate.Peak / 10, High: c.Train.Rate.Peak * 10}, // narrowed by the range test
		{Key: "train.batch", Values: []string{fmt.Sprint(max(b/2, 1)), fmt.Sprint(b), fmt.Sprint(2 * b)}},
		{Key: "train.clip", Values: []string{"0.1", "0.5", "1.0", "2.0"}},
		{Key: "train.drop_class", Values: []string{"0.05", "0.1", "0.2"}},
		{Key: "train.adamw.weight_decay", Low: 1e-4, High: 0.3},
		{Key: "train.adamw.beta1", Values: []string{"0.8", "0.9", "0.95"}},
		{Key: "train.adamw.beta2", Values: []string{"0.95", "0.99", "0.999"}},
		{Key: "network.unet.dropout", Values: []string{"0.0", "0.1", "0.2"}},
		{Key: "network.dit.dropout", Values: []string{"0.0", "0.1", "0.2"}},
		{Key: "network.text.dropout", Values: []string{"0.0", "0.1", "0.2"}},
		{Key: "data.augment", Values: []string{"0.0", "0.12"}},
		{Key: "data.flip_x", Values: []string{"false", "true"}},
		{Key: "diffusion.time", Values: []string{"uniform", "logit-normal"}},
		{Key: "diffusion.low_discrepancy", Values: []string{"false", "true"}},
	}
}

// tunable says whether trials that differ in a setting can be told apart by their held-out loss: it must not change what that loss measures,
// or for how long a trial trains.
func tunable(key string) bool {
	section, rest, _ := strings.Cut(key, ".")
	switch section {
	case "network":
		return true
	case "train":
		return !slices.Contains([]string{"images", "tokens", "seed", "log_every", "eval_every", "sample_every", "save_every", "snapshots", "patience"}, rest)
	case "data":
		return slices.Contains([]string{"flip_x", "flip_y", "augment", "noise", "weights"}, rest)
	case "diffusion":
		return slices.Contains([]string{"time", "time_mean", "time_std", "low_discrepancy", "loss_aware", "offset_noise", "input_perturbation"}, rest)
	}
	return false
}

// chooseKnobs reads --knobs and refuses what cannot be tuned.
func (t *tuner) chooseKnobs() error {
	for _, text := range t.Knobs {
		key, _, given := strings.Cut(text, "=")
		key = strings.TrimSpace(key)
		known := slices.Contains(recipe.Keys(), key)
		if known && !tunable(key) {
			return fmt.Errorf("--knobs %s: it changes what the held-out loss measures, or how long a trial is; runs that differ in it are compared by ebb eval compare", key)
		}
		if slices.ContainsFunc(t.knobs, func(k tune.Knob) bool { return k.Key == key }) {
			return fmt.Errorf("--knobs: %s is there twice", key)
		}
		usual := usualKnobs(t.config)
		k := slices.IndexFunc(usual, func(k tune.Knob) bool { return k.Key == key })
		switch {
		case given:
			knob, err := tune.ParseKnob(text)
			if err != nil {
				return fmt.Errorf("--knobs: %w", err)
			}
			t.knobs = append(t.knobs, knob)
		case k >= 0:
			t.knobs = append(t.knobs, usual[k])
			t.narrow = t.narrow || key == rateKey
		case known:
			return fmt.Errorf("--knobs %s: say what values to try, %s=LOW..HIGH or %s=A:B:C", key, key, key)
		default:
			t.knobs = append(t.knobs, tune.Knob{Key: key, Values: []string{"0"}}) // for the error below, which names the nearest key
		}
	}
	return t.checkKnobs()
}

// checkKnobs tries the values of each knob, the ends of ranges, in the configuration.
func (t *tuner) checkKnobs() error {
	for _, k := range t.knobs {
		values := k.Values
		if len(values) == 0 {
			values = []string{k.At(0), k.At(0.999999)}
		}
		for _, v := range values {
			c := t.config
			if err := c.Set(k.Key + "=" + v); err != nil {
				return fmt.Errorf("--knobs: %s", strings.TrimPrefix(err.Error(), "--set "))
			}
			if k.Key == "train.batch" {
				continue // parts may not divide it yet
			}
			if err := c.Validate(); err != nil {
				return fmt.Errorf("--knobs %s=%s: %w", k.Key, v, err)
			}
		}
	}
	return nil
}
