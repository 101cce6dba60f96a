package masked

import (
	"github.com/ebb-ml/ebb/internal/enum"
	"github.com/gomlx/gomlx/core/graph"
)

// Process names a kind of generation of tokens that a network can be trained for.
type Process int

const (
	ProcessAbsorbing      Process = iota // noise masks tokens: [Objective]
	ProcessUniform                       // noise replaces tokens by others: [UniformObjective]
	ProcessAutoregressive                // no noise, the next token from those before it: [CausalObjective], the baseline
	ProcessBlock                         // blocks from left to right, absorbing noise within each: [BlockObjective]
	ProcessContinuous                    // Gaussian noise on embeddings of tokens: [ContinuousObjective]
)

var processNames = enum.New[Process]("masked", "process", "absorbing", "uniform", "autoregressive", "block", "continuous")

// ParseProcess is the inverse of String.
func ParseProcess(name string) (Process, error) { return processNames.Parse(name) }

// String returns the name of the process, as on a command line.
func (p Process) String() string { return processNames.Name(p) }

// MarshalText writes the name.
func (p Process) MarshalText() ([]byte, error) { return processNames.Marshal(p) }

// UnmarshalText reads the name.
func (p *Process) UnmarshalText(text []byte) error { return processNames.Unmarshal(p, text) }

// Training is what a process asks of a training step: draws on the host, the loss in the graph. Each objective of this package is one.
type Training interface {
	// Check says whether the numbers make sense; call it before the first draw.
	Check() error
	// Draw makes the noise of a piece of a batch: tokens are [b.Count, Length] ids 0…Vocab-1, free says which count, nil for all. A
	// row's draw is a function of seed, step and its place in the whole batch.
	Draw(d *Draws, tokens []int32, free []bool, b Batch) error
	// Loss builds the loss from the drawn inputs: its mean over the batch, a scalar, and each row's, [B], in nats per free token.
	Loss(network Network, in Inputs) (mean, perRow *graph.Node)
}
