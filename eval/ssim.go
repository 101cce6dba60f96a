package eval

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/internal/enum"
)

// Window is the weighting of SSIM's local statistics.
type Window int

// The windows. Gaussian is that of the paper and of the usual published numbers: standard deviation 1.5, 11 x 11, population
// covariance (scikit-image: gaussian_weights=True, sigma=1.5, use_sample_covariance=False). Uniform is scikit-image's default: 7 x 7 equal
// weights, sample covariance.
const (
	Gaussian Window = iota
	Uniform
)

var windowNames = enum.New[Window]("eval", "SSIM window", "gaussian", "uniform")

func (w Window) String() string                   { return windowNames.Name(w) }
func (w Window) MarshalText() ([]byte, error)     { return windowNames.Marshal(w) }
func (w *Window) UnmarshalText(text []byte) error { return windowNames.Unmarshal(w, text) }

// taps returns the window's weights along one axis, which sum to one, and the factor of its covariances.
func (w Window) taps() (weights []float64, covariance float64) {
	if w == Uniform {
		weights = make([]float64, 7)
		for i := range weights {
			weights[i] = 1.0 / 7
		}
		return weights, 49.0 / 48
	}
	const sigma, radius = 1.5, 5 // radius: SciPy's truncation at 3.5 sigma
	sum := 0.0
	for i := -radius; i <= radius; i++ {
		v := math.Exp(-float64(i*i) / (2 * sigma * sigma))
		weights = append(weights, v)
		sum += v
	}
	for i := range weights {
		weights[i] /= sum
	}
	return weights, 1
}

// The constants (K1·L)² and (K2·L)² of Wang et al. 2004, with L = 255.
const (
	ssimC1 = (0.01 * 255) * (0.01 * 255)
	ssimC2 = (0.03 * 255) * (0.03 * 255)
)

// SSIM is the mean structural similarity of two pictures of one shape over all channels and all places where the window fits inside
// (Wang et al. 2004, equation 13): at most 1, for equal pictures. It equals
// skimage.metrics.structural_similarity(channel_axis=-1, data_range=255) with the window's settings. Pictures smaller than the window
// are refused, as scikit-image does.
func SSIM(a, b *data.Picture, w Window) (float64, error) {
	p, q, err := pair(a, b)
	if err != nil {
		return 0, err
	}
	if err := windowNames.Check(w); err != nil {
		return 0, err
	}
	return p.ssim(q, w)
}

func (p planes) ssim(q planes, w Window) (float64, error) {
	weights, covariance := w.taps()
	if k := len(weights); p.height < k || p.width < k {
		return 0, fmt.Errorf("eval: SSIM: the %s window of %d x %d does not fit into pictures of %d x %d pixels: leave SSIM out, or compare larger pictures",
			w, k, k, p.width, p.height)
	}
	f := newFilter(weights, p.width)
	sum := 0.0
	for c := range p.channel {
		s, _ := f.similarity(p.channel[c], q.channel[c], p.width, covariance)
		sum += s / float64(len(p.channel))
	}
	return sum, nil
}
