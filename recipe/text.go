package recipe

import (
	"github.com/ebb-ml/ebb/diffusion/masked"
	"github.com/ebb-ml/ebb/internal/enum"
	"github.com/ebb-ml/ebb/text"
)

// Text says what a run on text trains on and what it learns. It stands in place of Data, Diffusion, HeldOut and Sample, which are about
// pictures.
type Text struct {
	Source    TextSource           `toml:"source"`
	Equations *text.Equations      `toml:"equations,omitempty"` // which sums, for source "equations"
	Paths     []string             `toml:"paths"`               // files, folders, archives or one prepared folder, for source "files"
	Valid     []string             `toml:"valid"`               // text to hold out; empty: a share of the other
	Field     string               `toml:"field"`               // of JSON objects and table rows that holds the text; empty: text
	Label     string               `toml:"label"`               // field or column that holds the class; empty: none
	Encoding  text.Encoding        `toml:"encoding"`            // what becomes of bytes that are no UTF-8
	Tokenizer text.TokenizerConfig `toml:"tokenizer"`
	// Fingerprint is of the tokenizer that the run was begun with; empty: not begun.
	Fingerprint string       `toml:"fingerprint"`
	Classes     []string     `toml:"classes"` // names, in the order of labels
	Length      int          `toml:"length"`  // tokens in a row
	Packing     text.Packing `toml:"packing"`

	Process masked.Process   `toml:"process"`
	Masked  masked.Objective `toml:"masked"`          // of the processes that mask
	Block   int              `toml:"block,omitempty"` // tokens of a block, for process "block"; 0: at most 16
	// Continuous is for process "continuous"; left out: the usual one.
	Continuous *masked.ContinuousObjective `toml:"continuous,omitempty"`

	HeldOut TextHeldOut `toml:"held_out"`
	Sample  TextSample  `toml:"sample"`
}

// TextSource says where text comes from.
type TextSource int

const (
	TextFiles     TextSource = iota // Text.Paths
	TextEquations                   // sums made of nothing, whose truth can be checked
)

var textSourceNames = enum.New[TextSource]("text", "source", "files", "equations")

// String returns the name.
func (s TextSource) String() string { return textSourceNames.Name(s) }

// MarshalText returns the name.
func (s TextSource) MarshalText() ([]byte, error) { return textSourceNames.Marshal(s) }

// UnmarshalText accepts files or equations.
func (s *TextSource) UnmarshalText(b []byte) error { return textSourceNames.Unmarshal(s, b) }

// TextHeldOut says what is measured on text that training does not see.
type TextHeldOut struct {
	Share   float64 `toml:"share"`   // of the text to hold out where there is no other; 0: none
	Windows int     `toml:"windows"` // rows to measure on, evenly spaced; 0: no held-out loss
	Batch   int     `toml:"batch"`
	Seed    uint64  `toml:"seed"` // of what is masked
}

// TextSample says how text is drawn where a command does not say otherwise.
type TextSample struct {
	Sampler     masked.Method   `toml:"sampler"`
	Schedule    masked.Schedule `toml:"schedule"` // when tokens are revealed
	Steps       int             `toml:"steps"`
	Block       int             `toml:"block"` // tokens of a block that is finished before the next one begins, from left to right; 0: none
	Temperature float64         `toml:"temperature"`
	TopP        float64         `toml:"top_p"`
	Guidance    float64         `toml:"guidance"` // scale; 1: none
	Length      int             `toml:"length"`   // tokens; 0: as trained
	Rows        int             `toml:"rows"`     // texts drawn while training
	Batch       int             `toml:"batch"`    // texts drawn at once
	Seed        uint64          `toml:"seed"`
}

// Sampling is the configuration as package masked takes it.
func (s TextSample) Sampling() masked.Sampler {
	return masked.Sampler{Method: s.Sampler, Schedule: s.Schedule, Steps: s.Steps, Block: s.Block, Temperature: s.Temperature, TopP: s.TopP, Seed: s.Seed}
}
