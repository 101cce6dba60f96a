package diffusers

import (
	"slices"
	"strings"

	"github.com/ebb-ml/ebb/diffusion"
)

// betaJSON is scheduler_config.json of the schedulers over discrete steps: DDPM, DDIM, DPM-Solver and their like.
type betaJSON struct {
	Steps           int       `json:"num_train_timesteps"`
	BetaStart       float64   `json:"beta_start"`
	BetaEnd         float64   `json:"beta_end"`
	BetaSchedule    string    `json:"beta_schedule"`
	TrainedBetas    []float64 `json:"trained_betas"`
	PredictionType  string    `json:"prediction_type"`
	TimestepSpacing string    `json:"timestep_spacing"`
	StepsOffset     int       `json:"steps_offset"`
	ZeroSNR         bool      `json:"rescale_betas_zero_snr"`
	ClipSample      *bool     `json:"clip_sample,omitempty"` // DDPM and DDIM
	VarianceType    *string   `json:"variance_type,omitempty"`
	SetAlphaToOne   *bool     `json:"set_alpha_to_one,omitempty"` // DDIM
	Algorithm       *string   `json:"algorithm_type,omitempty"`   // DPM-Solver, as the next
	Order           *int      `json:"solver_order,omitempty"`
}

// flowJSON is the one of FlowMatchEulerDiscreteScheduler.
type flowJSON struct {
	Steps   int     `json:"num_train_timesteps"`
	Shift   float64 `json:"shift"`
	Dynamic bool    `json:"use_dynamic_shifting"`
}

// edmJSON is the one of EDMEulerScheduler and EDMDPMSolverMultistepScheduler.
type edmJSON struct {
	SigmaMin       float64 `json:"sigma_min"`
	SigmaMax       float64 `json:"sigma_max"`
	SigmaData      float64 `json:"sigma_data"`
	Rho            float64 `json:"rho"`
	PredictionType string  `json:"prediction_type"`
}

const (
	classDDPM    = "DDPMScheduler"
	classDDIM    = "DDIMScheduler"
	classSolver  = "DPMSolverMultistepScheduler"
	classFlow    = "FlowMatchEulerDiscreteScheduler"
	classEDM     = "EDMEulerScheduler"
	flowSteps    = 1000 // the time input of flow networks is 1000·t
	epsilon      = "epsilon"
	sdBetaStart  = 0.00085 // defaults of the schedulers made for Stable Diffusion
	sdBetaEnd    = 0.012
	dataStdev    = 0.5
	fieldPredict = "prediction_type"
)

// betaSchedules names the families whose betas diffusers computes itself.
func betaSchedules() map[diffusion.Family]string {
	return map[diffusion.Family]string{diffusion.Linear: "linear", diffusion.ScaledLinear: "scaled_linear", diffusion.Cosine: "squaredcos_cap_v2",
		diffusion.Sigmoid: "sigmoid", diffusion.LaplaceDiffusers: "laplace"}
}

func predictionTypes() map[diffusion.Prediction]string {
	return map[diffusion.Prediction]string{diffusion.PredictEps: epsilon, diffusion.PredictX0: "sample", diffusion.PredictV: "v_prediction"}
}

// scheduler maps schedule, prediction and sampler: the class of diffusers and its scheduler_config.json.
func (m Model) scheduler() (class string, config any, err error) {
	s, err := m.Schedule.Build()
	if err != nil {
		return "", nil, err
	}
	c := s.Config()
	switch c.Family {
	case diffusion.Trigonometric:
		return "", nil, refuse("diffusion", "schedule", "diffusers has no scheduler for %v", c.Family)
	case diffusion.FlowLinear:
		if m.Prediction != diffusion.PredictFlow {
			return "", nil, refuse("diffusion", "prediction", "%v with schedule %v: diffusers knows flow only", m.Prediction, c.Family)
		}
		return classFlow, flowJSON{Steps: flowSteps, Shift: c.Shift}, nil
	case diffusion.EDM:
		if m.Prediction != diffusion.PredictEDM {
			return "", nil, refuse("diffusion", "prediction", "%v with schedule %v: diffusers knows edm only", m.Prediction, c.Family)
		}
		lowest, highest := s.SigmaRange()
		return classEDM, edmJSON{SigmaMin: lowest, SigmaMax: highest, SigmaData: m.sigmaData(), Rho: c.Rho, PredictionType: epsilon}, nil
	}
	return m.discrete(s)
}

