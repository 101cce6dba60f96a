package masked

import (
	"fmt"
	"slices"
	"strings"
)

// enumName is the String method of the package's typed constants: their place in a table of names.
func enumName[T ~int](names []string, value T) string {
	if value < 0 || int(value) >= len(names) {
		return fmt.Sprintf("invalid(%d)", int(value))
	}
	return names[value]
}

// parseEnum finds text in a table of names. The error lists what there is.
func parseEnum[T ~int](what string, names []string, text string) (T, error) {
	if i := slices.Index(names, text); i >= 0 {
		return T(i), nil
	}
	return 0, fmt.Errorf("masked: unknown %s %q: choose one of %s", what, text, strings.Join(names, ", "))
}

// marshalEnum is the MarshalText method of the typed constants; a value outside its table is an error, not a name.
func marshalEnum[T ~int](what string, names []string, value T) ([]byte, error) {
	if err := checkEnum(what, names, value); err != nil {
		return nil, err
	}
	return []byte(names[value]), nil
}

func checkEnum[T ~int](what string, names []string, value T) error {
	if value < 0 || int(value) >= len(names) {
		return fmt.Errorf("masked: %s number %d does not exist: choose one of %s", what, int(value), strings.Join(names, ", "))
	}
	return nil
}
