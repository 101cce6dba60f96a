// Package diffusers reads and writes the model directories of the Python library diffusers, so that a model trained here runs there and the
// other way round:
//
//	model_index.json                                which parts there are
//	unet/config.json                                the network (or transformer/config.json)
//	unet/diffusion_pytorch_model.safetensors        its weights, named and laid out as PyTorch keeps them
//	scheduler/scheduler_config.json                 noise schedule and prediction type
//
// Two networks are known: UNet2DModel, which is [nets.UNet], and DiTTransformer2DModel, which is [nets.DiT]. A setting that one side has
// and the other has not is an error that names the file and the field, never a silent change. Only this library's own words are used for
// the settings; what they mean in diffusers is told at the functions that map them.
//
// Models of diffusers see pictures in ±1, and so should those written here: the directory has no place for another normalisation.
package diffusers

import (
	"errors"
	"fmt"

	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/nets"
)

// Model is what a directory says of a model besides its weights.
type Model struct {
	UNet *nets.UNetConfig // this
	DiT  *nets.DiTConfig  // or this
	// Height and Width of the pictures in pixels; 0 where a directory does not say.
	Height, Width int
	Schedule      diffusion.ScheduleConfig
	Prediction    diffusion.Prediction
	SigmaData     float64 // standard deviation of the data, for PredictEDM; 0 is 0.5
	// Method is the sampler that the scheduler stands for. Writing keeps DDIM and the DPM-Solver++; all others become DDPM.
	Method diffusion.Method
	Clip   bool     // samplers keep clean estimates within ±1
	Labels []string // names of the classes; DiT only
}

// Network declares the network's parameters.
func (m Model) Network() (nets.Network, error) {
	switch {
	case m.UNet != nil && m.DiT != nil:
		return nil, errors.New("diffusers: a model is a U-Net or a DiT, not both")
	case m.UNet != nil:
		return nets.NewUNet(*m.UNet)
	case m.DiT != nil:
		return nets.NewDiT(*m.DiT)
	}
	return nil, errors.New("diffusers: only U-Nets and DiTs can be written as diffusers directories")
}

// Check says what of the model diffusers cannot express, if anything.
func (m Model) Check() error {
	if _, err := m.Network(); err != nil {
		return err
	}
	if err := m.checkChannels("network." + m.part()); err != nil {
		return err
	}
	if _, _, err := m.network(); err != nil {
		return err
	}
	_, _, err := m.scheduler()
	return err
}

// part is the folder of the network.
func (m Model) part() string {
	if m.DiT != nil {
		return partDiT
	}
	return partUNet
}

const (
	partUNet      = "unet"
	partDiT       = "transformer"
	partScheduler = "scheduler"
	indexFile     = "model_index.json"
	configFile    = "config.json"
	scheduleFile  = "scheduler_config.json"
	weightsBase   = "diffusion_pytorch_model"
	writtenAs     = "0.42.1" // the version of diffusers whose settings these are
)

// WeightsFile is where a directory of this model has its weights.
func (m Model) WeightsFile() string { return m.part() + "/" + weightsBase + ".safetensors" }

// network maps the network's configuration: the class of diffusers and its config.json.
func (m Model) network() (class string, config any, err error) {
	if m.DiT != nil {
		config, err = ditToJSON(*m.DiT, m.Height, m.Width)
		return classDiT, config, err
	}
	config, err = unetToJSON(*m.UNet, m.Height, m.Width)
	return classUNet, config, err
}

func refuse(file, field, format string, args ...any) error {
	return fmt.Errorf("%s: %s: %s", file, field, fmt.Sprintf(format, args...))
}