func (m Model) sigmaData() float64 {
	if m.SigmaData == 0 {
		return dataStdev
	}
	return m.SigmaData
}

// discrete writes the betas by name, or as a list where diffusers has no name for them.
func (m Model) discrete(s *diffusion.Schedule) (class string, config any, err error) {
	c := s.Config()
	predicts, ok := predictionTypes()[m.Prediction]
	if !ok {
		return "", nil, refuse("diffusion", "prediction", "%v with schedule %v: diffusers knows eps, x0 and v there", m.Prediction, c.Family)
	}
	j := betaJSON{Steps: c.Steps, BetaStart: c.BetaStart, BetaEnd: c.BetaEnd, PredictionType: predicts, TimestepSpacing: "leading"}
	if name, ok := betaSchedules()[c.Family]; ok && c.Shift == 1 {
		j.BetaSchedule, j.ZeroSNR = name, c.ZeroTerminalSNR
	} else {
		j.BetaSchedule, j.TrainedBetas = "linear", betas(s.AlphasCumprod())
	}
	if j.BetaStart == 0 { // of families without; diffusers wants numbers
		j.BetaStart, j.BetaEnd = 1e-4, 0.02
	}
	if c.ZeroTerminalSNR {
		j.TimestepSpacing = "trailing" // else sampling would never begin at the last level (Lin et al. 2023)
	}
	yes, small, solver, order := true, "fixed_small", "dpmsolver++", 2
	switch m.Method {
	case diffusion.DPMpp2M, diffusion.DPMpp3M:
		if m.Method == diffusion.DPMpp3M {
			order = 3
		}
		j.Algorithm, j.Order = &solver, &order
		return classSolver, j, nil
	case diffusion.DDIM:
		j.ClipSample, j.SetAlphaToOne = &m.Clip, &yes
		return classDDIM, j, nil
	}
	j.ClipSample, j.VarianceType = &m.Clip, &small
	return classDDPM, j, nil
}

// betas is beta_i = 1 - alphaBar_i/alphaBar_(i-1).
func betas(alphaBar []float64) []float64 {
	out, before := make([]float64, len(alphaBar)), 1.0
	for i, a := range alphaBar {
		out[i], before = 1-a/before, a
	}
	return out
}

// readScheduler fills in what a scheduler_config.json says.
func (m *Model) readScheduler(path string) error {
	var head struct {
		Class string `json:"_class_name"`
	}
	if err := readJSON(path, &head); err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(head.Class, "FlowMatch"):
		return m.readFlow(path)
	case strings.HasPrefix(head.Class, "EDM"):
		return m.readEDM(path)
	case slices.Contains(discreteClasses(), strings.TrimSuffix(head.Class, "Scheduler")):
		return m.readDiscrete(path, head.Class)
	}
	return refuse(path, "_class_name", "the scheduler %q is not known", head.Class)
}

// discreteClasses lists the schedulers that share the settings of DDPM: they are ways to sample from one and the same kind of model.
func discreteClasses() []string {
	return []string{"DDPM", "DDPMParallel", "DDIM", "DDIMParallel", "DDIMInverse", "PNDM", "LMSDiscrete", "EulerDiscrete", "EulerAncestralDiscrete",
		"HeunDiscrete", "KDPM2Discrete", "KDPM2AncestralDiscrete", "DEISMultistep", "DPMSolverMultistep", "DPMSolverMultistepInverse",
		"DPMSolverSinglestep", "DPMSolverSDE", "UniPCMultistep", "SASolver", "IPNDM"}
}

