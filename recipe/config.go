package recipe

import (
	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/train"
)

// Config is everything that makes a run what it is. Its TOML form is config.toml of a run folder. A run on text has Text, and nothing in
// Data, Diffusion, HeldOut, Eval and Sample; a run on pictures or points has no Text.
type Config struct {
	Recipe    string       `toml:"recipe"` // preset that it started from
	Text      *Text        `toml:"text,omitempty"`
	Data      Data         `toml:"data,omitempty"`
	Network   Network      `toml:"network"`
	Diffusion Diffusion    `toml:"diffusion,omitempty"`
	Train     train.Config `toml:"train"`
	HeldOut   HeldOut      `toml:"held_out,omitempty"`
	Eval      Eval         `toml:"eval,omitempty"`
	Sample    Sample       `toml:"sample,omitempty"`
	Finetune  *Finetune    `toml:"finetune,omitempty"` // of a run that went on from another model
}

// Data says what to train on and how pictures become samples.
type Data struct {
	Source  Source          `toml:"source"`
	Points  data.PointsKind `toml:"points"`  // which distribution, for source "points"
	Paths   []string        `toml:"paths"`   // folders, archives or caches, for source "files"
	Weights []float64       `toml:"weights"` // how often each path is drawn from; empty: every picture equally often
	Valid   []string        `toml:"valid"`   // pictures to hold out; empty: a share of the others
	Limit   int             `toml:"limit"`   // pictures to take at most, 0: all

	Height     int      `toml:"height"` // 0: from the data; so for width, channels, norm and classes
	Width      int      `toml:"width"`
	Channels   int      `toml:"channels"`
	Bits       int      `toml:"bits,omitempty"` // of the pictures, and of those that are drawn: 16, or 32 for floats; 0: 8
	Fit        data.Fit `toml:"fit"`
	Background float64  `toml:"background"` // behind opacity and padding, 0 black to 1 white
	FlipX      bool     `toml:"flip_x"`
	FlipY      bool     `toml:"flip_y"`
	Augment    float64  `toml:"augment"`    // probability of each transformation that the network is told of (0.12), 0: none, -1: for few pictures
	Noise      float64  `toml:"noise"`      // standard deviation added to normalised samples
	MaxBroken  float64  `toml:"max_broken"` // share of pictures that may be broken and are replaced
	// Standardize normalises by the mean and the deviation of the data, not to ±1, where norm is not set.
	Standardize bool      `toml:"standardize,omitempty"`
	Norm        data.Norm `toml:"norm"`
	Classes     []string  `toml:"classes"` // names, in the order of labels
}

// Network says what is trained. Sizes that follow from the data may be 0: input and output channels, side, classes.
type Network struct {
	Kind        Kind             `toml:"kind"`
	Conditional bool             `toml:"conditional"` // on the class, where the data has classes
	Recompute   bool             `toml:"recompute"`   // gradient checkpointing: less memory, a third more work
	UNet        *nets.UNetConfig `toml:"unet,omitempty"`
	DiT         *nets.DiTConfig  `toml:"dit,omitempty"`
	MLP         *nets.MLPConfig  `toml:"mlp,omitempty"`
	Text        *nets.TextConfig `toml:"text,omitempty"`
}

// Diffusion says how data is noised and what the network predicts. Numbers left 0 are the defaults of package diffusion.
type Diffusion struct {
	Schedule   diffusion.Family     `toml:"schedule"`
	Steps      int                  `toml:"steps"`
	BetaStart  float64              `toml:"beta_start"`
	BetaEnd    float64              `toml:"beta_end"`
	ZeroSNR    bool                 `toml:"zero_terminal_snr"`
	Shift      float64              `toml:"shift"`
	SigmaMin   float64              `toml:"sigma_min"`
	SigmaMax   float64              `toml:"sigma_max"`
	Rho        float64              `toml:"rho"`
	SigmaData  float64              `toml:"sigma_data"`
	Prediction diffusion.Prediction `toml:"prediction"`

	Weight            diffusion.WeightKind `toml:"weight"`
	WeightGamma       float64              `toml:"weight_gamma"`
	WeightBias        float64              `toml:"weight_bias"`
	Loss              diffusion.LossKind   `toml:"loss"`
	LossDelta         float64              `toml:"loss_delta"`
	Time              diffusion.TimeDist   `toml:"time"`
	TimeMean          float64              `toml:"time_mean"`
	TimeStd           float64              `toml:"time_std"`
	LowDiscrepancy    bool                 `toml:"low_discrepancy"`
	LossAware         int                  `toml:"loss_aware"` // bins of loss-aware draws of noise levels, 0: none
	OffsetNoise       float64              `toml:"offset_noise"`
	InputPerturbation float64              `toml:"input_perturbation"`
	SelfCondition     float64              `toml:"self_condition"` // share of samples trained on the network's own estimate as well (0.5), 0: none
}

// HeldOut says what is measured on images that training does not see.
type HeldOut struct {
	Share  float64 `toml:"share"`  // of the data to hold out where there is no other; 0: none
	Images int     `toml:"images"` // to measure on; 0: no held-out loss
	Batch  int     `toml:"batch"`
	Levels int     `toml:"levels"` // noise levels
	Seed   uint64  `toml:"seed"`   // of the noise
}

// Sample says how samples are drawn where a command does not say otherwise.
type Sample struct {
	Method   diffusion.Method  `toml:"method"`
	Steps    int               `toml:"steps"`
	Spacing  diffusion.Spacing `toml:"spacing"`
	Guidance float64           `toml:"guidance"` // scale; 1: none
	// Guidance acts at noise levels (sigma) in (GuidanceMin, GuidanceMax] alone; 0: no upper end.
	GuidanceMin     float64 `toml:"guidance_min,omitempty"`
	GuidanceMax     float64 `toml:"guidance_max,omitempty"`
	GuidanceRescale float64 `toml:"guidance_rescale,omitempty"` // 0 none to 1: bring contrast back to what it is without guidance
	Threshold       float64 `toml:"threshold,omitempty"`        // quantile of dynamic thresholding (0.995); 0: clip to the range of the data

	Rows    int    `toml:"rows"` // of the grids drawn while training
	Columns int    `toml:"columns"`
	Batch   int    `toml:"batch"` // samples drawn at once
	Seed    uint64 `toml:"seed"`
}
