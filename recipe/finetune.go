package recipe

import (
	"errors"
	"fmt"

	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/finetune"
	"github.com/ebb-ml/ebb/nets"
)

// Finetune is what a run that went on from another model keeps of it.
type Finetune struct {
	From   string               `toml:"from"`             // run or model folder that it started from, for people
	Train  []string             `toml:"train"`            // globs of the weights that are trained; empty: all
	Rate   float64              `toml:"rate"`             // peak of the learning rate of the first training, from which defaults are derived
	LoRA   *finetune.LoRAConfig `toml:"lora,omitempty"`   // adapters that are trained instead
	Class  string               `toml:"class,omitempty"`  // of the new pictures, where they have none
	Old    *OldData             `toml:"old,omitempty"`    // what the model was trained on before; without, forgetting is not measured
	Native *Native              `toml:"native,omitempty"` // how the network itself is run, where schedule or prediction were changed
}

// Native is the noise schedule and the prediction that a network was first trained in: the part of Diffusion that its weights know.
type Native struct {
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
}

// OldData is data that a model was trained on before.
type OldData struct {
	Mix     float64 `toml:"mix"`      // share of the images of a batch, drawn from it so that it is not forgotten; 0: none
	Seed    uint64  `toml:"seed"`     // of its split, so that what was held out then is held out now
	HeldOut float64 `toml:"held_out"` // share that was held out
	Data    Data    `toml:"data"`
}

// wrap makes the network of a fine-tuning run: with some weights frozen, or with adapters. Without a run it is net itself.
func (f *Finetune) wrap(net nets.Network) (nets.Network, error) {
	switch {
	case f == nil:
		return net, nil
	case f.LoRA != nil && len(f.Train) > 0:
		return nil, errors.New("finetune.train and finetune.lora exclude each other: adapters freeze all weights")
	case f.LoRA != nil:
		return finetune.NewLoRA(net, *f.LoRA)
	case len(f.Train) > 0:
		_, err := finetune.Only(net.Params(), f.Train)
		return net, err
	}
	return net, nil
}

// Native is the part of the settings that a trained network's weights know.
func (d Diffusion) Native() Native {
	return Native{Schedule: d.Schedule, Steps: d.Steps, BetaStart: d.BetaStart, BetaEnd: d.BetaEnd, ZeroSNR: d.ZeroSNR, Shift: d.Shift,
		SigmaMin: d.SigmaMin, SigmaMax: d.SigmaMax, Rho: d.Rho, SigmaData: d.SigmaData, Prediction: d.Prediction}
}

// precond is the parameterisation that these settings stand for.
func (n Native) precond() (diffusion.Precond, error) {
	s, err := diffusion.ScheduleConfig{Family: n.Schedule, Steps: n.Steps, BetaStart: n.BetaStart, BetaEnd: n.BetaEnd, ZeroTerminalSNR: n.ZeroSNR,
		Shift: n.Shift, SigmaMin: n.SigmaMin, SigmaMax: n.SigmaMax, Rho: n.Rho}.Build()
	if err != nil {
		return diffusion.Precond{}, fmt.Errorf("diffusion: %w", err)
	}
	p := diffusion.Precond{Schedule: s, Prediction: n.Prediction, SigmaData: n.SigmaData}
	if p.SigmaData == 0 {
		p.SigmaData = 0.5
	}
	return p, nil
}

// precond is the parameterisation of a configuration.
func (c Config) precond() (diffusion.Precond, error) {
	p, err := c.Diffusion.Native().precond()
	if err != nil || c.Finetune == nil || c.Finetune.Native == nil {
		return p, err
	}
	native, err := c.Finetune.Native.precond()
	p.Native = &native
	return p, err
}
