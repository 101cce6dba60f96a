package nets

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/enum"
)

// Stage is the kind of one resolution of a U-Net, on the way down and on the way up.
type Stage int

const (
	// StageConv has residual blocks and resampling by convolution (DownBlock2D, UpBlock2D).
	StageConv Stage = iota
	// StageAttn adds self-attention after each residual block (AttnDownBlock2D, AttnUpBlock2D).
	StageAttn
	// StageResnet resamples inside a residual block (ResnetDownsampleBlock2D, …Upsample…).
	StageResnet
)

var stageNames = enum.New[Stage]("nets", "stage", "conv", "attn", "resnet")

// MarshalText writes the name used in configuration files.
func (s Stage) MarshalText() ([]byte, error) { return stageNames.Marshal(s) }

// UnmarshalText reads the name used in configuration files.
func (s *Stage) UnmarshalText(b []byte) error { return stageNames.Unmarshal(s, b) }

// String is the name used in configuration files.
func (s Stage) String() string { return stageNames.Name(s) }

// UNetConfig describes a U-Net of the UNet2DModel family. The name of diffusers' key is given
// where it differs. Resolutions are ordered from the finest to the coarsest.
type UNetConfig struct {
	InChannels  int `toml:"in_channels" json:"in_channels"`
	OutChannels int `toml:"out_channels" json:"out_channels"`
	// Channels of each resolution (block_out_channels).
	Channels []int `toml:"channels" json:"channels"`
	// Down and Up are the kinds of the stages, each in the order in which the data passes, so
	// that Up starts at the coarsest resolution (down_block_types, up_block_types).
	Down []Stage `toml:"down" json:"down"`
	Up   []Stage `toml:"up" json:"up"`
	// Layers is the number of residual blocks per stage, one more on the way up
	// (layers_per_block).
	Layers int `toml:"layers" json:"layers"`
	// HeadDim is the width of an attention head; 0 is one head (attention_head_dim).
	HeadDim int `toml:"head_dim" json:"head_dim"`
	// Groups of all group norms and their epsilon (norm_num_groups, norm_eps).
	Groups int     `toml:"groups" json:"groups"`
	Eps    float64 `toml:"eps" json:"eps"`
	// MidAttention puts attention into the middle block (add_attention). MidGroups are
	// the groups of its norm, 0 for Groups; with ScaleShift 0 is no norm at all, as in
	// diffusers (attn_norm_num_groups).
	MidAttention bool `toml:"mid_attention" json:"mid_attention"`
	MidGroups    int  `toml:"mid_groups" json:"mid_groups"`
	// MidScale divides the outputs of the middle block (mid_block_scale_factor).
	MidScale float64 `toml:"mid_scale" json:"mid_scale"`
	// ScaleShift lets time scale and shift the second norm instead of being added
	// (resnet_time_scale_shift = "scale_shift").
	ScaleShift bool `toml:"scale_shift" json:"scale_shift"`
	// ResnetResample makes the attention stages resample inside a residual block
	// (downsample_type and upsample_type = "resnet").
	ResnetResample bool `toml:"resnet_resample" json:"resnet_resample"`
	// DownPadding is 1, or 0 to pad right and bottom only (downsample_padding).
	DownPadding int     `toml:"down_padding" json:"down_padding"`
	Dropout     float64 `toml:"dropout" json:"dropout"`
	// Fourier embeds time by random Fourier features instead of a sinusoid
	// (time_embedding_type = "fourier").
	Fourier   bool    `toml:"fourier" json:"fourier"`
	CosFirst  bool    `toml:"cos_first" json:"cos_first"`   // flip_sin_to_cos
	FreqShift float64 `toml:"freq_shift" json:"freq_shift"` // of the sinusoid
	// TimeDim is the width of the time embedding, 0 for four times the first of Channels
	// (time_embedding_dim).
	TimeDim int `toml:"time_dim" json:"time_dim"`
	// Classes is the size of the class table, 0 for none. A null class, for guidance, counts
	// as one (num_class_embeds).
	Classes int `toml:"classes" json:"classes"`
	// Augment is how many numbers tell the network what augmentation did to a picture, 0 for none (Karras et al. 2022, appendix
	// F.2). Without them, in sampling, it is a UNet2DModel.
	Augment int  `toml:"augment" json:"augment"`
	Init    Init `toml:"init" json:"init"`
}

