package data

import (
	"fmt"
	"slices"
	"strings"
)

// The choices have names, so that configuration files and reports can hold them as text (encoding.TextMarshaler).

func fitNames() []string    { return []string{"exact", "crop", "random-crop", "pad", "stretch"} }
func partNames() []string   { return []string{"train", "valid", "test", "all"} }
func pointsNames() []string { return []string{"moons", "rings", "spirals", "mixture"} }

// nameOf returns the name of a choice.
func nameOf(names []string, i int) string {
	if i < 0 || i >= len(names) {
		return fmt.Sprintf("unknown (%d)", i)
	}
	return names[i]
}

// choose is the inverse of nameOf.
func choose[T ~int](to *T, what string, names []string, text []byte) error {
	i := slices.Index(names, string(text))
	if i < 0 {
		return fmt.Errorf("%s %q is not known; choose one of %s", what, text, strings.Join(names, ", "))
	}
	*to = T(i)
	return nil
}

func (f Fit) String() string { return nameOf(fitNames(), int(f)) }

// MarshalText returns the name.
func (f Fit) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText accepts exact, crop, random-crop, pad or stretch.
func (f *Fit) UnmarshalText(b []byte) error { return choose(f, "fit", fitNames(), b) }

func (p Part) String() string { return nameOf(partNames(), int(p)) }

// MarshalText returns the name.
func (p Part) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText accepts train, valid, test or all.
func (p *Part) UnmarshalText(b []byte) error { return choose(p, "part", partNames(), b) }

func (k PointsKind) String() string { return nameOf(pointsNames(), int(k)) }

// MarshalText returns the name.
func (k PointsKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText accepts moons, rings, spirals or mixture.
func (k *PointsKind) UnmarshalText(b []byte) error {
	return choose(k, "kind of points", pointsNames(), b)
}
