package assess

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	"image/png"
	"math"
	"strings"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval/report"
	"github.com/ebb-ml/ebb/sample"
)

// pictures turns numbers of the network's scale into 8-bit pictures.
func (s *Subject) pictures(x []float32) (all []*data.Picture, err error) {
	m, size := s.Model, s.size()
	for i := 0; i < len(x); i += size {
		p, err := m.Norm.Picture(x[i:i+size], m.Height, m.Width, m.Channels, data.Bits8)
		if err != nil {
			return nil, err
		}
		p.Alpha = m.Channels == 2 || m.Channels == 4
		all = append(all, p)
	}
	return all, nil
}

func images(pictures []*data.Picture) (all []*image.NRGBA, err error) {
	for _, p := range pictures {
		m, err := p.Image()
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// gridPicture lays pictures out for a report.
func gridPicture(all []*image.NRGBA, columns int, caption string) (report.Picture, error) {
	grid, err := sample.Grid(all, columns)
	if err != nil {
		return report.Picture{}, err
	}
	var b bytes.Buffer
	err = png.Encode(&b, grid)
	return report.Picture{Caption: caption, PNG: b.Bytes(), Pixelated: all[0].Bounds().Dx() <= 64}, err
}

// memory is a set of pictures that are there already.
type memory struct {
	pictures []*data.Picture
	labels   []int32
	names    []string
	classes  []string
}

func (m *memory) Len() int { return len(m.pictures) }

func (m *memory) Entry(i int) data.Entry { return data.Entry{Name: m.names[i], Label: m.labels[i]} }

func (m *memory) Picture(i int) (*data.Picture, error) { return m.pictures[i], nil }

func (m *memory) Hash(i int) (data.Hash, error) { return sha256.Sum256(m.pictures[i].Pix), nil }

func (m *memory) Classes() []string { return m.classes }

func (m *memory) Notes() []string { return nil }

func (m *memory) Close() error { return nil }

// seen holds the first n pictures of a set as the network sees them: cropped and resized.
func (s *Subject) seen(ctx context.Context, set data.Set, n int) (data.Set, error) {
	m := &memory{classes: s.Model.Classes}
	return m, s.batches(ctx, set, n, 256, func(first int, x []float32, labels []int32) error {
		batch, err := s.pictures(x)
		for i := range batch {
			m.names = append(m.names, set.Entry(first+i).Name)
		}
		m.pictures, m.labels = append(m.pictures, batch...), append(m.labels, labels...)
		return err
	})
}

// generator draws from the judged weights.
func (s *Subject) generator() (*sample.Generator, error) {
	m := s.Model
	return sample.New(s.Engine, s.Weights, m.Forward, sample.Model{Precond: m.Precond, Shape: m.Shape, Classed: m.Classed, Null: m.Null,
		SelfCondition: m.SelfCondition})
}

// Draw draws n samples of a seed.
func (s *Subject) Draw(ctx context.Context, n int, seed uint64) (data.Set, error) {
	g, err := s.generator()
	if err != nil {
		return nil, err
	}
	defer g.Finalize()
	r := s.Request
	r.Seed, r.Count = seed, n
	set := &memory{classes: s.Model.Classes}
	return set, g.Draw(ctx, r, func(first int, x []float32) error {
		batch, err := s.pictures(x)
		for i := range batch {
			label := int32(-1)
			if r.Classes != nil {
				label = r.Classes(first + i)
			}
			set.labels, set.names = append(set.labels, label), append(set.names, fmt.Sprintf("sample %d of seed %d", first+i, seed))
		}
		set.pictures = append(set.pictures, batch...)
		s.progress(first+len(batch), n)
		return err
	})
}

// geometric are n numbers from lo to hi in equal ratios.
func geometric(lo, hi float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = lo * math.Pow(hi/lo, float64(i)/float64(max(n-1, 1)))
	}
	return out
}

func join(values []float64) string {
	var words []string
	for _, v := range values {
		words = append(words, fmt.Sprintf("%.3g", v))
	}
	return strings.Join(words, ", ")
}
