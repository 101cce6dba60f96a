package assess

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ebb-ml/ebb/eval/report"
)

// textRules are what Advise looks for in a report on a model of text.
func textRules() []rule {
	return []rule{copyingText, overfittingText, repeating, classless, unfinished}
}

// copyingText: far more of the samples than of held-out text stands in the training text.
func copyingText(f found, c Context) (a report.Advice, ok bool) {
	v, ok := f[copiedName]
	if real := f[held(copiedName)].Value; !ok || !(v.Value > 2*real+0.05) {
		return a, false
	}
	return report.Advice{Finding: fmt.Sprintf("Copying: %.0f %% of the samples' sequences of 20 tokens stand in the training text; of held-out text %.1f %%.", 100*v.Value, 100*f[held(copiedName)].Value),
		Try:     "The network has room to store its text. Train on more of it, with dropout, stop earlier, or take a smaller network.",
		Command: c.anew("network.text.dropout=0.2", "dropout")}, true
}

// overfittingText: the held-out loss was clearly lower before.
func overfittingText(_ found, c Context) (a report.Advice, ok bool) {
	h := c.History.HeldOut
	if len(h) < 3 {
		return a, false
	}
	if best, last := slices.Min(h), h[len(h)-1]; last < 1.01*best {
		return a, false
	}
	return report.Advice{Finding: fmt.Sprintf("Overfitting: the held-out loss fell to %.3f and rose to %.3f again.", slices.Min(h), h[len(h)-1]),
		Try:     "Use the best checkpoint. More text helps most; then dropout, weight decay, a smaller network.",
		Command: fmt.Sprintf("ebb sample %s --checkpoint best", c.Run)}, true
}

// repeating: samples say the same again far oftener than real text.
func repeating(f found, c Context) (a report.Advice, ok bool) {
	v, ok := f[repeatedName]
	if real := f[held(repeatedName)].Value; !ok || !(v.Value > 2*real+0.05) {
		return a, false
	}
	return report.Advice{Finding: fmt.Sprintf("Repetition: %.0f %% of the 4-grams of a sample occurred in it before; in held-out text %.0f %%.", 100*v.Value, 100*f[held(repeatedName)].Value),
		Try:     "Draw nearer to the model: temperature 1, no top-p, as many steps as tokens, less guidance, and of masked models the ancestral sampler.",
		Command: fmt.Sprintf("ebb sample %s --temperature 1 --top-p 1", c.Run)}, true
}

// classless: samples drawn without guidance hardly show the class asked for, although real text of their length does.
func classless(f found, c Context) (a report.Advice, ok bool) {
	real := f[windowsName]
	for name, v := range f {
		if !strings.HasPrefix(name, wordsName) || !strings.HasSuffix(name, "guidance 1") || v.Interval.High >= float64(real.Value) {
			continue
		}
		return report.Advice{Finding: fmt.Sprintf("Without guidance the words of %.0f %% of the samples speak for the class asked for; of held-out text %.0f %%.", 100*v.Value, 100*real.Value),
			Try:     "Guidance makes the class clearer, at some cost of variety.",
			Command: fmt.Sprintf("ebb eval %s --samples 200 --guidance 1,2,4", c.Run)}, true
	}
	return a, false
}
