package assess

import (
	"context"
	"fmt"
	"image"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/plot"
	"github.com/ebb-ml/ebb/eval/report"
	"github.com/ebb-ml/ebb/recipe"
)

// The reconstructions that are measured: noise levels in equal ratios, and the pictures that are shown.
const (
	reconstructionLevels = 5
	reconstructionSteps  = 20
	reconstructionShown  = 8
	reconstructionImages = 64 // a whole reverse process for each level and picture is dear
)

// Reconstruction measures how near pictures come to their originals when they are noised and made anew: in one step, by the whole reverse
// process, and after DDIM inversion, from several noise levels.
func (s *Subject) Reconstruction(ctx context.Context, c Settings) (report.Section, error) {
	section := report.Section{Title: "Reconstruction", Facts: []report.Fact{{Name: "reverse process", Value: fmt.Sprintf("dpmpp-2m, %d steps", reconstructionSteps)}}}
	net, err := s.compile(s.Weights)
	if err != nil {
		return section, err
	}
	defer net.Finalize()
	r := reconstruction{subject: s, net: net, settings: c, sigmas: s.ratioLevels(reconstructionLevels), ways: c.Ways}
	if r.ways == nil {
		r.ways = diffusion.Reconstructions()
	}
	r.values, r.rows = make([]levelValues, len(r.ways)), make([][reconstructionLevels][]*image.NRGBA, len(r.ways))
	n := min(reconstructionImages, c.Images, s.HeldOut.Len())
	if err := s.batches(ctx, s.HeldOut, n, min(c.Batch, n), func(first int, x []float32, labels []int32) error {
		return r.batch(ctx, first, x, labels, n)
	}); err != nil {
		return section, err
	}
	return r.complete(section)
}

// ReconstructionCalls is how many pictures the network is given for Reconstruction in some ways.
func (c Settings) ReconstructionCalls(ways ...diffusion.Reconstruction) int {
	calls := 0
	for _, way := range ways {
		calls += map[diffusion.Reconstruction]int{diffusion.OneStep: 1, diffusion.Reverse: reconstructionSteps, diffusion.Inversion: 2 * reconstructionSteps}[way]
	}
	return min(reconstructionImages, c.Images) * reconstructionLevels * calls
}

// ratioLevels are n noise levels from a twentieth of the data's deviation to 20 times it, as far as the schedule goes.
func (s *Subject) ratioLevels(n int) []float64 {
	lowest, highest := s.Model.Precond.Schedule.SigmaRange()
	lo, hi := max(lowest*2, 0.05), min(highest/2, 10)
	return geometric(lo, hi, n)
}

// reconstruction gathers what is measured: by way and level, the measures of each picture.
type reconstruction struct {
	subject  *Subject
	net      *diffusion.Compiled
	settings Settings
	sigmas   []float64
	ways     []diffusion.Reconstruction
	values   []levelValues // by way
	rows     [][reconstructionLevels][]*image.NRGBA
	shown    []*image.NRGBA
}

// levelValues are the measures of each picture by level.
type levelValues [reconstructionLevels]struct{ mse, psnr, ssim, msssim []float64 }

// batch reconstructs one batch in all ways from all levels.
func (r *reconstruction) batch(ctx context.Context, first int, x []float32, labels []int32, total int) error {
	originals, err := r.subject.pictures(x)
	if err != nil {
		return err
	}
	if first == 0 {
		if r.shown, err = images(originals[:min(reconstructionShown, len(originals))]); err != nil {
			return err
		}
	}
	d, err := r.net.Denoiser(ctx, r.subject.classes(labels))
	if err != nil {
		return err
	}
	y := make([]float32, len(x))
	for w, way := range r.ways {
		for k, sigma := range r.sigmas {
			levels, err := r.subject.Model.Precond.Schedule.LevelsFrom(sigma, reconstructionSteps)
			if err != nil {
				return err
			}
			reconstructor := diffusion.Reconstructor{Kind: way, Levels: levels, Sampler: diffusion.NewSampler(diffusion.DPMpp2M)}
			if err := reconstructor.Run(y, x, d, r.subject.noise(r.settings.Seed, first).Fill); err != nil {
				return err
			}
			if err := r.take(w, k, first, originals, y); err != nil {
				return err
			}
			parts := len(r.ways) * len(r.sigmas)
			r.subject.progress(first*parts+(w*len(r.sigmas)+k+1)*len(labels), total*parts)
		}
	}
	return nil
}

