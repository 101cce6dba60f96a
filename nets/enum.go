package nets

import (
	"fmt"
	"slices"
	"strings"
)

// The small typed enumerations of the configs are text in configuration files.

func enumName(i int, names []string) string {
	if i < 0 || i >= len(names) {
		return fmt.Sprintf("invalid(%d)", i)
	}
	return names[i]
}

func marshalEnum(i int, names []string, what string) ([]byte, error) {
	if i < 0 || i >= len(names) {
		return nil, fmt.Errorf("%s %d: want 0 to %d", what, i, len(names)-1)
	}
	return []byte(names[i]), nil
}

func unmarshalEnum(b []byte, names []string, what string) (int, error) {
	i := slices.Index(names, string(b))
	if i < 0 {
		return 0, fmt.Errorf("%s %q: want one of %s", what, b, strings.Join(names, ", "))
	}
	return i, nil
}

// positive returns an error naming the first value that is not positive.
func positive(net string, fields []field) error {
	for _, f := range fields {
		if f.value <= 0 {
			return fmt.Errorf("%s: %s is %d, must be at least 1", net, f.name, f.value)
		}
	}
	return nil
}

type field struct {
	name  string
	value int
}

// rate returns an error unless 0 <= v < 1.
func rate(net, name string, v float64) error {
	if v >= 0 && v < 1 {
		return nil
	}
	return fmt.Errorf("%s: %s is %v, must be at least 0 and below 1", net, name, v)
}
