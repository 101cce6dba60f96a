package recipe

import (
	"fmt"
	"slices"
	"strings"
)

// Source says where pictures come from.
type Source int

const (
	Files  Source = iota // Data.Paths
	Glyphs               // letters drawn from the Go fonts
	Points               // a distribution of points in the plane
)

func sourceNames() []string { return []string{"files", "glyphs", "points"} }

func (s Source) String() string { return nameOf(sourceNames(), int(s)) }

// MarshalText returns the name.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText accepts files, glyphs or points.
func (s *Source) UnmarshalText(b []byte) error { return choose(s, "source", sourceNames(), b) }

// Kind is a kind of network.
type Kind int

const (
	UNet Kind = iota
	DiT
	MLP
	TextNet // a transformer over tokens
)

func kindNames() []string { return []string{"unet", "dit", "mlp", "text"} }

func (k Kind) String() string { return nameOf(kindNames(), int(k)) }

// MarshalText returns the name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText accepts unet, dit, mlp or text.
func (k *Kind) UnmarshalText(b []byte) error { return choose(k, "network", kindNames(), b) }

func nameOf(names []string, i int) string {
	if i < 0 || i >= len(names) {
		return fmt.Sprintf("unknown (%d)", i)
	}
	return names[i]
}

func choose[T ~int](to *T, what string, names []string, text []byte) error {
	i := slices.Index(names, string(text))
	if i < 0 {
		return fmt.Errorf("%s %q is not known; choose one of %s", what, text, strings.Join(names, ", "))
	}
	*to = T(i)
	return nil
}
