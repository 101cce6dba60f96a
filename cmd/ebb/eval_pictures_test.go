package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// picturesIn writes count pictures of a pattern, made brighter by shift.
func picturesIn(t *testing.T, count, side, shift int) string {
	t.Helper()
	dir := t.TempDir()
	for k := range count {
		m := image.NewNRGBA(image.Rect(0, 0, side, side))
		for i := range side * side {
			v := uint8((i%side*7+i/side*5+k*i%31*3+k*11)%200 + shift)
			m.Set(i%side, i/side, color.NRGBA{v, v / 2, 255 - v, 255})
		}
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.png", k)), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEvalPictures(t *testing.T) {
	a, b := picturesIn(t, 24, 16, 4), picturesIn(t, 24, 16, 0)
	var out, errs bytes.Buffer
	app := &app{stdout: &out, stderr: &errs}
	if code := run([]string{"eval", "pictures", a, b, "--metrics", "mse,psnr,ssim,ms-ssim,kid,fd-dct,precision", "--json"}, app); code != exitDone {
		t.Fatal(code, errs.String())
	}
	var r struct {
		MSE, PSNR, SSIM float64
		MSSSIM          float64 `json:"ms_ssim"`
		N               int
		KID             struct {
			Value    float64
			Interval [2]float64
			N        int
		}
		FD struct{ Value float64 } `json:"fd_dct"`
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Fatal(err, out.String())
	}
	// red differs by 4, green by 2, blue by -4
	if r.MSE != 12 || r.PSNR < 37.3 || r.PSNR > 37.4 || r.SSIM < 0.99 || r.MSSSIM < 0.99 || r.N != 24 || r.KID.N != 24 || !(r.FD.Value > 0) {
		t.Errorf("%+v", r)
	}
	if v := r.KID.Interval; !(v[0] < r.KID.Value && r.KID.Value < v[1]) {
		t.Errorf("interval of KID %+v", r.KID)
	}
	out.Reset()
	if code := run([]string{"eval", "pictures", a, b}, app); code != exitDone || !strings.Contains(out.String(), "FD-dct8-24") ||
		!strings.Contains(out.String(), "fd-inf left out: eval: FD∞-dct8 needs at least 50 pictures on each side, there are 24") {
		t.Error(code, out.String(), errs.String())
	}
}

func TestEvalPicturesRefuses(t *testing.T) {
	a, few, other := picturesIn(t, 6, 16, 4), picturesIn(t, 2, 16, 0), picturesIn(t, 6, 8, 0)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{a, other}, exitData, "8 x 8"},
		{[]string{a, few, "--metrics", "ssim"}, exitData, "there are 6 and 2"},
		{[]string{a, few, "--metrics", "kid"}, exitData, "at least 3 pictures on each side, there are 2"},
		{[]string{a, a, "--metrics", "beauty"}, exitUsage, "choose one of mse"},
		{[]string{a, a, "--metrics", "fid"}, exitUsage, "fid needs --features FILE"},
		{[]string{other, other, "--metrics", "ssim"}, exitData, "at least 11 x 11"},
		{[]string{a, filepath.Join(a, "none")}, exitData, "no such file"},
	} {
		var out, errs bytes.Buffer
		if code := run(append([]string{"eval", "pictures"}, c.args...), &app{stdout: &out, stderr: &errs}); code != c.code || !strings.Contains(errs.String(), c.want) {
			t.Errorf("%v: code %d, %s; want %d, %s", c.args, code, errs.String(), c.code, c.want)
		}
	}
}

func TestEvalLeaks(t *testing.T) {
	a := picturesIn(t, 6, 16, 0)
	var out, errs bytes.Buffer
	if code := run([]string{"eval", "leaks", a, a, "--json"}, &app{stdout: &out, stderr: &errs}); code != exitDone || !strings.Contains(out.String(), `"leaks":6`) {
		t.Error(code, out.String(), errs.String())
	}
}
