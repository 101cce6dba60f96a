package diffusers

import (
	"slices"

	"github.com/ebb-ml/ebb/nets"
)

const classUNet = "UNet2DModel"

// unetJSON is config.json of a UNet2DModel (diffusers, models/unets/unet_2d.py). Its zero value is not the default: see defaultUNet.
type unetJSON struct {
	SampleSize          *size    `json:"sample_size"`
	InChannels          int      `json:"in_channels"`
	OutChannels         int      `json:"out_channels"`
	CenterInput         bool     `json:"center_input_sample"`
	TimeEmbedding       string   `json:"time_embedding_type"`
	TimeEmbeddingDim    *int     `json:"time_embedding_dim"`
	FreqShift           float64  `json:"freq_shift"`
	FlipSinToCos        bool     `json:"flip_sin_to_cos"`
	DownBlockTypes      []string `json:"down_block_types"`
	MidBlockType        *string  `json:"mid_block_type"`
	UpBlockTypes        []string `json:"up_block_types"`
	BlockOutChannels    []int    `json:"block_out_channels"`
	LayersPerBlock      int      `json:"layers_per_block"`
	MidBlockScaleFactor float64  `json:"mid_block_scale_factor"`
	DownsamplePadding   int      `json:"downsample_padding"`
	DownsampleType      string   `json:"downsample_type"`
	UpsampleType        string   `json:"upsample_type"`
	Dropout             float64  `json:"dropout"`
	ActFn               string   `json:"act_fn"`
	AttentionHeadDim    *int     `json:"attention_head_dim"`
	NormNumGroups       int      `json:"norm_num_groups"`
	AttnNormNumGroups   *int     `json:"attn_norm_num_groups"`
	NormEps             float64  `json:"norm_eps"`
	TimeScaleShift      string   `json:"resnet_time_scale_shift"`
	AddAttention        bool     `json:"add_attention"`
	ClassEmbedType      *string  `json:"class_embed_type"`
	NumClassEmbeds      *int     `json:"num_class_embeds"`
	NumTrainTimesteps   *int     `json:"num_train_timesteps"`
}

const (
	midBlock  = "UNetMidBlock2D"
	scaleBy   = "scale_shift"
	resnetTyp = "resnet"
)

// downTypes and upTypes are the block types, in the order of nets.Stage.
func downTypes() []string {
	return []string{"DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D"}
}

func upTypes() []string { return []string{"UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"} }

// defaultUNet holds what diffusers takes for keys that a file leaves out.
func defaultUNet() unetJSON {
	mid, head := midBlock, 8
	return unetJSON{
		InChannels: 3, OutChannels: 3, TimeEmbedding: "positional", FlipSinToCos: true,
		DownBlockTypes: []string{"DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"}, MidBlockType: &mid,
		UpBlockTypes:     []string{"AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"},
		BlockOutChannels: []int{224, 448, 672, 896}, LayersPerBlock: 2, MidBlockScaleFactor: 1, DownsamplePadding: 1,
		DownsampleType: "conv", UpsampleType: "conv", ActFn: "silu", AttentionHeadDim: &head, NormNumGroups: 32, NormEps: 1e-5,
		TimeScaleShift: "default", AddAttention: true,
	}
}

// unetToJSON is the inverse of unetJSON.config.
func unetToJSON(c nets.UNetConfig, height, width int) (*unetJSON, error) {
	if c.Fourier {
		return nil, refuse("network.unet", "fourier", "diffusers' Fourier networks embed ln t and divide their output by t, which these do not")
	}
	j := defaultUNet()
	j.SampleSize = newSize(height, width)
	j.InChannels, j.OutChannels, j.BlockOutChannels, j.LayersPerBlock = c.InChannels, c.OutChannels, c.Channels, c.Layers
	j.FreqShift, j.FlipSinToCos, j.DownsamplePadding, j.Dropout = c.FreqShift, c.CosFirst, c.DownPadding, c.Dropout
	j.NormNumGroups, j.NormEps, j.MidBlockScaleFactor, j.AddAttention = c.Groups, c.Eps, c.MidScale, c.MidAttention
	j.TimeEmbeddingDim, j.AttentionHeadDim = optional(c.TimeDim), optional(c.HeadDim)
	j.AttnNormNumGroups, j.NumClassEmbeds = optional(c.MidGroups), optional(c.Classes)
	j.DownBlockTypes, j.UpBlockTypes = stageNames(c.Down, downTypes()), stageNames(c.Up, upTypes())
	if c.ScaleShift {
		j.TimeScaleShift = scaleBy
	}
	if c.ResnetResample {
		j.DownsampleType, j.UpsampleType = resnetTyp, resnetTyp
	}
	return &j, nil
}

