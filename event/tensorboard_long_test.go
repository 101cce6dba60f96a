//go:build long

package event

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
)

// Real TensorBoard, where there is one, shows of a run what testdata/tensorboard.json says.
func TestTensorBoardLive(t *testing.T) {
	python := testkit.Python(t, "tensorboard")
	want, err := os.ReadFile("testdata/tensorboard.json")
	if err != nil {
		t.Fatal(err)
	}
	check, err := os.ReadFile("testdata/check.py")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir+"/tensorboard", os.DirFS("testdata/tensorboard")); err != nil {
		t.Fatal(err)
	}
	show := exec.Command(python, "-c", string(check))
	show.Dir = dir
	if out, err := show.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, err := os.ReadFile(dir + "/tensorboard.json"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("TensorBoard shows something else than before, %v:\n%s", err, got)
	}
}
