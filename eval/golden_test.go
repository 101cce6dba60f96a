package eval

import (
	"context"
	"encoding/binary"
	"math"
	"testing"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/gomlx/compute"
)

// golden.json is written by golden.py beside it.
type goldens struct {
	Pairs []struct {
		Name                                 string
		Height, Width, Channels, Bits        int
		Noise                                float64
		MSE, PSNR, Gaussian, Uniform, MSSSIM float64
		Scales                               int
	}
	Distributions []struct {
		Name                                                        string
		N, M, D                                                     int
		FID                                                         float64
		FIDSmall                                                    float64 `json:"fid_small"`
		KID, MMD, Precision, Recall, Density, Coverage, Wasserstein float64
		Inception                                                   float64
	}
}

func readGoldens(t *testing.T) (g goldens) {
	testkit.ReadJSON(t, "testdata/golden.json", &g)
	return g
}

// synthetic is picture in golden.py.
func synthetic(name string, h, w, c, bits int, noise float64) *data.Picture {
	p := &data.Picture{Height: h, Width: w, Channels: c, Depth: data.Depth(bits)}
	random := testkit.Fill(name, h*w*c)
	for i, r := range random {
		y, x, ch := i/(w*c), i/c%w, i%c
		v := float64((x*5+y*3+x*y/4+ch*40)%256)/255*(1-noise) + noise*(r+1)/2
		switch p.Depth {
		case data.Bits8:
			p.Pix = append(p.Pix, uint8(v*255))
		case data.Bits16:
			p.Pix = binary.LittleEndian.AppendUint16(p.Pix, uint16(v*65535))
		default:
			p.Pix = binary.LittleEndian.AppendUint32(p.Pix, math.Float32bits(float32(v)))
		}
	}
	return p
}

// vectors is features in golden.py.
func vectors(name string, n, d int, scale, shift float64) Matrix {
	m := NewMatrix(n, d)
	own, common := testkit.Fill(name, n*d), testkit.Fill(name+"f", n)
	for i := range m.Data {
		m.Data[i] = float32((own[i]*(1+float64(i%d)/float64(d))+common[i/d])*scale + shift)
	}
	return m
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.9g, want %.9g", what, got, want)
	}
}

func TestPairedGoldens(t *testing.T) {
	for _, g := range readGoldens(t).Pairs {
		a, b := synthetic("a"+g.Name, g.Height, g.Width, g.Channels, g.Bits, 0.1), synthetic("b"+g.Name, g.Height, g.Width, g.Channels, g.Bits, g.Noise)
		check := func(what string, got float64, err error, want float64) {
			t.Helper()
			if err != nil {
				t.Error(g.Name, what, err)
			}
			near(t, g.Name+" "+what, got, want, 1e-6*math.Max(1, math.Abs(want)))
		}
		v, err := MSE(a, b)
		check("MSE", v, err, g.MSE)
		v, err = PSNR(a, b)
		check("PSNR", v, err, g.PSNR)
		v, err = SSIM(a, b, Uniform)
		check("uniform SSIM", v, err, g.Uniform)
		if v, err = SSIM(a, b, Gaussian); g.Gaussian != 0 {
			check("SSIM", v, err, g.Gaussian)
		} else if err == nil {
			t.Error(g.Name, "is smaller than the window and has an SSIM")
		}
		if g.Scales > 0 {
			v, err = MSSSIM(a, b, g.Scales)
			check("MS-SSIM", v, err, g.MSSSIM)
		}
	}
}

func TestDistributionGoldens(t *testing.T) {
	ctx, b := context.Background(), testkit.Backend(t)
	for _, g := range readGoldens(t).Distributions {
		x, y := vectors("x"+g.Name, g.N, g.D, 1, 0), vectors("y"+g.Name, g.M, g.D, 0.9, 0.15)
		check := func(what string, f Figure, err error, want, relative float64) {
			t.Helper()
			if err != nil {
				t.Error(g.Name, what, err)
			}
			near(t, g.Name+" "+what, float64(f.Value), want, relative*math.Abs(want))
			if what != "IS" && (f.N != g.N || f.Reference != g.M) || !(f.StandardError >= 0) || !f.Interval.Contains(float64(f.Value)) {
				t.Errorf("%s: %+v", what, f)
			}
		}
		f, err := Frechet(ctx, b, "test", x, y)
		check("FD", f, err, g.FIDSmall, 1e-6)
		if g.FID != 0 {
			check("FD by sqrtm", f, err, g.FID, 1e-5)
		}
		k := min(g.N, g.M)
		kid, err := KID(ctx, b, "test", x.Rows(0, k), y.Rows(0, k))
		kid.N, kid.Reference = g.N, g.M
		check("KID", kid, err, g.KID, 1e-4)
		f, err = MMD(ctx, b, "test", x, y, 1.5)
		check("MMD", f, err, g.MMD, 1e-4)
		m, err := NewManifold(ctx, b, "test", x, y)
		check("precision", m.Precision, err, g.Precision, 1e-9)
		check("recall", m.Recall, err, g.Recall, 1e-9)
		check("density", m.Density, err, g.Density, 1e-9)
		check("coverage", m.Coverage, err, g.Coverage, 1e-9)
		checkLine(ctx, t, b, x, y, g.Wasserstein)
		f, err = InceptionScore("test", softmax(x))
		check("IS", f, err, g.Inception, 1e-6)
	}
}

// checkLine compares the distance of the first coordinates, where every direction is ±1.
func checkLine(ctx context.Context, t *testing.T, b compute.Backend, x, y Matrix, want float64) {
	t.Helper()
	first := func(m Matrix) Matrix {
		out := NewMatrix(m.N, 1)
		for i := range m.N {
			out.Data[i] = m.Row(i)[0]
		}
		return out
	}
	f, err := SlicedWasserstein(ctx, b, "test", first(x), first(y), 3, 1)
	if err != nil {
		t.Error(err)
	}
	near(t, "sliced Wasserstein on a line", float64(f.Value), want, 1e-6)
}

// softmax of three times the vectors.
func softmax(x Matrix) Matrix {
	p := NewMatrix(x.N, x.D)
	for i := range x.N {
		sum := 0.0
		for _, v := range x.Row(i) {
			sum += math.Exp(3 * float64(v))
		}
		for j, v := range x.Row(i) {
			p.Row(i)[j] = float32(math.Exp(3*float64(v)) / sum)
		}
	}
	return p
}
