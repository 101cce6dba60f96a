package sample

import (
	"fmt"
	"slices"

	"github.com/ebb-ml/ebb/diffusion/masked"
	"github.com/ebb-ml/ebb/internal/enum"
)

// TextSampler names a way of writing text.
type TextSampler int

// The ways of writing. Which of them a model can do hangs on its process, see [TextModel.Samplers].
const (
	TextAncestral    TextSampler = iota // masked.Ancestral, or the reverse of uniform noise
	TextFirstHitting                    // masked.FirstHitting
	TextRemask                          // masked.Remask
	TextConfidence                      // masked.Confidence
	TextBlock                           // ancestral within blocks from left to right
	TextLeftToRight                     // token by token
	TextEuler                           // the probability flow of noise on embeddings
)

var textSamplerNames = enum.New[TextSampler]("sample", "sampler of text", "ancestral", "first-hitting", "remask", "confidence", "block",
	"left-to-right", "euler")

// ParseTextSampler is the inverse of String.
func ParseTextSampler(name string) (TextSampler, error) { return textSamplerNames.Parse(name) }

// String returns the name of the sampler, as on a command line.
func (s TextSampler) String() string { return textSamplerNames.Name(s) }

// MarshalText writes the name.
func (s TextSampler) MarshalText() ([]byte, error) { return textSamplerNames.Marshal(s) }

// UnmarshalText reads the name.
func (s *TextSampler) UnmarshalText(text []byte) error { return textSamplerNames.Unmarshal(s, text) }

// TextModel says what a network over tokens is.
type TextModel struct {
	Process    masked.Process
	Schedule   masked.Schedule            // of training, for the network's time input
	Continuous masked.ContinuousObjective // for masked.ProcessContinuous
	Vocab      int                        // tokens that it predicts; the mask's id
	Length     int                        // tokens of a row in training
	Block      int                        // tokens of a block, for masked.ProcessBlock
	Classed    bool                       // the network takes a class
	Null       int32                      // the class that stands for none
	EOS        int32                      // end of text, -1 for none
}

// Samplers lists the samplers that the model can do, the usual one first.
func (m TextModel) Samplers() []TextSampler {
	switch m.Process {
	case masked.ProcessUniform:
		return []TextSampler{TextAncestral}
	case masked.ProcessAutoregressive:
		return []TextSampler{TextLeftToRight}
	case masked.ProcessBlock:
		return []TextSampler{TextBlock, TextFirstHitting, TextConfidence}
	case masked.ProcessContinuous:
		return []TextSampler{TextEuler}
	}
	return []TextSampler{TextAncestral, TextFirstHitting, TextRemask, TextConfidence, TextBlock, TextLeftToRight}
}

// Sighted tells whether the model sees given text behind the place that it writes, so that it can fill holes.
func (m TextModel) Sighted() bool {
	return m.Process != masked.ProcessAutoregressive && m.Process != masked.ProcessBlock
}

// TextRequest says which texts to write. Sample i of a seed is the same text whatever Count and Batch.
type TextRequest struct {
	Seed  uint64
	First int // number of the first sample
	Count int
	Batch int // written at once

	Sampler     TextSampler
	Schedule    masked.Schedule // when tokens are revealed
	Steps       int             // calls of the network at most, for a window
	Temperature float64         // logits are divided by it; 0 stands for 1
	TopP        float64         // draw from the most probable tokens with this mass together; 0 stands for 1
	Greedy      bool            // take the most probable token
	Eta         float64         // of TextRemask: how much is masked again; 0 stands for 0.008
	Block       int             // of TextBlock, where the model has none of its own; 0 stands for 32
	Guidance    float64         // towards the class; 0 stands for 1, none
	Class       func(i int) int32

	// Given is what stands on the canvas before, the mask (id Vocab) where there is nothing: a prompt, a text with holes. It is the
	// same for all samples, and may be shorter than Length.
	Given  []int32
	Length int // tokens of a text; longer than in training it is written window by window, each going on from half of the last
	// Fill, if not 0, leaves places from there on as they are: what lies behind a text with holes.
	Fill int
	Stop bool // call no more once every text of a batch has its end

	// Watch, if set, is shown the texts of a batch, rows of Length tokens from sample first on, before each call of the network and at the
	// end. They may not be changed.
	Watch func(first int, tokens []int32)
}

// Check says whether the request makes sense for a model.
func (r TextRequest) Check(m TextModel) error {
	switch {
	case !slices.Contains(m.Samplers(), r.Sampler):
		return fmt.Errorf("sample: a model of the process %v is not sampled by %v, but by %v", m.Process, r.Sampler, m.Samplers())
	case r.Count < 1 || r.Batch < 1 || r.First < 0:
		return fmt.Errorf("sample: %d texts from number %d on in batches of %d: give at least 1 of each, and a number from 0 on", r.Count, r.First, r.Batch)
	case r.Length < 1 || r.Length > 1<<22 || len(r.Given) > r.Length || r.Fill < 0 || r.Fill > r.Length:
		return fmt.Errorf("sample: texts of %d tokens, of which %d are given: give at least 1, and no more than the text has", r.Length, len(r.Given))
	case r.Guidance != 0 && r.Guidance != 1 && !m.Classed:
		return fmt.Errorf("sample: guidance %v towards a class, but the model was trained without classes", r.Guidance)
	case m.Classed && r.Class == nil:
		return fmt.Errorf("sample: the model has classes: say which to write")
	case r.Stop && m.EOS < 0:
		return fmt.Errorf("sample: there is no end of text to stop at: the tokenizer has none")
	}
	if m.Process == masked.ProcessContinuous {
		return (&masked.ContinuousSampler{Objective: m.Continuous, Steps: r.Steps, Temperature: r.Temperature, TopP: r.TopP}).Check()
	}
	if m.Process == masked.ProcessUniform && (r.TopP != 0 && r.TopP != 1 || r.Greedy) {
		return fmt.Errorf("sample: uniform noise is drawn from all tokens: leave out top-p and temperature 0")
	}
	s := r.masked(m, 0)
	return s.Check()
}

// masked is the sampler of processes with masks.
func (r TextRequest) masked(m TextModel, seed uint64) masked.Sampler {
	s := masked.Sampler{Schedule: r.Schedule, Steps: r.Steps, Temperature: r.Temperature, TopP: r.TopP, Greedy: r.Greedy, Seed: r.Seed + seed}
	switch r.Sampler {
	case TextFirstHitting:
		s.Method = masked.FirstHitting
	case TextConfidence:
		s.Method = masked.Confidence
	case TextRemask:
		s.Method, s.Eta = masked.Remask, r.Eta
		if s.Eta == 0 {
			s.Eta = 0.008
		}
	case TextBlock:
		if s.Block = r.Block; s.Block == 0 {
			s.Block = 32
		}
	case TextLeftToRight:
		s.Method, s.Block = masked.FirstHitting, 1
	}
	if m.Process == masked.ProcessBlock {
		s.Block = m.Block
	}
	return s
}
