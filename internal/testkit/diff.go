package testkit

import (
	"fmt"
	"reflect"
	"strings"
)

// Diff says where two values differ, line by line; "" where they are deeply equal, or equal as they are written, as NaN is.
func Diff(want, got any) string {
	w, g := written(want), written(got)
	if reflect.DeepEqual(want, got) || strings.Join(w, "\n") == strings.Join(g, "\n") {
		return ""
	}
	var b strings.Builder
	for i := range max(len(w), len(g)) {
		x, y := lineOf(w, i), lineOf(g, i)
		if x == y {
			continue
		}
		fmt.Fprintf(&b, "%d\n-%s\n+%s\n", i, x, y)
	}
	return b.String()
}

// written lists the elements of a slice, or the one value.
func written(v any) (lines []string) {
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice {
		for i := range r.Len() {
			lines = append(lines, fmt.Sprintf("%#v", r.Index(i).Interface()))
		}
		return lines
	}
	return []string{fmt.Sprintf("%#v", v)}
}

func lineOf(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "nothing"
}
