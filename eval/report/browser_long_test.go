//go:build long

package report_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ebb-ml/ebb/eval/report"
)

// TestInBrowser opens a report in Chromium: no error on the console, nothing asked from elsewhere, all plots visible on wide and narrow,
// light and dark screens.
func TestInBrowser(t *testing.T) {
	found := false
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		_, err := exec.LookPath(name)
		found = found || err == nil
	}
	if !found {
		t.Skip("no Chromium on this machine")
	}
	r := sample()
	picture := image.NewGray(image.Rect(0, 0, 64, 64))
	picture.SetGray(3, 3, color.Gray{Y: 255})
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	r.Sections[0].Pictures = []report.Picture{{Caption: "a picture", PNG: b.Bytes(), Pixelated: true}}
	r.Sections[0].Charts = append(r.Sections[0].Charts, r.Sections[0].Charts...)
	var page bytes.Buffer
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, page.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("go", "run", ".", "-shot", filepath.Join(t.TempDir(), "shot.png"), file)
	command.Dir = "_browser"
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
