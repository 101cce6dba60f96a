package assess

import (
	"context"
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/eval"
)

// Level is what a model does at one noise level, in one step: means over pictures.
type Level struct {
	T     float64 // the network's number for the noise level: the step of a discrete schedule
	Sigma float64
	Eps   float64 // mean squared error of the estimate of the noise
	// Of the estimated pictures, on the scale of 0…255. They are 0 for points; SSIM also for pictures smaller than its window.
	MSE, PSNR, SSIM float64
}

// ByLevel measures the judged weights at each noise level on held-out pictures: the error of the noise, and how near the picture that is
// estimated in one step comes to the original. pictures says whether samples are pictures at all.
func (s *Subject) ByLevel(ctx context.Context, c Settings, pictures bool) ([]Level, error) {
	each, err := s.EachPicture(ctx, c, s.levels(c.Levels), pictures)
	if err != nil {
		return nil, err
	}
	var levels []Level
	for k, sigma := range each.Sigmas {
		l := Level{T: s.Model.Precond.Schedule.CNoise(sigma), Sigma: sigma, Eps: mean(each.Eps[k])}
		if pictures {
			l.MSE, l.PSNR, l.SSIM = mean(each.MSE[k]), mean(each.PSNR[k]), mean(each.SSIM[k])
		}
		levels = append(levels, l)
	}
	return levels, nil
}

// Individual is what a model does with each picture at each noise level, in one step: what [Level] is the mean of. Each field holds a row for
// each level with a number for each picture, and no numbers where there is nothing to measure: of points all but Eps, of pictures smaller
// than its window SSIM.
type Individual struct {
	Sigmas               []float64
	Eps, MSE, PSNR, SSIM [][]float64 // [level][picture]
}

// EachPicture measures the judged weights at the given noise levels, picture by picture, with noise that depends on seed, picture and place of
// the level alone: two models measured at the same levels differ by nothing else.
func (s *Subject) EachPicture(ctx context.Context, c Settings, sigmas []float64, pictures bool) (*Individual, error) {
	net, err := s.compile(s.Weights)
	if err != nil {
		return nil, err
	}
	defer net.Finalize()
	n := len(sigmas)
	each := &Individual{Sigmas: sigmas, Eps: make([][]float64, n), MSE: make([][]float64, n), PSNR: make([][]float64, n), SSIM: make([][]float64, n)}
	total := min(c.Images, s.HeldOut.Len())
	return each, s.batches(ctx, s.HeldOut, total, c.Batch, func(first int, x []float32, labels []int32) error {
		d, err := net.Denoiser(ctx, s.classes(labels))
		if err != nil {
			return err
		}
		err = each.measure(ctx, s, d, x, s.noise(c.Seed, first), pictures)
		s.progress(first+len(labels), total)
		return err
	})
}

// measure appends the numbers of a batch.
func (v *Individual) measure(ctx context.Context, s *Subject, d diffusion.Denoiser, x []float32, noise diffusion.Noise, pictures bool) error {
	var originals []*data.Picture
	var err error
	if pictures {
		if originals, err = s.pictures(x); err != nil {
			return err
		}
	}
	size, y, noisy := s.size(), make([]float32, len(x)), make([]float32, len(x))
	for k, sigma := range v.Sigmas {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		noise.Fill(noisy, k)
		for i, x0 := range x {
			noisy[i] = x0 + float32(sigma)*noisy[i]
		}
		if err := d(y, noisy, sigma); err != nil {
			return err
		}
		factor := diffusion.PredictEps.Scale(sigma, 0) / float64(size)
		for i := 0; i < len(x); i += size {
			sum := 0.0
			for j, x0 := range x[i : i+size] {
				e := float64(x0) - float64(y[i+j])
				sum += e * e * factor
			}
			if math.IsNaN(sum) || math.IsInf(sum, 0) {
				return fmt.Errorf("assess: the network's estimate of a picture at sigma %.4g is not finite: its weights diverged", sigma)
			}
			v.Eps[k] = append(v.Eps[k], sum)
		}
		if pictures {
			if err := v.compare(s, k, originals, y); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare appends how near the estimates y come to the originals.
func (v *Individual) compare(s *Subject, k int, originals []*data.Picture, y []float32) error {
	made, err := s.pictures(y)
	if err != nil {
		return err
	}
	for i, p := range made {
		mse, err := eval.MSE(originals[i], p)
		if err != nil {
			return err
		}
		psnr, err := eval.PSNR(originals[i], p)
		if err != nil {
			return err
		}
		v.MSE[k], v.PSNR[k] = append(v.MSE[k], mse), append(v.PSNR[k], psnr)
		if hasSSIM(s.Model) {
			ssim, err := eval.SSIM(originals[i], p, eval.Gaussian)
			if err != nil {
				return err
			}
			v.SSIM[k] = append(v.SSIM[k], ssim)
		}
	}
	return nil
}

// overLevels is for each picture the mean over the levels; empty where nothing was measured.
func overLevels(rows [][]float64) []float64 {
	if len(rows) == 0 {
		return nil
	}
	out := make([]float64, len(rows[0]))
	for _, row := range rows {
		for i, v := range row {
			out[i] += v / float64(len(rows))
		}
	}
	return out
}

// mean of values; 0 of none.
func mean(values []float64) (sum float64) {
	for _, v := range values {
		sum += v / float64(len(values))
	}
	return sum
}
