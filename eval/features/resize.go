package features

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/internal/enum"
	"github.com/ebb-ml/ebb/interop/safetensors"
)

// Resize says how pictures get the size of a network. Parmar et al. 2022 (arXiv 2104.11222) show what the differences do to distances.
type Resize int

const (
	// ResizeDefault is what published figures of a network are made with: ResizeTensorFlow for the FID's Inception, ResizeTorch for
	// torchvision's, ResizePillow for DINOv2.
	ResizeDefault Resize = iota
	// ResizeTensorFlow is bilinear without antialiasing, pixel 0 on pixel 0: TensorFlow 1's resize_bilinear, inside the original FID's graph
	// (torch-fidelity and clean-fid's legacy_tensorflow do the same).
	ResizeTensorFlow
	// ResizeTorch is bilinear without antialiasing, corners on corners: torch.nn.functional.interpolate, as pytorch-fid.
	ResizeTorch
	// ResizeClean is clean-fid's: Pillow's bicubic with antialiasing on floating-point channels, clipped and not rounded.
	ResizeClean
	// ResizePillow is Pillow's bicubic with antialiasing on the 8-bit picture.
	ResizePillow
)

var resizeNames = enum.New[Resize]("features", "resizing", "default", "tensorflow", "torch", "clean", "pillow")

// Resizes lists all ways.
func Resizes() []Resize { return resizeNames.Values() }

// ParseResize is the inverse of String.
func ParseResize(name string) (Resize, error) { return resizeNames.Parse(name) }

// String returns the name of the way.
func (r Resize) String() string { return resizeNames.Name(r) }

// MarshalText writes the name.
func (r Resize) MarshalText() ([]byte, error) { return resizeNames.Marshal(r) }

// UnmarshalText reads the name.
func (r *Resize) UnmarshalText(text []byte) error { return resizeNames.Unmarshal(r, text) }

// Apply appends to dst the picture in RGB on the 0…255 scale, h×w pixels of three interleaved samples. Grey becomes three equal channels,
// opacity is laid over black, 16 bits are divided by 257, floats, whose white is 1, multiplied by 255.
func (r Resize) Apply(dst []float32, p *data.Picture, h, w int) ([]float32, error) {
	if r == ResizePillow {
		small, err := p.Resize(h, w, data.Bicubic)
		if err != nil {
			return nil, fmt.Errorf("features: %w", err)
		}
		return appendRGB(dst, small)
	}
	pix, err := appendRGB(nil, p)
	if err != nil {
		return nil, err
	}
	switch r {
	case ResizeTensorFlow, ResizeTorch:
		return bilinear(dst, pix, p.Height, p.Width, h, w, r == ResizeTorch), nil
	case ResizeClean:
		return clean(dst, pix, p.Height, p.Width, h, w)
	}
	return nil, fmt.Errorf("features: resizing %v is not a way by itself: a network chooses one", r)
}

// appendRGB appends the samples of p in RGB on the 0…255 scale.
func appendRGB(dst []float32, p *data.Picture) ([]float32, error) {
	grey := p.Channels == 1 && p.Depth == data.Float32 // not converted by WithChannels
	if !grey {
		var err error
		if p, err = p.WithChannels(3, 0); err != nil {
			return nil, fmt.Errorf("features: %w", err)
		}
	}
	at := len(dst)
	dst = p.Samples(dst)
	scale := map[data.Depth]float32{data.Bits16: 1. / 257, data.Float32: 255}[p.Depth]
	if scale != 0 {
		for i := at; i < len(dst); i++ {
			dst[i] *= scale
		}
	}
	if !grey {
		return dst, nil
	}
	out := append([]float32(nil), dst[:at]...)
	for _, v := range dst[at:] {
		out = append(out, v, v, v)
	}
	return out, nil
}

// bilinear interpolates between the two nearest pixels of each axis, with the centres of pixels (or their corners) on each other.
func bilinear(dst, pix []float32, h, w, oh, ow int, centred bool) []float32 {
	rows, columns := taps(h, oh, centred), taps(w, ow, centred)
	for _, y := range rows {
		for _, x := range columns {
			for c := range 3 {
				at := func(i, j int) float32 { return pix[(i*w+j)*3+c] }
				top := at(y.low, x.low) + (at(y.low, x.high)-at(y.low, x.low))*x.share
				bottom := at(y.high, x.low) + (at(y.high, x.high)-at(y.high, x.low))*x.share
				dst = append(dst, top+(bottom-top)*y.share)
			}
		}
	}
	return dst
}

// tap is where one output pixel lies between two of the input.
type tap struct {
	low, high int
	share     float32 // of high
}

func taps(in, out int, centred bool) []tap {
	scale := float32(in) / float32(out)
	ts := make([]tap, out)
	for o := range ts {
		at := float32(o) * scale
		if centred {
			at = max((float32(o)+0.5)*scale-0.5, 0)
		}
		low := int(math.Floor(float64(at)))
		ts[o] = tap{low, min(low+1, in-1), at - float32(low)}
	}
	return ts
}

// clean resizes as Pillow does in mode F, and clips.
func clean(dst, pix []float32, h, w, oh, ow int) ([]float32, error) {
	p := &data.Picture{Height: h, Width: w, Channels: 3, Depth: data.Float32, Pix: safetensors.Bytes(pix)}
	q, err := p.Resize(oh, ow, data.Bicubic)
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	at := len(dst)
	dst = q.Samples(dst)
	for i := at; i < len(dst); i++ {
		dst[i] = min(max(dst[i], 0), 255)
	}
	return dst, nil
}
