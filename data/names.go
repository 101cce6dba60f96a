package data

import "github.com/ebb-ml/ebb/internal/enum"

// The choices have names, so that configuration files and reports can hold them as text (encoding.TextMarshaler).
var (
	fitNames    = enum.New[Fit]("data", "fit", "exact", "crop", "random-crop", "pad", "stretch")
	partNames   = enum.New[Part]("data", "part", "train", "valid", "test", "all")
	pointsNames = enum.New[PointsKind]("data", "kind of points", "moons", "rings", "spirals", "mixture")
)

// String returns the name.
func (f Fit) String() string { return fitNames.Name(f) }

// MarshalText writes the name.
func (f Fit) MarshalText() ([]byte, error) { return fitNames.Marshal(f) }

// UnmarshalText reads exact, crop, random-crop, pad or stretch.
func (f *Fit) UnmarshalText(text []byte) error { return fitNames.Unmarshal(f, text) }

// String returns the name.
func (p Part) String() string { return partNames.Name(p) }

// MarshalText writes the name.
func (p Part) MarshalText() ([]byte, error) { return partNames.Marshal(p) }

// UnmarshalText reads train, valid, test or all.
func (p *Part) UnmarshalText(text []byte) error { return partNames.Unmarshal(p, text) }

// String returns the name.
func (k PointsKind) String() string { return pointsNames.Name(k) }

// MarshalText writes the name.
func (k PointsKind) MarshalText() ([]byte, error) { return pointsNames.Marshal(k) }

// UnmarshalText reads moons, rings, spirals or mixture.
func (k *PointsKind) UnmarshalText(text []byte) error { return pointsNames.Unmarshal(k, text) }