func (m *Model) readFlow(path string) error {
	j := flowJSON{Steps: flowSteps, Shift: 1}
	if err := readJSON(path, &j); err != nil {
		return err
	}
	switch {
	case j.Steps != flowSteps:
		return refuse(path, "num_train_timesteps", "%d is not supported, only %d", j.Steps, flowSteps)
	case j.Dynamic:
		return refuse(path, "use_dynamic_shifting", "true is not supported")
	}
	m.Schedule = diffusion.ScheduleConfig{Family: diffusion.FlowLinear, Shift: j.Shift}
	m.Prediction, m.Method = diffusion.PredictFlow, diffusion.Euler
	return m.checkSchedule(path)
}

func (m *Model) readEDM(path string) error {
	j := edmJSON{SigmaMin: 0.002, SigmaMax: 80, SigmaData: dataStdev, Rho: 7, PredictionType: epsilon}
	if err := readJSON(path, &j); err != nil {
		return err
	}
	if j.PredictionType != epsilon {
		return refuse(path, fieldPredict, "%q is not supported for EDM, only %q", j.PredictionType, epsilon)
	}
	m.Schedule = diffusion.ScheduleConfig{Family: diffusion.EDM, SigmaMin: j.SigmaMin, SigmaMax: j.SigmaMax, Rho: j.Rho}
	m.Prediction, m.SigmaData, m.Method = diffusion.PredictEDM, j.SigmaData, diffusion.Heun
	return m.checkSchedule(path)
}

func (m *Model) readDiscrete(path, class string) error {
	j := betaJSON{Steps: 1000, BetaStart: 1e-4, BetaEnd: 0.02, BetaSchedule: "linear", PredictionType: epsilon}
	switch strings.TrimSuffix(class, "Scheduler") {
	case "HeunDiscrete", "KDPM2Discrete", "KDPM2AncestralDiscrete", "DPMSolverSDE":
		j.BetaStart, j.BetaEnd = sdBetaStart, sdBetaEnd
	}
	if err := readJSON(path, &j); err != nil {
		return err
	}
	if len(j.TrainedBetas) > 0 {
		return refuse(path, "trained_betas", "a list of betas is not supported")
	}
	if v := j.VarianceType; v != nil && strings.HasPrefix(*v, "learned") {
		return refuse(path, "variance_type", "%q is not supported: these networks predict no variance", *v)
	}
	c := diffusion.ScheduleConfig{Steps: j.Steps, ZeroTerminalSNR: j.ZeroSNR}
	var known bool
	if c.Family, known = keyOf(betaSchedules(), j.BetaSchedule); !known {
		return refuse(path, "beta_schedule", "%q is not known", j.BetaSchedule)
	}
	if f := c.Family; f == diffusion.Linear || f == diffusion.ScaledLinear || f == diffusion.Sigmoid {
		c.BetaStart, c.BetaEnd = j.BetaStart, j.BetaEnd
	}
	if m.Prediction, known = keyOf(predictionTypes(), j.PredictionType); !known {
		return refuse(path, fieldPredict, "%q is not known", j.PredictionType)
	}
	m.Schedule, m.Clip, m.Method = c, j.ClipSample == nil || *j.ClipSample, diffusion.DDIM
	switch class {
	case classDDPM:
		m.Method = diffusion.DDPM
	case classSolver:
		m.Method = diffusion.DPMpp2M
		if j.Order != nil && *j.Order == 3 {
			m.Method = diffusion.DPMpp3M
		}
	}
	return m.checkSchedule(path)
}

func keyOf[K comparable](m map[K]string, name string) (key K, ok bool) {
	for k, v := range m {
		if v == name {
			return k, true
		}
	}
	return key, false
}

func (m *Model) checkSchedule(path string) error {
	s, err := m.Schedule.Build()
	if err == nil {
		err = diffusion.Precond{Schedule: s, Prediction: m.Prediction, SigmaData: m.sigmaData()}.Check()
	}
	if err != nil {
		return refuse(path, "schedule", "%v", err)
	}
	return nil
}