// take measures a batch that was made anew.
func (r *reconstruction) take(way, level, first int, originals []*data.Picture, y []float32) error {
	made, err := r.subject.pictures(y)
	if err != nil {
		return err
	}
	v := &r.values[way][level]
	for i, p := range made {
		mse, err := eval.MSE(originals[i], p)
		if err != nil {
			return err
		}
		psnr, err := eval.PSNR(originals[i], p)
		if err != nil {
			return err
		}
		v.mse, v.psnr = append(v.mse, mse), append(v.psnr, psnr)
		if hasSSIM(r.subject.Model) {
			ssim, err := eval.SSIM(originals[i], p, eval.Gaussian)
			if err != nil {
				return err
			}
			v.ssim = append(v.ssim, ssim)
		}
		if scales := eval.MSSSIMScales(p.Height, p.Width); scales > 1 {
			msssim, err := eval.MSSSIM(originals[i], p, scales)
			if err != nil {
				return err
			}
			v.msssim = append(v.msssim, msssim)
		}
	}
	if first > 0 {
		return nil
	}
	r.rows[way][level], err = images(made[:min(reconstructionShown, len(made))])
	return err
}

// hasSSIM says whether pictures are as large as the window of SSIM.
func hasSSIM(m *recipe.Model) bool { return min(m.Height, m.Width) >= 11 }

// complete makes figures, charts and pictures.
func (r *reconstruction) complete(section report.Section) (report.Section, error) {
	psnr := plot.Chart{Title: "Likeness to the original (PSNR)", X: "noise level sigma", Y: "PSNR, dB", LogX: true}
	ssim := plot.Chart{Title: "Likeness to the original (SSIM)", X: "noise level sigma", Y: "SSIM", LogX: true}
	for w, way := range r.ways {
		p := plot.Series{Name: way.String(), X: r.sigmas}
		q := plot.Series{Name: way.String(), X: r.sigmas}
		for k, sigma := range r.sigmas {
			v := r.values[w][k]
			figures, err := levelFigures(way, sigma, pictureMeasures{{"MSE", v.mse}, {"PSNR", v.psnr}, {"SSIM", v.ssim}, {r.msssim(), v.msssim}})
			if err != nil {
				return section, err
			}
			section.Figures = append(section.Figures, figures...)
			p.Y, p.Low, p.High = appendFigure(p, figures[1])
			if len(figures) > 2 {
				q.Y, q.Low, q.High = appendFigure(q, figures[2])
			}
		}
		psnr.Series = append(psnr.Series, p)
		if hasSSIM(r.subject.Model) {
			ssim.Series = append(ssim.Series, q)
		}
		picture, err := r.picture(w, way)
		if err != nil {
			return section, err
		}
		section.Pictures = append(section.Pictures, picture)
	}
	section.Charts = []plot.Chart{psnr}
	if hasSSIM(r.subject.Model) {
		section.Charts = append(section.Charts, ssim)
	}
	return section, nil
}

func appendFigure(s plot.Series, f eval.Figure) (y, lo, hi []float64) {
	return append(s.Y, float64(f.Value)), append(s.Low, f.Interval.Low), append(s.High, f.Interval.High)
}

// pictureMeasures are measures of each picture, by name.
type pictureMeasures []struct {
	name   string
	values []float64
}

func levelFigures(way diffusion.Reconstruction, sigma float64, all pictureMeasures) (figures []eval.Figure, err error) {
	for _, m := range all {
		if len(m.values) == 0 {
			continue
		}
		f, err := eval.MeanFigure(fmt.Sprintf("%s, %v from sigma %.3g", m.name, way, sigma), m.values)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f)
	}
	return figures, nil
}

// msssim is the name of MS-SSIM for pictures of this size: with fewer than its 5 scales, which need 176 x 176 pixels, it is another measure.
func (r *reconstruction) msssim() string {
	const whole = 5
	if scales := eval.MSSSIMScales(r.subject.Model.Height, r.subject.Model.Width); scales < whole {
		return fmt.Sprintf("MS-SSIM of %d scales", scales)
	}
	return "MS-SSIM"
}

// picture shows originals above what was made of them, the lowest noise level first.
func (r *reconstruction) picture(w int, way diffusion.Reconstruction) (report.Picture, error) {
	all := append([]*image.NRGBA(nil), r.shown...)
	for _, row := range r.rows[w] {
		all = append(all, row...)
	}
	return gridPicture(all, len(r.shown), fmt.Sprintf("%v: originals, then made anew from sigma %s", way, join(r.sigmas)))
}
