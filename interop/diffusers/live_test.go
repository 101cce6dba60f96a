//go:build long

package diffusers

import (
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/nets/block"
)

// live are models of all kinds that diffusers can express.
func live() map[string]Model {
	ddpm, small, dit := nets.DDPMCifar10(), nets.UNetSmall(), nets.DiTSmall()
	for i := range ddpm.Channels { // as deep, but thin: the machine is shared
		ddpm.Channels[i] /= 4
	}
	ddpm.Groups = 8
	shift := nets.DefaultUNet(32, 64)
	shift.InChannels, shift.OutChannels, shift.ScaleShift, shift.Classes = 2, 2, true, 11
	shift.Down, shift.Up = []nets.Stage{nets.StageResnet, nets.StageAttn}, []nets.Stage{nets.StageAttn, nets.StageResnet}
	dit.Layers, dit.Size = 2, 8
	return map[string]Model{
		"ddpm":  {UNet: &ddpm, Height: 16, Width: 16, Method: diffusion.DDPM, Clip: true},
		"small": {UNet: &small, Height: 8, Width: 12, Schedule: diffusion.ScheduleConfig{Family: diffusion.Linear, Shift: 2}, Method: diffusion.DDIM},
		"shift": {UNet: &shift, Height: 8, Width: 8, Schedule: diffusion.ScheduleConfig{Family: diffusion.ScaledLinear}, Prediction: diffusion.PredictV,
			Method: diffusion.DPMpp2M},
		"edm":  {UNet: &small, Height: 8, Width: 8, Schedule: diffusion.ScheduleConfig{Family: diffusion.EDM}, Prediction: diffusion.PredictEDM},
		"flow": {DiT: &dit, Height: 8, Width: 8, Schedule: diffusion.ScheduleConfig{Family: diffusion.FlowLinear, Shift: 3}, Prediction: diffusion.PredictFlow},
		"cosine": {UNet: &small, Height: 8, Width: 8, Schedule: diffusion.ScheduleConfig{Family: diffusion.Cosine, ZeroTerminalSNR: true},
			Prediction: diffusion.PredictV},
	}
}

// What diffusers makes of a directory written here: the same output of the network, and the same noise levels.
func TestLive(t *testing.T) {
	interpreter := testkit.Python(t, "diffusers")
	for name, m := range live() {
		dir := t.TempDir()
		weights := func(p *block.Param) ([]float32, error) {
			w := testkit.Floats32(testkit.Fill(p.Name, p.Size()))
			for i := range w {
				w[i] *= float32(math.Sqrt(3 * float64(p.Shape[len(p.Shape)-1]) / float64(p.Size())))
			}
			return w, nil
		}
		create := func(path string, write func(io.Writer) error) error {
			path = filepath.Join(dir, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				return err
			}
			f, err := os.Create(path)
			if err != nil {
				return err
			}
			return errorsOf(write(f), f.Close())
		}
		if err := Write(create, m, nil, weights); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(dir, "out.json")
		if text, err := exec.Command(interpreter, "testdata/make.py", dir, out).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		var got struct {
			Output    []float64
			Scheduler struct {
				AlphasCumprod     []float64 `json:"alphas_cumprod"`
				Sigmas, Timesteps []float64
			}
		}
		testkit.ReadJSON(t, out, &got)
		testkit.Close(t, name, returns(t, m, weights), got.Output, testkit.Tol{Rel: 1e-4, Abs: 1e-5})
		s, err := m.Schedule.Build()
		if err != nil {
			t.Fatal(err)
		}
		if s.Steps() > 0 {
			testkit.Close(t, name+" alphas", s.AlphasCumprod(), got.Scheduler.AlphasCumprod, testkit.Tol{Rel: 1e-4, Abs: 1e-8})
			continue
		}
		for i, now := range got.Scheduler.Timesteps {
			sigma := got.Scheduler.Sigmas[i]
			if m.Schedule.Family == diffusion.FlowLinear { // diffusers calls t sigma there
				if sigma /= 1 - sigma; math.IsInf(sigma, 0) || sigma > 1e4 {
					continue
				}
			}
			if want := s.CNoise(sigma); math.Abs(now-want) > 1e-4*(1+math.Abs(want)) {
				t.Errorf("%s: step %d, sigma %v: diffusers gives the network time %v, ebb %v", name, i, sigma, now, want)
			}
		}
	}
}
