package features

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/interop/safetensors"
)

// picture is that of golden.py.
func picture(h, w, seed int) *data.Picture {
	p := &data.Picture{Height: h, Width: w, Channels: 3, Depth: data.Bits8}
	for y := range h {
		for x := range w {
			for c := range 3 {
				p.Pix = append(p.Pix, uint8((x*37+y*91+c*53+x*y%17*11+x*x*3+seed*29)%256))
			}
		}
	}
	return p
}

// TestResizeEqualsLibraries: Pillow, PyTorch and TensorFlow's arithmetic, where a picture shrinks and where it grows.
func TestResizeEqualsLibraries(t *testing.T) {
	var want map[string][]float64
	testkit.ReadJSON(t, "testdata/resize.json", &want)
	for _, r := range Resizes()[1:] {
		for _, size := range [][2]int{{7, 5}, {23, 31}} {
			name := fmt.Sprintf("%v %dx%d", r, size[0], size[1])
			got, err := r.Apply(nil, picture(13, 11, 0), size[0], size[1])
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != size[0]*size[1]*3 {
				t.Fatalf("%s: %d numbers", name, len(got))
			}
			var some []float32
			for i := 0; i < len(got); i += 5 {
				some = append(some, got[i])
			}
			testkit.Close(t, name, some, want[name], testkit.Tol{Abs: 2e-4})
		}
	}
}

// TestResizeOfOtherPictures: grey, opacity, 16 bits and floats come to the same as 8-bit RGB.
func TestResizeOfOtherPictures(t *testing.T) {
	grey, rgb := &data.Picture{Height: 2, Width: 2, Channels: 1, Depth: data.Bits8, Pix: []byte{0, 51, 102, 255}}, make([]byte, 0, 12)
	wide, floats := make([]byte, 0, 8), make([]float32, 0, 4)
	for _, v := range grey.Pix {
		rgb, wide, floats = append(rgb, v, v, v), append(wide, v, v), append(floats, float32(v)/255)
	}
	opaque := make([]byte, 0, 16)
	for _, v := range grey.Pix {
		opaque = append(opaque, v, v, v, 255)
	}
	for _, r := range []Resize{ResizeTensorFlow, ResizeTorch, ResizeClean} {
		want, err := r.Apply(nil, &data.Picture{Height: 2, Width: 2, Channels: 3, Depth: data.Bits8, Pix: rgb}, 3, 5)
		if err != nil {
			t.Fatal(err)
		}
		for name, p := range map[string]*data.Picture{
			"grey":    grey,
			"16 bits": {Height: 2, Width: 2, Channels: 1, Depth: data.Bits16, Pix: wide},
			"floats":  {Height: 2, Width: 2, Channels: 1, Depth: data.Float32, Pix: safetensors.Bytes(floats)},
			"opacity": {Height: 2, Width: 2, Channels: 4, Alpha: true, Depth: data.Bits8, Pix: opaque},
		} {
			got, err := r.Apply([]float32{7}, p, 3, 5)
			if err != nil {
				t.Fatalf("%v, %s: %v", r, name, err)
			}
			if got[0] != 7 {
				t.Errorf("%v, %s: what was there before is gone", r, name)
			}
			for i, v := range got[1:] {
				if math.Abs(float64(v-want[i])) > 1e-3 {
					t.Errorf("%v, %s: number %d is %v, want %v", r, name, i, v, want[i])
					break
				}
			}
		}
	}
}

func TestResizeRefuses(t *testing.T) {
	five := &data.Picture{Height: 1, Width: 1, Channels: 5, Depth: data.Bits8, Pix: make([]byte, 5)}
	_, channels := ResizeTorch.Apply(nil, five, 2, 2)
	_, way := ResizeDefault.Apply(nil, picture(2, 2, 0), 2, 2)
	_, size := ResizePillow.Apply(nil, picture(2, 2, 0), 0, 2)
	for want, err := range map[string]error{"5 channels": channels, "a network chooses": way, "0 x 2": size} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	for _, r := range Resizes() {
		if back, err := ParseResize(r.String()); err != nil || back != r {
			t.Errorf("%v is read back as %v (%v)", r, back, err)
		}
	}
}
