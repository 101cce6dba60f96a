package assess

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/report"
)

// History is what a run's log tells about its training.
type History struct {
	Seen    []float64 // images at each held-out loss
	HeldOut []float64 // held-out loss of the judged weights
	Batch   int
}

// falling says whether the last quarter of the losses still fell by more than a hundredth.
func (h History) falling() bool {
	n := len(h.HeldOut)
	if n < 4 {
		return false
	}
	return h.HeldOut[n-1] < 0.99*h.HeldOut[n-1-max(n/4, 1)]
}

// Context is what advice depends on besides the figures.
type Context struct {
	Run      string // folder
	Data     string // training pictures, as they were named
	Recipe   string
	Guidance float64
	Images   int64 // seen in training, or tokens of text
	Text     bool  // the model is one of text
	History  History
}

// rule finds out whether there is something to say.
type rule func(found, Context) (report.Advice, bool)

// Advise reads the figures of a report and says what to try next. Each rule looks at intervals, not at values alone, so that chance raises
// no advice.
func Advise(sections []report.Section, c Context) (all []report.Advice) {
	f := figures(sections)
	rules := []rule{leaking, unusual, overfitting, copying, weakBand, longAverage, strongGuidance, unfinished}
	if c.Text {
		rules = textRules()
	}
	for _, rule := range rules {
		if a, ok := rule(f, c); ok {
			all = append(all, a)
		}
	}
	return all
}

// found are figures by name.
type found map[string]eval.Figure

func figures(sections []report.Section) found {
	all := found{}
	for _, s := range sections {
		for _, f := range s.Figures {
			all[f.Name] = f
			if base, _, ok := strings.Cut(f.Name, "-"+f.Space); ok && f.Space != "" { // measures carry their space and number in the name
				if _, there := all[base]; !there {
					all[base] = f
				}
			}
		}
	}
	return all
}

// anew is the command that trains the same again but for one setting.
func (c Context) anew(setting, suffix string) string {
	return fmt.Sprintf("ebb train --recipe %s --config %s --set %s --run %s-%s", c.Recipe, filepath.Join(c.Run, "config.toml"), setting, c.Run, suffix)
}

func leaking(f found, c Context) (a report.Advice, ok bool) {
	v, ok := f[leakName]
	if !ok || v.Value <= 0 {
		return a, false
	}
	first, _, _ := strings.Cut(c.Data, " --data ")
	return report.Advice{Finding: fmt.Sprintf("%.1f %% of the held-out pictures are also in the training set: all figures flatter the model.", 100*v.Value),
		Try:     "Take them out of one of the sets and measure again; ebb eval leaks lists them.",
		Command: fmt.Sprintf("ebb eval leaks %s HELD-OUT", cmp.Or(first, "TRAIN"))}, true
}

// unusual: the error is clearly above what the recipe reaches after as many images.
func unusual(f found, c Context) (a report.Advice, ok bool) {
	v, ok := f[referenceName]
	if !ok || !(v.Interval.Low > 1+usual) {
		return a, false
	}
	return report.Advice{Finding: fmt.Sprintf("The held-out error is %.2f times what recipe %s reaches after as many images.", v.Value, c.Recipe),
		Try:     "Something differs from the recipe: look at the pictures, at the learning rate, and whether the loss jumped; a search over the rate takes minutes.",
		Command: "ebb tune " + c.Run + " --time 30m"}, true
}

// overfitting: the gap is there, and no longer small beside the error.
func overfitting(f found, c Context) (a report.Advice, ok bool) {
	gap, ok := f[gapName]
	whole := f["eps-MSE"].Value
	if !ok || !(gap.Interval.Low > 0) || gap.Value < 0.03*whole {
		return a, false
	}
	return report.Advice{Finding: fmt.Sprintf("Overfitting: the error on held-out pictures is %.3g times that on pictures of training.", whole/max(whole-gap.Value, 1e-3*whole)),
		Try:     "More pictures help most; then augmentation that conditions the network (data.augment), dropout, a smaller network, or stopping earlier: the best checkpoint is kept.",
		Command: c.anew("data.augment=0.12", "augmented")}, true
}

