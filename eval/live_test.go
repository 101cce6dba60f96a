//go:build long

package eval

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/internal/testkit"
)

// liveScript reads pairs of raw 8-bit pictures, 32 x 32 x 3, and prints skimage's measures of each.
const liveScript = `
import json, sys
import numpy as np
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity as ssim
p = np.fromfile(sys.argv[1], np.uint8).reshape(-1, 2, 32, 32, 3)
k = dict(channel_axis=-1, data_range=255)
g = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
print(json.dumps([[mean_squared_error(a, b), peak_signal_noise_ratio(a, b, data_range=255), ssim(a, b, **k, **g), ssim(a, b, **k)] for a, b in p]))
`

// TestAgainstScikitImage compares real pictures with their blurred selves, where a Python with scikit-image is at hand.
func TestAgainstScikitImage(t *testing.T) {
	python := testkit.Python(t, "skimage")
	valid := cifar(t, "cifar10-valid.zip")
	var raw []byte
	var pairs [][2]*data.Picture
	for i := range 30 {
		p, err := valid.Picture(60 * i)
		if err != nil {
			t.Fatal(err)
		}
		q, err := p.Resize(16+i%16, 20, data.Bilinear)
		if err == nil {
			q, err = q.Resize(32, 32, data.Bicubic)
		}
		if err != nil {
			t.Fatal(err)
		}
		raw = append(append(raw, p.Pix...), q.Pix...)
		pairs = append(pairs, [2]*data.Picture{p, q})
	}
	file := filepath.Join(t.TempDir(), "pairs.bin")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", liveScript, file)
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1")
	out, err := cmd.Output()
	if err != nil {
		t.Skip("scikit-image does not run: ", err)
	}
	var want [][4]float64
	if err := json.NewDecoder(strings.NewReader(string(out))).Decode(&want); err != nil {
		t.Fatal(err)
	}
	for i, p := range pairs {
		var got [4]float64
		var errs [4]error
		got[0], errs[0] = MSE(p[0], p[1])
		got[1], errs[1] = PSNR(p[0], p[1])
		got[2], errs[2] = SSIM(p[0], p[1], Gaussian)
		got[3], errs[3] = SSIM(p[0], p[1], Uniform)
		for k := range got {
			if errs[k] != nil {
				t.Error(errs[k])
			}
			near(t, []string{"MSE", "PSNR", "SSIM", "uniform SSIM"}[k], got[k], want[i][k], 1e-6*max(1, want[i][k]))
		}
	}
}
