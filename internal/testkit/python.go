package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Python finds an interpreter that has the given modules, for comparisons with other programs: that of EBB_PYTHON, or of the environment
// ~/.cache/ebb-peers that .ci/peers makes. Without one the test is skipped, with the reason.
func Python(t testing.TB, modules ...string) string {
	t.Helper()
	python := os.Getenv("EBB_PYTHON")
	if home, err := os.UserHomeDir(); python == "" && err == nil {
		python = filepath.Join(home, ".cache", "ebb-peers", "bin", "python")
	}
	for _, m := range modules {
		if err := exec.Command(python, "-c", "import "+m).Run(); err != nil {
			t.Skipf("no Python with %s at %s (.ci/peers makes one, EBB_PYTHON names one): %v", m, python, err)
		}
	}
	return python
}
