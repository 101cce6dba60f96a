package data

import (
	"fmt"
	"image"
	"image/color"

	"golang.org/x/image/vector"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gobolditalic"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/gomediumitalic"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/gofont/gomonobolditalic"
	"golang.org/x/image/font/gofont/gomonoitalic"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/gofont/gosmallcaps"
	"golang.org/x/image/font/gofont/gosmallcapsitalic"

	"github.com/ebb-ml/ebb/data/internal/ttf"
	"github.com/ebb-ml/ebb/internal/rng"
)

// GlyphLetters is the number of classes of the glyphs: A to Z.
const GlyphLetters = 26

// minGlyphSize keeps the letters legible.
const minGlyphSize = 16

// GlyphsConfig describes the generated data set. The zero value means the defaults.
type GlyphsConfig struct {
	Count int    // pictures; default 1 << 20: no picture is seen twice in a short run
	Size  int    // height and width in pixels, at least 16; default 24
	Seed  uint64 // of position, size, slant, stroke and font
}

// Glyphs is a set of white capital letters on black, drawn when they are asked for, with one 8-bit channel.
// Picture i shows letter i mod 26 and is a pure function of (seed, size, i).
type Glyphs struct {
	config   GlyphsConfig
	outlines [][]([]ttf.Contour) // font, letter
	classes  []string
}

// NewGlyphs returns the glyphs of a configuration.
func NewGlyphs(c GlyphsConfig) (*Glyphs, error) {
	c.Count, c.Size = orDefault(c.Count, 1<<20), orDefault(c.Size, 24)
	if c.Count < 0 || c.Size < minGlyphSize {
		return nil, fmt.Errorf("data: %d glyphs of %d pixels are not possible; the size must be at least %d", c.Count, c.Size, minGlyphSize)
	}
	outlines, err := glyphOutlines()
	if err != nil {
		return nil, err
	}
	g := &Glyphs{config: c, outlines: outlines}
	for l := range GlyphLetters {
		g.classes = append(g.classes, string(rune('A'+l)))
	}
	return g, nil
}

// glyphOutlines reads the letters of all Go fonts, scaled to a height of 1 for the capitals.
func glyphOutlines() ([][][]ttf.Contour, error) {
	var out [][][]ttf.Contour
	for _, file := range [][]byte{
		goregular.TTF, goitalic.TTF, gomedium.TTF, gomediumitalic.TTF, gobold.TTF, gobolditalic.TTF,
		gomono.TTF, gomonoitalic.TTF, gomonobold.TTF, gomonobolditalic.TTF, gosmallcaps.TTF, gosmallcapsitalic.TTF,
	} {
		f, err := ttf.Parse(file)
		if err != nil {
			return nil, err
		}
		var letters [][]ttf.Contour
		for r := 'A'; r <= 'Z'; r++ {
			o, err := f.Outline(r)
			if err != nil {
				return nil, err
			}
			letters = append(letters, o)
		}
		out = append(out, unitHeight(letters))
	}
	return out, nil
}

// unitHeight scales a font by its letter H, in place.
func unitHeight(letters [][]ttf.Contour) [][]ttf.Contour {
	height := 0.0
	for _, p := range letters['H'-'A'][0] {
		height = max(height, p.Y)
	}
	for _, letter := range letters {
		for _, c := range letter {
			for i := range c {
				c[i].X /= height
				c[i].Y /= height
			}
		}
	}
	return letters
}

// glyphStyle is how a letter is drawn; lengths are fractions of its height, positions fractions of the picture.
type glyphStyle struct {
	height       float64 // of the capitals, as a fraction of the picture
	slant        float64 // x moves by this for each y
	stroke       float64 // what strokes gain on each side
	shiftX, offY float64 // of the letter's middle from the picture's
}

// Ranges of the jitter, chosen so that letters stay whole and distinct at 24 pixels.
const (
	minGlyphHeight, maxGlyphHeight = 0.5, 0.75
	maxGlyphSlant                  = 0.2
	minGlyphStroke, maxGlyphStroke = -0.012, 0.035
	maxGlyphShift                  = 0.08
	maxGlyphExtent                 = 0.94 // of the picture: wider letters are drawn smaller
)

