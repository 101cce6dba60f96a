// Package enum gives typed constants their names. A choice such as a schedule or a sampler is an int type with constants from
// 0 on; one table of names beside them makes its String, Parse, MarshalText and UnmarshalText, with the same rules and
// messages everywhere:
//
//	var fitNames = enum.New[Fit]("data", "fit", "exact", "crop", "pad")
//
//	func (f Fit) String() string                   { return fitNames.Name(f) }
//	func (f Fit) MarshalText() ([]byte, error)     { return fitNames.Marshal(f) }
//	func (f *Fit) UnmarshalText(text []byte) error { return fitNames.Unmarshal(f, text) }
package enum

import (
	"fmt"
	"slices"
	"strings"
)

// Names is the table of one type: constant i is called by name number i. It is immutable.
type Names[T ~int] struct {
	pkg, what string
	names     []string
}

// New makes a table. pkg and what (the package, and what the type is in plain words) begin the errors.
func New[T ~int](pkg, what string, names ...string) Names[T] {
	return Names[T]{pkg, what, slices.Clone(names)}
}

// Name returns the name of a constant, and invalid(7) for a value without one.
func (n Names[T]) Name(value T) string {
	if n.Check(value) != nil {
		return fmt.Sprintf("invalid(%d)", int(value))
	}
	return n.names[value]
}

// Check returns an error for a value without a name, which lists the names there are.
func (n Names[T]) Check(value T) error {
	if value < 0 || int(value) >= len(n.names) {
		return fmt.Errorf("%s: %s number %d does not exist: choose one of %s", n.pkg, n.what, int(value), strings.Join(n.names, ", "))
	}
	return nil
}

// Parse is the inverse of Name. The error lists the names there are.
func (n Names[T]) Parse(name string) (T, error) {
	if i := slices.Index(n.names, name); i >= 0 {
		return T(i), nil
	}
	return 0, fmt.Errorf("%s: unknown %s %q: choose one of %s", n.pkg, n.what, name, strings.Join(n.names, ", "))
}

// Marshal is a MarshalText method: the name, or the error of Check.
func (n Names[T]) Marshal(value T) ([]byte, error) {
	if err := n.Check(value); err != nil {
		return nil, err
	}
	return []byte(n.names[value]), nil
}

// Unmarshal is an UnmarshalText method: it sets value to what Parse returns, and leaves it as it is on an error.
func (n Names[T]) Unmarshal(value *T, text []byte) error {
	v, err := n.Parse(string(text))
	if err == nil {
		*value = v
	}
	return err
}

// Values returns every constant that has a name, in order.
func (n Names[T]) Values() []T {
	values := make([]T, len(n.names))
	for i := range values {
		values[i] = T(i)
	}
	return values
}