// copying: samples are found in the training set more often than held-out pictures are.
func copying(f found, c Context) (a report.Advice, ok bool) {
	rate, ok := f["copy rate"]
	if !ok || !(rate.Interval.Low > f["held-out copy rate"].Interval.High) {
		return a, false
	}
	return report.Advice{Finding: fmt.Sprintf("Copying: %.0f %% of the samples are pictures of training.", 100*rate.Value),
		Try:     "The network has room to store its pictures. Train on more of them or with augmentation, stop earlier, or take a smaller network.",
		Command: c.anew("data.augment=0.12", "augmented")}, true
}

// weakBand: at some noise levels the network is hardly better than a linear filter, while it is clearly better at others. One that learns by
// heart is worse there for that reason.
func weakBand(f found, c Context) (a report.Advice, ok bool) {
	if _, overfits := overfitting(f, c); overfits {
		return a, false
	}
	best := 0.0
	for _, b := range bands() {
		best = max(best, float64(f[skillName(b)].Value))
	}
	for _, b := range bands() {
		v, ok := f[skillName(b)]
		if !ok || best < 0.1 || v.Interval.High > 0.25*best {
			continue
		}
		how := map[string]string{"low": "shift the schedule towards clean pictures (diffusion.shift below 1), or draw low noise levels oftener",
			"middle": "draw the middle noise levels oftener (diffusion.time=logit-normal)",
			"high":   "shift the schedule towards noise (diffusion.shift above 1), or use zero_terminal_snr"}[b]
		set := map[string]string{"low": "diffusion.shift=0.5", "middle": "diffusion.time=logit-normal", "high": "diffusion.shift=2"}[b]
		command := fmt.Sprintf("ebb finetune %s --data %s --set %s --run %s-shifted", c.Run, c.Data, set, c.Run)
		if c.Data == "" { // made by the recipe
			command = c.anew(set, "shifted")
		}
		return report.Advice{Finding: fmt.Sprintf("At %s noise the network is hardly better than a linear filter (skill %.2f; %.2f elsewhere).", b, v.Value, best),
			Try: "Let training spend more on these noise levels: " + how + ".", Command: command}, true
	}
	return a, false
}

// longAverage: the raw weights beat the average, by more than a hundredth of the error.
func longAverage(f found, c Context) (a report.Advice, ok bool) {
	v, ok := f[rawName]
	if !ok || !(v.Interval.High < 0) || -v.Value < 0.01*f["eps-MSE"].Value {
		return a, false
	}
	return report.Advice{Finding: fmt.Sprintf("The average is worse than the weights it averages (eps-MSE by %.3g): it reaches too far back for a run of %d images.", -v.Value, c.Images),
		Try:     "Use a shorter average, or train longer; ebb average makes another one of a run with snapshots, and --weights raw takes the weights as they were trained.",
		Command: c.anew("'train.averages=[{sigma_rel=0.05}]'", "shorter")}, true
}

// strongGuidance: guidance was on, and samples cover little.
func strongGuidance(f found, c Context) (a report.Advice, ok bool) {
	precision, ok := f["precision"]
	recall := f["recall"]
	if !ok || c.Guidance <= 1.5 || recall.Interval.High > 0.5*max(float64(precision.Value), typical) {
		return a, false
	}
	finding := "samples are typical (precision %.2f) but cover little (recall %.2f)."
	if precision.Value < typical {
		finding = "samples are not typical (precision %.2f) and cover little (recall %.2f)."
	}
	return report.Advice{Finding: fmt.Sprintf("With guidance %.3g "+finding, c.Guidance, precision.Value, recall.Value),
		Try:     "Guidance trades variety for typical samples, and exaggerates where there is too much: try less of it, or only at middle noise levels.",
		Command: fmt.Sprintf("ebb eval sweep %s --guidance 1,1.25,1.5,2", c.Run)}, true
}

// typical is the precision from which on samples count as typical: of real pictures it is about 0.7.
const typical = 0.5

// unfinished: the held-out loss was still falling when training ended.
func unfinished(f found, c Context) (a report.Advice, ok bool) {
	if gap, there := f[gapName]; there && gap.Interval.Low > 0 || !c.History.falling() {
		return a, false
	}
	unit := "images"
	if c.Text {
		unit = "tokens"
	}
	return report.Advice{Finding: "The held-out loss was still falling when training ended.",
		Try:     "Train longer: the same run goes on where it stopped.",
		Command: fmt.Sprintf("ebb train --run %s --%s %d", c.Run, unit, 2*c.Images)}, true
}
