package eval

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/data"
)

func grey(h, w int, f func(y, x int) uint8) *data.Picture {
	p := &data.Picture{Height: h, Width: w, Channels: 1, Depth: data.Bits8}
	for i := range h * w {
		p.Pix = append(p.Pix, f(i/w, i%w))
	}
	return p
}

func constant(h, w int, v uint8) *data.Picture { return grey(h, w, func(int, int) uint8 { return v }) }

func TestPairedEdges(t *testing.T) {
	a, b := constant(20, 20, 10), constant(20, 20, 40)
	if m, err := MSE(a, b); m != 900 || err != nil {
		t.Errorf("MSE of constants %v, %v", m, err)
	}
	if p, err := PSNR(a, a); !math.IsInf(p, 1) || err != nil {
		t.Errorf("PSNR of equal pictures %v, %v", p, err)
	}
	for _, w := range windowNames.Values() {
		same, err := SSIM(a, a, w)
		near(t, "SSIM of equal constants", same, 1, 1e-12)
		other, err2 := SSIM(a, b, w) // only luminance differs
		near(t, "SSIM of constants", other, (2*10*40+ssimC1)/(100+1600+ssimC1), 1e-9)
		if err != nil || err2 != nil {
			t.Error(err, err2)
		}
	}
	for _, c := range []struct {
		err  func() error
		want string
	}{
		{func() error { _, err := SSIM(constant(7, 7, 1), constant(7, 7, 2), Gaussian); return err }, "does not fit into pictures of 7 x 7"},
		{func() error { _, err := MSE(a, constant(20, 21, 1)); return err }, "20 x 20 pixels with 1 channels cannot be compared with one of 21 x 20"},
		{func() error { _, err := MSSSIM(a, b, 2); return err }, "at most 1 fit"},
		{func() error { _, err := SSIM(a, b, Window(7)); return err }, "does not exist"},
		{func() error {
			_, err := MSE(&data.Picture{Height: 1, Width: 1, Channels: 1, Depth: data.Bits8}, a)
			return err
		}, "cannot be compared"},
	} {
		if err := c.err(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

func TestNaNIsRefused(t *testing.T) {
	p := &data.Picture{Height: 1, Width: 2, Channels: 1, Depth: data.Float32}
	p.Pix = binary.LittleEndian.AppendUint32(nil, math.Float32bits(0.5))
	p.Pix = binary.LittleEndian.AppendUint32(p.Pix, math.Float32bits(float32(math.NaN())))
	if _, err := MSE(p, p); err == nil || !strings.Contains(err.Error(), "sample 1 of channel 0 is NaN") {
		t.Error(err)
	}
	if _, err := Extract(context.Background(), list{p}, PixelSpace(0), nil); err == nil || !strings.Contains(err.Error(), "is NaN") {
		t.Error(err)
	}
}

// list is a set of pictures named a, b, c, …
type list []*data.Picture

func (l list) Len() int                             { return len(l) }
func (l list) Entry(i int) data.Entry               { return data.Entry{Name: string(rune('a' + i)), Label: -1} }
func (l list) Picture(i int) (*data.Picture, error) { return l[i], nil }
func (l list) Hash(i int) (h data.Hash, err error)  { copy(h[:], l[i].Pix); return h, nil }
func (l list) Classes() []string                    { return nil }
func (l list) Notes() []string                      { return nil }
func (l list) Close() error                         { return nil }

func TestComparePairs(t *testing.T) {
	ctx := context.Background()
	a := list{constant(12, 12, 5), constant(12, 12, 5), constant(12, 12, 9)}
	b := list{constant(12, 12, 6), constant(12, 12, 5), constant(12, 12, 5)}
	p, err := ComparePairs(ctx, a, b, PairMeasures{SSIM: true, MSSSIM: 1})
	if err != nil || !slices.Equal(p.MSE, []float64{1, 0, 16}) || len(p.SSIM) != 3 || len(p.MSSSIM) != 3 || !p.SameNames {
		t.Errorf("%+v, %v", p, err)
	}
	f, err := p.Figures()
	if err != nil || len(f) != 4 || f[0].Name != "MSE" || !strings.Contains(f[1].Note, "1 of 3 pairs are equal") {
		t.Errorf("%+v, %v", f, err)
	}
	near(t, "mean MSE", float64(f[0].Value), 17.0/3, 1e-12)
	if text, err := f[1].Value.MarshalJSON(); string(text) != "null" || err != nil {
		t.Errorf("an infinite mean is %s in JSON, %v", text, err)
	}
	if _, err := ComparePairs(ctx, a, b[:2], PairMeasures{}); err == nil || !strings.Contains(err.Error(), "there are 3 and 2") {
		t.Error(err)
	}
	b[2] = constant(11, 12, 5)
	if _, err := ComparePairs(ctx, a, b, PairMeasures{}); err == nil || !strings.Contains(err.Error(), "pictures c and c") {
		t.Error(err)
	}
}

func TestSpaces(t *testing.T) {
	ctx := context.Background()
	m, err := Extract(ctx, list{constant(4, 8, 255), constant(4, 8, 51)}, PixelSpace(4), nil)
	if err != nil || m.N != 2 || m.D != 2*4 || m.Data[0] != 1 || m.Data[15] != 0.2 {
		t.Errorf("%+v, %v", m, err)
	}
	// a wave of frequency (2, 5) in a block
	wave := grey(8, 16, func(y, x int) uint8 {
		return uint8(128 + 100*math.Cos(float64(2*y+1)*2*math.Pi/16)*math.Cos(float64(2*(x%8)+1)*5*math.Pi/16))
	})
	m, err = Extract(ctx, list{constant(8, 16, 102), wave}, DCTSpace(), nil)
	if err != nil || m.D != 65 {
		t.Fatal(m.D, err)
	}
	near(t, "mean", float64(m.Row(0)[0]), 0.4, 1e-6)
	for i, v := range m.Row(0)[1:] {
		near(t, "a frequency of a constant picture", float64(v), 0, 1e-6)
		if strong := i == 2*8+5; strong != (m.Row(1)[i+1] > 3) {
			t.Errorf("frequency %d of the wave: %v", i, m.Row(1)[i+1])
		}
	}
	near(t, "strength of the wave", math.Exp(float64(m.Row(1)[1+2*8+5]))-1, 400, 3) // 100·8/2, rounded pixels
	if _, err := Extract(ctx, list{wave, constant(8, 8, 1)}, DCTSpace(), nil); err == nil || !strings.Contains(err.Error(), "picture b") {
		t.Error(err)
	}
	if _, err := Extract(ctx, list{constant(7, 9, 1)}, DCTSpace(), nil); err == nil || !strings.Contains(err.Error(), "at least 8 x 8") {
		t.Error(err)
	}
	flipped, err := ExtractFlipped(ctx, list{grey(1, 2, func(_, x int) uint8 { return uint8(x * 255) })}, PixelSpace(0), nil)
	if err != nil || !slices.Equal(flipped.Data, []float32{1, 0}) {
		t.Error(flipped, err)
	}
}
