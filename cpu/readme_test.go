package cpu

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReadmeNamesTheConfiguration holds README.md's table of configuration keys against the parser.
func TestReadmeNamesTheConfiguration(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| key |")
	table, _, _ = strings.Cut(table, "\n\n")
	var documented, known []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)`").FindAllStringSubmatch(table, -1) {
		documented = append(documented, m[1])
	}
	_, err = parseConfig("unknown=1")
	for _, m := range regexp.MustCompile(`(\w+)=[A-Z]`).FindAllStringSubmatch(err.Error(), -1) {
		known = append(known, m[1])
	}
	slices.Sort(documented)
	slices.Sort(known)
	if !slices.Equal(documented, known) || len(known) < 4 {
		t.Errorf("README.md documents %q, the parser knows %q", documented, known)
	}
	for _, name := range []string{"EBB_CPU_TIER", "EBB_CPU_DUMP"} {
		if !strings.Contains(string(text), name) {
			t.Errorf("README.md does not name %s", name)
		}
	}
}
