package data

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/rng"
)

// PointsKind is a distribution of points in the plane, each about as wide as a standard normal one.
type PointsKind int

// The distributions, with their classes.
const (
	Moons   PointsKind = iota // two interleaved half circles; class: which
	Rings                     // three concentric circles of radius 0.5, 1, 1.5; class: which
	Spirals                   // two spiral arms; class: which
	Mixture                   // eight Gaussians of deviation 0.1 on a circle of radius 1.5; class: which
)

// NumClasses is how many classes a kind has.
func (k PointsKind) NumClasses() int { return [...]int{2, 3, 2, 8}[k] }

// Noise is the standard deviation around each curve, and of each Gaussian of the mixture.
func (k PointsKind) Noise() float64 { return [...]float64{0.06, 0.04, 0.04, 0.1}[k] }

// Points is a set of points as pictures of 1 x 1 pixel with two float32 channels (x, y).
// Point i is a pure function of (kind, seed, i).
type Points struct {
	kind  PointsKind
	count int
	seed  uint64
}

// NewPoints returns count points of a kind.
func NewPoints(kind PointsKind, count int, seed uint64) (*Points, error) {
	if kind < Moons || kind > Mixture || count <= 0 {
		return nil, fmt.Errorf("data: %d points of kind %d are not possible", count, kind)
	}
	return &Points{kind, count, seed}, nil
}

// At returns point i and its class.
func (p *Points) At(i int) (x, y float64, class int) {
	s := rng.NewSequence(p.seed, drawPoint, uint64(i))
	class = i % p.kind.NumClasses()
	u, noise := s.Float64(), p.kind.Noise()
	x, y = p.kind.curve(class, u)
	return x + noise*s.Normal(), y + noise*s.Normal(), class
}

// curve is the noiseless point at u in [0, 1) of a class.
func (k PointsKind) curve(class int, u float64) (x, y float64) {
	switch k {
	case Moons:
		sin, cos := math.Sincos(math.Pi * u)
		if class == 1 {
			cos, sin = 1-cos, 0.5-sin
		}
		return 1.2 * (cos - 0.5), 1.2 * (sin - 0.25)
	case Rings:
		sin, cos := math.Sincos(2 * math.Pi * u)
		r := 0.5 * float64(class+1)
		return r * cos, r * sin
	case Spirals:
		t := 0.1 + 0.9*math.Sqrt(u) // even density along the arm
		sin, cos := math.Sincos(3*math.Pi*t + math.Pi*float64(class))
		return 2 * t * cos, 2 * t * sin
	}
	sin, cos := math.Sincos(2 * math.Pi * float64(class) / 8)
	return 1.5 * cos, 1.5 * sin
}

// Len implements Set.
func (p *Points) Len() int { return p.count }

// Entry implements Set.
func (p *Points) Entry(i int) Entry {
	return Entry{Name: fmt.Sprintf("%s[%d]", p.kind, i), Label: int32(i % p.kind.NumClasses())}
}

// Picture implements Set.
func (p *Points) Picture(i int) (*Picture, error) {
	x, y, _ := p.At(i)
	b := binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(x)))
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(y)))
	return &Picture{Height: 1, Width: 1, Channels: 2, Depth: Float32, Pix: b}, nil
}

// Hash implements Set.
func (p *Points) Hash(i int) (Hash, error) {
	pic, err := p.Picture(i)
	if err != nil {
		return Hash{}, err
	}
	return hashSamples(pic), nil
}

// Classes implements Set.
func (p *Points) Classes() []string {
	var out []string
	for c := range p.kind.NumClasses() {
		out = append(out, fmt.Sprint(c))
	}
	return out
}

// Notes implements Set.
func (p *Points) Notes() []string {
	return []string{fmt.Sprintf("points of kind %s, seed %d", p.kind, p.seed)}
}

// Close implements Set; there is nothing to close.
func (p *Points) Close() error { return nil }
