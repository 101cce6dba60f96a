package recipe

import "github.com/ebb-ml/ebb/internal/enum"

// Source says where pictures come from.
type Source int

const (
	Files  Source = iota // Data.Paths
	Glyphs               // letters drawn from the Go fonts
	Points               // a distribution of points in the plane
)

var sourceNames = enum.New[Source]("recipe", "source", "files", "glyphs", "points")

func (s Source) String() string { return sourceNames.Name(s) }

// MarshalText returns the name.
func (s Source) MarshalText() ([]byte, error) { return sourceNames.Marshal(s) }

// UnmarshalText accepts files, glyphs or points.
func (s *Source) UnmarshalText(b []byte) error { return sourceNames.Unmarshal(s, b) }

// Kind is a kind of network.
type Kind int

const (
	UNet Kind = iota
	DiT
	MLP
	TextNet // a transformer over tokens
)

var kindNames = enum.New[Kind]("recipe", "network", "unet", "dit", "mlp", "text")

func (k Kind) String() string { return kindNames.Name(k) }

// MarshalText returns the name.
func (k Kind) MarshalText() ([]byte, error) { return kindNames.Marshal(k) }

// UnmarshalText accepts unet, dit, mlp or text.
func (k *Kind) UnmarshalText(b []byte) error { return kindNames.Unmarshal(k, b) }
