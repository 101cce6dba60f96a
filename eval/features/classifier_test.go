package features

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/interop/safetensors"
)

func glyphs(t testing.TB, count int, seed uint64) data.Set {
	t.Helper()
	g, err := data.NewGlyphs(data.GlyphsConfig{Count: count, Size: 16, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// unlabelled hides the classes of a set.
type unlabelled struct{ data.Set }

func (unlabelled) Classes() []string { return nil }
func (u unlabelled) Entry(i int) data.Entry {
	e := u.Set.Entry(i)
	e.Label = -1
	return e
}

// empty shows no picture of a set.
type empty struct{ data.Set }

func (empty) Len() int { return 0 }

func small(images int) ClassifierConfig {
	return ClassifierConfig{Widths: []int{16, 32, 32}, Images: images, Batch: 32, LearningRate: 0.006, Seed: 3}
}

// TestClassifierLearns letters: held-out accuracy is far above chance and its features separate the classes; fresh letters agree with what
// was asked for as often as held-out ones, and mislabelled ones do not.
func TestClassifierLearns(t *testing.T) {
	last := Progress{}
	c, err := TrainClassifier(context.Background(), engine(t), glyphs(t, 2600, 1), small(9600), func(p Progress) { last = p })
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a, err := c.Accuracy()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v of %d, loss %.3f", a, a.N, last.Loss)
	if a.N < 150 || a.Value < 0.6 || last.Images != 9600 || last.Total != 9600 {
		t.Errorf("%v after %+v: want an accuracy above 0.6 on about 260 pictures", a, last)
	}
	fresh := glyphs(t, 260, 77)
	asked, err := c.Requested(fresh)
	if err != nil {
		t.Fatal(err)
	}
	agreement, err := c.Agreement(context.Background(), fresh, asked, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := agreement.Share.Value - a.Value; d < -0.12 || d > 0.12 || len(agreement.PerClass) != 26 || agreement.PerClass[4].N != 10 {
		t.Errorf("agreement %v, held out %v, %d classes", agreement.Share, agreement.HeldOut, len(agreement.PerClass))
	}
	for i := range asked {
		asked[i] = (asked[i] + 1) % 26
	}
	if wrong, err := c.Agreement(context.Background(), fresh, asked, nil); err != nil || wrong.Share.Value > 0.1 {
		t.Errorf("letters that are the next one agree with %v (%v)", wrong.Share, err)
	}
	m, err := eval.Extract(context.Background(), fresh, c.Space(), nil)
	if err != nil || m.N != 260 || m.D != 32 {
		t.Errorf("%d×%d features (%v)", m.N, m.D, err)
	}
}

// TestClassifierIsDeterministicAndCached: training twice gives the same bits; the second time it is read from the folder; other data, another
// setting or another label is another file.
func TestClassifierIsDeterministicAndCached(t *testing.T) {
	b, set, folder := engine(t), glyphs(t, 300, 1), filepath.Join(t.TempDir(), "cache")
	features := func(set data.Set, config ClassifierConfig) (eval.Matrix, bool) {
		t.Helper()
		c, cached, err := CachedClassifier(context.Background(), b, set, config, folder, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		m, err := eval.Extract(context.Background(), glyphs(t, 10, 5), c.Space(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return m, cached
	}
	first, cached := features(set, small(640))
	again, cachedAgain := features(set, small(640))
	if cached || !cachedAgain || !reflect.DeepEqual(first, again) {
		t.Errorf("cached: %v, then %v; the same features: %v", cached, cachedAgain, reflect.DeepEqual(first, again))
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if anew, cached := features(set, small(640)); cached || !reflect.DeepEqual(first, anew) {
		t.Error("the same training gives other weights")
	}
	for what, change := range map[string]func() (data.Set, ClassifierConfig){
		"other pictures": func() (data.Set, ClassifierConfig) { return glyphs(t, 300, 2), small(640) },
		"other settings": func() (data.Set, ClassifierConfig) { return set, small(704) },
		"no classes":     func() (data.Set, ClassifierConfig) { return unlabelled{set}, small(640) },
	} {
		if other, cached := features(change()); cached || reflect.DeepEqual(first, other) {
			t.Errorf("%s: cached %v, or the same features", what, cached)
		}
	}
}

// TestQuarterTurns is the task that is set without classes: better than chance on turns, and no word on classes.
func TestQuarterTurns(t *testing.T) {
	set := unlabelled{glyphs(t, 1200, 1)}
	c, err := TrainClassifier(context.Background(), engine(t), set, small(4800), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a, err := c.Accuracy()
	if err != nil || a.Value < 0.5 {
		t.Errorf("%v (%v): want quarter turns told apart in more than half of the cases", a, err)
	}
	t.Log(a)
	if _, err := c.Agreement(context.Background(), set, make([]int32, set.Len()), nil); err == nil || !strings.Contains(err.Error(), "no classes") {
		t.Errorf("agreement without classes: %v", err)
	}
}

func TestTurn(t *testing.T) {
	pix := []int{1, 2, 3, 4}
	for quarters, want := range [][]int{{1, 2, 3, 4}, {2, 4, 1, 3}, {4, 3, 2, 1}, {3, 1, 4, 2}} {
		if got := turn(pix, 2, 1, quarters); !reflect.DeepEqual(got, want) {
			t.Errorf("%d quarter turns of %v: %v, want %v", quarters, pix, got, want)
		}
	}
	moved := make([]float32, 9)
	square{[]float32{1, 2, 3, 4, 5, 6, 7, 8, 9}, 3, 1}.shift(moved, 1, -1)
	if want := []float32{2, 3, 3, 2, 3, 3, 5, 6, 6}; !reflect.DeepEqual(moved, want) {
		t.Errorf("shifted down and left: %v, want %v", moved, want)
	}
}

func TestClassifierRefuses(t *testing.T) {
	b, set := engine(t), glyphs(t, 100, 1)
	train := func(s data.Set, change func(*ClassifierConfig)) error {
		config := small(128)
		change(&config)
		_, err := TrainClassifier(context.Background(), b, s, config, nil)
		return err
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "other.safetensors")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(safetensors.Write(f, nil, nil), f.Close()); err != nil {
		t.Fatal(err)
	}
	_, other := OpenClassifier(b, path)
	ctx, cancel := context.WithCancelCause(context.Background())
	_, cancelled := TrainClassifier(ctx, b, set, small(128), func(Progress) { cancel(errors.New("enough")) })
	for want, err := range map[string]error{
		"empty set":               train(empty{set}, func(*ClassifierConfig) {}),
		"at least one batch":      train(set, func(c *ClassifierConfig) { c.Images = 10 }),
		"multiple of 8":           train(set, func(c *ClassifierConfig) { c.Widths = []int{12} }),
		"diverged":                train(set, func(c *ClassifierConfig) { c.LearningRate = 1e30; c.Images = 2000 }),
		"not a classifier":        other,
		"enough":                  cancelled,
		"leaves one side empty":   train(data.First(set, 2), func(c *ClassifierConfig) { c.HeldOut = 0.01 }),
		"a share between 0 and 1": train(set, func(c *ClassifierConfig) { c.HeldOut = 2 }),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