func drawStyle(s *rng.Sequence) glyphStyle {
	return glyphStyle{
		height: s.Uniform(minGlyphHeight, maxGlyphHeight),
		slant:  s.Uniform(-maxGlyphSlant, maxGlyphSlant),
		stroke: s.Uniform(minGlyphStroke, maxGlyphStroke),
		shiftX: s.Uniform(-maxGlyphShift, maxGlyphShift),
		offY:   s.Uniform(-maxGlyphShift, maxGlyphShift),
	}
}

// Len implements Set.
func (g *Glyphs) Len() int { return g.config.Count }

// Classes implements Set: A to Z.
func (g *Glyphs) Classes() []string { return g.classes }

// Notes implements Set.
func (g *Glyphs) Notes() []string {
	return []string{fmt.Sprintf("letters drawn from %d Go fonts, seed %d", len(g.outlines), g.config.Seed)}
}

// Close implements Set; there is nothing to close.
func (g *Glyphs) Close() error { return nil }

// Entry implements Set.
func (g *Glyphs) Entry(i int) Entry {
	l := i % GlyphLetters
	return Entry{Name: fmt.Sprintf("%s-%d", g.classes[l], i/GlyphLetters), Label: int32(l)}
}

// Picture implements Set.
func (g *Glyphs) Picture(i int) (*Picture, error) {
	s := rng.NewSequence(g.config.Seed, drawGlyph, uint64(i))
	font := s.IntN(len(g.outlines))
	n := g.config.Size
	return &Picture{Height: n, Width: n, Channels: 1, Depth: Bits8, Pix: rasterise(g.outlines[font][i%GlyphLetters], drawStyle(&s), n)}, nil
}

// Hash implements Set.
func (g *Glyphs) Hash(i int) (Hash, error) {
	p, err := g.Picture(i)
	if err != nil {
		return Hash{}, err
	}
	return hashSamples(p), nil
}

// rasterise draws a letter of unit height into n x n grey values.
func rasterise(letter []ttf.Contour, st glyphStyle, n int) []byte {
	shaped := make([]ttf.Contour, len(letter))
	x0, y0, x1, y1 := 1e9, 1e9, -1e9, -1e9
	for k, c := range letter {
		shaped[k] = embolden(c, st.stroke)
		for i := range shaped[k] {
			p := &shaped[k][i]
			p.X += st.slant * p.Y
			x0, x1, y0, y1 = min(x0, p.X), max(x1, p.X), min(y0, p.Y), max(y1, p.Y)
		}
	}
	size := float64(n)
	scale := min(st.height*size, maxGlyphExtent*size/max(x1-x0, y1-y0))
	room := func(extent float64) float64 { return (size - extent*scale) / 2 }
	cx := size/2 + min(max(st.shiftX*size, -room(x1-x0)), room(x1-x0))
	cy := size/2 + min(max(st.offY*size, -room(y1-y0)), room(y1-y0))
	r := vector.NewRasterizer(n, n)
	for _, c := range shaped {
		for i := range c {
			c[i].X, c[i].Y = cx+scale*(c[i].X-(x0+x1)/2), cy-scale*(c[i].Y-(y0+y1)/2)
		}
		trace(r, c)
	}
	m := image.NewAlpha(image.Rect(0, 0, n, n))
	r.Draw(m, m.Bounds(), image.NewUniform(color.Opaque), image.Point{})
	return m.Pix
}

// trace gives a contour to the rasteriser. Between two middle points of curves lies an implied end point.
func trace(r *vector.Rasterizer, c ttf.Contour) {
	mid := func(a, b ttf.Point) ttf.Point { return ttf.Point{X: (a.X + b.X) / 2, Y: (a.Y + b.Y) / 2, On: true} }
	start := c[0]
	if !start.On {
		start = mid(c[0], c[len(c)-1])
	}
	r.MoveTo(float32(start.X), float32(start.Y))
	for i, p := range c {
		next := c[(i+1)%len(c)]
		switch {
		case p.On:
			r.LineTo(float32(p.X), float32(p.Y))
		case next.On:
			r.QuadTo(float32(p.X), float32(p.Y), float32(next.X), float32(next.Y))
		default:
			m := mid(p, next)
			r.QuadTo(float32(p.X), float32(p.Y), float32(m.X), float32(m.Y))
		}
	}
	r.ClosePath()
}