func stageNames(stages []nets.Stage, names []string) []string {
	out := make([]string, len(stages))
	for i, s := range stages {
		out[i] = names[s]
	}
	return out
}

// config maps a file's settings; file is its name, for errors.
func (j *unetJSON) config(file string) (*nets.UNetConfig, error) {
	if err := j.supported(file); err != nil {
		return nil, err
	}
	c := &nets.UNetConfig{
		InChannels: j.InChannels, OutChannels: j.OutChannels, Channels: j.BlockOutChannels, Layers: j.LayersPerBlock,
		HeadDim: orZero(j.AttentionHeadDim), Groups: j.NormNumGroups, Eps: j.NormEps, MidAttention: j.AddAttention,
		MidGroups: orZero(j.AttnNormNumGroups), MidScale: j.MidBlockScaleFactor, ScaleShift: j.TimeScaleShift == scaleBy,
		ResnetResample: j.DownsampleType == resnetTyp, DownPadding: j.DownsamplePadding, Dropout: j.Dropout,
		CosFirst: j.FlipSinToCos, FreqShift: j.FreqShift, TimeDim: orZero(j.TimeEmbeddingDim), Classes: orZero(j.NumClassEmbeds),
	}
	var err error
	if c.Down, err = stagesOf(file, "down_block_types", j.DownBlockTypes, downTypes()); err != nil {
		return nil, err
	}
	if c.Up, err = stagesOf(file, "up_block_types", j.UpBlockTypes, upTypes()); err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, refuse(file, "network", "%v", err)
	}
	return c, nil
}

// supported names the first setting that nets.UNet does not have.
func (j *unetJSON) supported(file string) error {
	switch {
	case j.CenterInput:
		return refuse(file, "center_input_sample", "true is not supported")
	case j.TimeEmbedding != "positional":
		return refuse(file, "time_embedding_type", "%q is not supported, only \"positional\"", j.TimeEmbedding)
	case j.MidBlockType == nil || *j.MidBlockType != midBlock:
		return refuse(file, "mid_block_type", "only %q is supported", midBlock)
	case j.ActFn != "silu" && j.ActFn != "swish":
		return refuse(file, "act_fn", "%q is not supported, only \"silu\"", j.ActFn)
	case j.ClassEmbedType != nil:
		return refuse(file, "class_embed_type", "%q is not supported, only null with num_class_embeds", *j.ClassEmbedType)
	case j.DownsampleType != "conv" && j.DownsampleType != resnetTyp:
		return refuse(file, "downsample_type", "%q is not supported, only \"conv\" and \"resnet\"", j.DownsampleType)
	case j.UpsampleType != j.DownsampleType:
		return refuse(file, "upsample_type", "%q with a downsample_type of %q is not supported: they must be the same", j.UpsampleType, j.DownsampleType)
	case j.TimeScaleShift != "default" && j.TimeScaleShift != scaleBy:
		return refuse(file, "resnet_time_scale_shift", "%q is not supported, only \"default\" and \"scale_shift\"", j.TimeScaleShift)
	}
	return nil
}

func stagesOf(file, field string, types, known []string) ([]nets.Stage, error) {
	out := make([]nets.Stage, len(types))
	for i, t := range types {
		k := slices.Index(known, t)
		if k < 0 {
			return nil, refuse(file, field, "%q is not supported, only %q", t, known)
		}
		out[i] = nets.Stage(k)
	}
	return out, nil
}

// optional turns 0, which stands for "left out" in our configurations, into null.
func optional(v int) *int {
	if v == 0 {
		return nil
	}
	return &v
}

func orZero(v *int) int {
	if v == nil {
		return 0
	}
	return *v
}