// DefaultUNet is UNet2DModel with its own defaults where they are plain numbers, on RGB
// pictures, with stages of the given channels, the coarsest with attention.
func DefaultUNet(channels ...int) UNetConfig {
	n := len(channels)
	c := UNetConfig{
		InChannels: 3, OutChannels: 3, Channels: channels, Down: make([]Stage, n), Up: make([]Stage, n),
		Layers: 2, HeadDim: 8, Groups: 32, Eps: 1e-5, MidAttention: true, MidScale: 1,
		DownPadding: 1, CosFirst: true,
	}
	if n > 0 {
		c.Down[n-1], c.Up[0] = StageAttn, StageAttn
	}
	return c
}

// DDPMCifar10 is the configuration of google/ddpm-cifar10-32 (Ho et al. 2020), 35,746,307
// parameters.
func DDPMCifar10() UNetConfig {
	c := DefaultUNet(128, 256, 256, 256)
	c.Down = []Stage{StageConv, StageAttn, StageConv, StageConv}
	c.Up = []Stage{StageConv, StageConv, StageAttn, StageConv}
	c.HeadDim, c.Eps, c.DownPadding, c.CosFirst, c.FreqShift = 0, 1e-6, 0, false, 1
	return c
}

// UNetSmall is the 3,778,435-parameter network of ebb's benchmarks and learning curves.
func UNetSmall() UNetConfig {
	c := DefaultUNet(64, 96, 128)
	c.Layers, c.HeadDim = 1, 0
	return c
}

// Validate says what is wrong with the configuration, if anything.
func (c UNetConfig) Validate() error {
	fields := []field{
		{"in_channels", c.InChannels}, {"out_channels", c.OutChannels}, {"layers", c.Layers},
		{"groups", c.Groups}, {"number of channels", len(c.Channels)},
	}
	for i, ch := range c.Channels {
		fields = append(fields, field{fmt.Sprintf("channels[%d]", i), ch})
	}
	if err := positive("unet", fields); err != nil {
		return err
	}
	if len(c.Down) != len(c.Channels) || len(c.Up) != len(c.Channels) {
		return fmt.Errorf("unet: %d channels need as many down and up stages, not %d and %d", len(c.Channels), len(c.Down), len(c.Up))
	}
	for _, s := range append(append([]Stage(nil), c.Down...), c.Up...) {
		if _, err := s.MarshalText(); err != nil {
			return fmt.Errorf("unet: %w", err)
		}
	}
	if _, err := c.Init.MarshalText(); err != nil {
		return fmt.Errorf("unet: %w", err)
	}
	if err := c.validateSizes(); err != nil {
		return err
	}
	return rate("unet", "dropout", c.Dropout)
}

func (c UNetConfig) validateSizes() error {
	for i, ch := range c.Channels {
		if ch%c.Groups != 0 {
			return fmt.Errorf("unet: groups = %d does not divide channels[%d] = %d", c.Groups, i, ch)
		}
	}
	if err := c.validateHeads(); err != nil {
		return err
	}
	last := c.Channels[len(c.Channels)-1]
	switch {
	case c.MidGroups < 0 || c.MidGroups > 0 && last%c.MidGroups != 0:
		return fmt.Errorf("unet: mid_groups = %d does not divide the last channels, %d", c.MidGroups, last)
	case c.DownPadding != 0 && c.DownPadding != 1:
		return fmt.Errorf("unet: down_padding is %d, must be 0 or 1", c.DownPadding)
	case !(c.Eps > 0) || math.IsInf(c.Eps, 0):
		return fmt.Errorf("unet: eps is %v, must be positive", c.Eps)
	case !(c.MidScale > 0) || math.IsInf(c.MidScale, 0):
		return fmt.Errorf("unet: mid_scale is %v, must be positive", c.MidScale)
	case c.TimeDim < 0 || c.Classes < 0 || c.Augment < 0:
		return fmt.Errorf("unet: time_dim = %d, classes = %d and augment = %d must not be negative", c.TimeDim, c.Classes, c.Augment)
	case !c.Fourier && (c.Channels[0] < 2 || c.FreqShift >= float64(c.Channels[0]/2)):
		return fmt.Errorf("unet: freq_shift = %v leaves no frequencies of channels[0]/2 = %d", c.FreqShift, c.Channels[0]/2)
	}
	return nil
}

// validateHeads checks that heads fill every attention layer exactly.
func (c UNetConfig) validateHeads() error {
	if c.HeadDim < 0 {
		return fmt.Errorf("unet: head_dim is %d, must not be negative", c.HeadDim)
	}
	if c.HeadDim == 0 {
		return nil
	}
	n := len(c.Channels)
	for i, ch := range c.Channels {
		attends := c.Down[i] == StageAttn || c.Up[n-1-i] == StageAttn || i == n-1 && c.MidAttention
		if attends && ch%c.HeadDim != 0 {
			return fmt.Errorf("unet: head_dim = %d does not divide channels[%d] = %d", c.HeadDim, i, ch)
		}
	}
	return nil
}
