package masked

import (
	"errors"
	"fmt"

	"github.com/ebb-ml/ebb/internal/enum"
)

// Method names a way of filling masks.
type Method int

const (
	// Ancestral reveals each token when its time has come: the reverse process in Steps steps (Sahoo et al. 2024, equation 7).
	Ancestral Method = iota
	// FirstHitting reveals one token a call, at uniformly random places: the same process without any error of discretisation, in as
	// many calls as there are masks (Zheng et al. 2024, arXiv 2409.02908, proposition 4.1). Steps is not used.
	FirstHitting
	// Remask also masks revealed tokens again, so that early mistakes can be mended: ReMDM (Wang et al. 2025, arXiv 2503.00307).
	Remask
	// Confidence keeps in each step the tokens that the model is surest of (Chang et al. 2022; Nie et al. 2025, "low-confidence
	// remasking"). It does not draw from the model's distribution: good for answers, repetitive for long free text.
	Confidence
)

var methodNames = enum.New[Method]("masked", "sampler", "ancestral", "first-hitting", "remask", "confidence")

// ParseMethod is the inverse of String.
func ParseMethod(name string) (Method, error) { return methodNames.Parse(name) }

// String returns the name of the sampler, as on a command line.
func (m Method) String() string { return methodNames.Name(m) }

// MarshalText writes the name.
func (m Method) MarshalText() ([]byte, error) { return methodNames.Marshal(m) }

// UnmarshalText reads the name.
func (m *Method) UnmarshalText(text []byte) error { return methodNames.Unmarshal(m, text) }

// Sampler says how masks are filled. The zero value but for Steps is plain ancestral sampling.
type Sampler struct {
	Method      Method
	Schedule    Schedule // when tokens are revealed; it need not be that of training, and Cosine is often better than Linear
	Steps       int      // at most so many calls of the model, for each block in proportion; as many as masks is best
	Temperature float64  // logits are divided by it; 0 stands for 1, the model as it is
	TopP        float64  // draw from the most probable tokens with this mass together; 0 stands for 1, all
	Greedy      bool     // take the most probable token instead of a draw

	// Remask only. Eta in [0, 1] is how much is masked again. The probability is at most what keeps the process's marginals; Rescale
	// makes it the fraction Eta of that, otherwise Eta caps it (Wang et al. 2025, section 4.1; 0.015 and 0.008 are their choices).
	Eta     float64
	Rescale bool

	// Block fills blocks of so many tokens from left to right, each seeing only finished ones and masks: semi-autoregressive. 0 fills
	// everything at once.
	Block int
	Seed  uint64
}

// ErrDone is what a [Model] returns to end sampling early. Sample then leaves the remaining masks and returns no error.
var ErrDone = errors.New("masked: sampling is done")

// Check says whether the settings make sense.
func (s *Sampler) Check() error {
	if err := methodNames.Check(s.Method); err != nil {
		return err
	}
	if err := s.Schedule.Check(); err != nil {
		return err
	}
	switch {
	case s.Method != FirstHitting && (s.Steps < 1 || s.Steps > 1<<24):
		return fmt.Errorf("masked: sampler %v with %d steps: need 1 to %d", s.Method, s.Steps, 1<<24)
	case !(s.Temperature >= 0 && s.Temperature <= 100) || !(s.TopP >= 0 && s.TopP <= 1):
		return fmt.Errorf("masked: temperature %v and top-p %v: need 0 to 100 and 0 to 1", s.Temperature, s.TopP)
	case !(s.Eta >= 0 && s.Eta <= 1) || s.Method != Remask && (s.Eta != 0 || s.Rescale):
		return fmt.Errorf("masked: eta %v for sampler %v: need 0 to 1, and 0 unless the sampler is remask", s.Eta, s.Method)
	case s.Block < 0:
		return fmt.Errorf("masked: blocks of %d tokens: need 0 for none, or more", s.Block)
	}
	return nil
}

// Sample fills the masks of a canvas and returns how often the model was called: only when a token is really drawn. Row i depends on the
// seed and on First+i, not on the other rows of the batch. A failing call leaves the canvas as it was at that moment.
func (s *Sampler) Sample(m Model, c *Canvas) (calls int, err error) {
	if err := s.Check(); err != nil {
		return 0, err
	}
	if err := c.check(); err != nil {
		return 0, err
	}
	r := newRun(s, m, c)
	block, end := c.end(), c.end()
	if s.Block > 0 {
		block = min(s.Block, end)
	}
	for lo := 0; lo < end && err == nil; lo += block {
		r.lo, r.hi = lo, min(lo+block, end)
		err = r.fill()
	}
	if errors.Is(err, ErrDone) {
		err = nil
	}
	return r.calls, err
}

// Slide fills a canvas longer than a model's rows by a function that fills one of window places: it moves on by stride, and what was
// filled is the next window's prompt (Sahoo et al. 2024, section 5.4). fill is given the window, its place in the canvas, and a number to
// be added to the seed, so that windows do not repeat their draws. The sum of what fill returns, its calls of the model, is returned.
func (c *Canvas) Slide(window, stride int, fill func(part *Canvas, lo int, seed uint64) (calls int, err error)) (calls int, err error) {
	if window < 1 || stride < 1 || stride > window {
		return 0, fmt.Errorf("masked: windows of %d tokens by %d: need 1 <= stride <= window", window, stride)
	}
	if err := c.check(); err != nil {
		return 0, err
	}
	if c.Length <= window {
		return fill(c, 0, 0)
	}
	part := &Canvas{Tokens: make([]int32, c.Rows()*window), Length: window, Vocab: c.Vocab, First: c.First}
	for lo, k := 0, uint64(0); ; lo, k = lo+stride, k+1 {
		lo = min(lo, c.Length-window)
		for i := range c.Rows() {
			copy(part.Row(i), c.Row(i)[lo:])
		}
		n, err := fill(part, lo, k<<40) // far from a neighbouring seed
		calls += n
		for i := range c.Rows() {
			copy(c.Row(i)[lo:], part.Row(i))
		}
		if err != nil || lo == c.Length-window {
			return calls, err
		}
	}
}

// Slide fills a canvas longer than the model's rows, window by window: [Canvas.Slide] with Sample.
func (s *Sampler) Slide(m Model, c *Canvas, window, stride int) (calls int, err error) {
	return c.Slide(window, stride, func(part *Canvas, _ int, seed uint64) (int, error) {
		seeded := *s
		seeded.Seed += seed
		return seeded.Sample(m, part)
	})
}

// StopAfter wraps a model so that sampling in blocks ends once every row has the token eos before its first mask.
func StopAfter(m Model, eos int32, c *Canvas) Model {
	return func(dst []float32, tokens []int32, rates []float64) error {
		for lo := 0; lo < len(tokens); lo += c.Length {
			if !endsIn(tokens[lo:lo+c.Length], eos, int32(c.Vocab)) {
				return m(dst, tokens, rates)
			}
		}
		return ErrDone
	}
}

func endsIn(row []int32, eos, mask int32) bool {
	for _, id := range row {
		if id == eos || id == mask {
			return id == eos
		}
	}
	return true
}
