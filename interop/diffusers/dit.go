package diffusers

import "github.com/ebb-ml/ebb/nets"

const (
	classDiT    = "DiTTransformer2DModel"
	classDiTOld = "Transformer2DModel" // of directories before diffusers 0.29
)

// ditJSON is config.json of a DiTTransformer2DModel (diffusers, models/transformers/dit_transformer_2d.py).
type ditJSON struct {
	Heads         int     `json:"num_attention_heads"`
	HeadDim       int     `json:"attention_head_dim"`
	InChannels    int     `json:"in_channels"`
	OutChannels   *int    `json:"out_channels"`
	Layers        int     `json:"num_layers"`
	Dropout       float64 `json:"dropout"`
	AttentionBias bool    `json:"attention_bias"`
	SampleSize    int     `json:"sample_size"`
	PatchSize     int     `json:"patch_size"`
	ActivationFn  string  `json:"activation_fn"`
	Classes       *int    `json:"num_embeds_ada_norm"`
	NormType      string  `json:"norm_type"`
	Affine        bool    `json:"norm_elementwise_affine"`
	NormEps       float64 `json:"norm_eps"`
}

const (
	gelu    = "gelu-approximate"
	adaNorm = "ada_norm_zero"
	ditEps  = 1e-5
)

func defaultDiT() ditJSON {
	classes := 1000
	return ditJSON{Heads: 16, HeadDim: 72, InChannels: 4, Layers: 28, AttentionBias: true, SampleSize: 32, PatchSize: 2, ActivationFn: gelu,
		Classes: &classes, NormType: adaNorm, NormEps: ditEps}
}

// ditToJSON is the inverse of ditJSON.config.
func ditToJSON(c nets.DiTConfig, height, width int) (*ditJSON, error) {
	if height != width {
		return nil, refuse("network.dit", "size", "DiTTransformer2DModel draws squares only, not %d×%d", width, height)
	}
	j := defaultDiT()
	j.Heads, j.HeadDim, j.InChannels, j.OutChannels, j.Layers = c.Heads, c.Dim, c.InChannels, &c.OutChannels, c.Layers
	j.Dropout, j.SampleSize, j.PatchSize, j.Classes = c.Dropout, c.Size, c.Patch, &c.Classes
	return &j, nil
}

// config maps a file's settings; file is its name, for errors.
func (j *ditJSON) config(file string) (*nets.DiTConfig, error) {
	switch {
	case !j.AttentionBias:
		return nil, refuse(file, "attention_bias", "false is not supported")
	case j.ActivationFn != gelu:
		return nil, refuse(file, "activation_fn", "%q is not supported, only %q", j.ActivationFn, gelu)
	case j.NormType != adaNorm:
		return nil, refuse(file, "norm_type", "%q is not supported, only %q", j.NormType, adaNorm)
	case j.Affine:
		return nil, refuse(file, "norm_elementwise_affine", "true is not supported")
	case j.NormEps != ditEps:
		return nil, refuse(file, "norm_eps", "%v is not supported, only %v", j.NormEps, ditEps)
	case j.Classes == nil:
		return nil, refuse(file, "num_embeds_ada_norm", "null is not supported: the network always has classes")
	}
	c := &nets.DiTConfig{InChannels: j.InChannels, OutChannels: j.InChannels, Size: j.SampleSize, Patch: j.PatchSize, Layers: j.Layers,
		Heads: j.Heads, Dim: j.HeadDim, Classes: *j.Classes, Dropout: j.Dropout}
	if j.OutChannels != nil {
		c.OutChannels = *j.OutChannels
	}
	if err := c.Validate(); err != nil {
		return nil, refuse(file, "network", "%v", err)
	}
	return c, nil
}
