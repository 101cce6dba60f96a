package diffusion

import (
	"runtime"
	"testing"

	"github.com/ebb-ml/ebb/internal/rng/rngtest"
)

// A seed must go on giving the same numbers, bit for bit: runs resume and pictures are named by their seed. These digests are of the first
// version; where one changes, every stored seed changes its meaning.
func TestDrawsNeverChange(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("other processors fuse multiplication and addition, which may change a last bit")
	}
	normals := make([]float32, 1003)
	Noise{Seed: 0x0123456789ABCDEF, First: 7<<32 + 5, Size: 10}.Fill(normals, 3)
	o := Objective{Precond: Precond{Schedule: mustBuild(t, ScheduleConfig{})}, Size: 12, Channels: 3, OffsetNoise: 0.1, InputPerturbation: 0.1, SelfCondition: 0.5}
	var plain, even Draws
	batch := Batch{Seed: 1<<40 + 9, Step: 1<<33 + 1, First: 3, Count: 40, Total: 64}
	if err := o.Draw(&plain, batch); err != nil {
		t.Fatal(err)
	}
	o.Time.LowDiscrepancy = true
	if err := o.Draw(&even, batch); err != nil {
		t.Fatal(err)
	}
	classes := make([]int32, 40)
	if err := DropLabels(classes, 9, 0.4, batch); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ what, got, want string }{
		{"Noise.Fill", rngtest.Digest(t, normals), "c5c74c96048bb8b5"},
		{"Objective.Draw: quantiles", rngtest.Digest(t, plain.U), "018c24f1fab7097a"},
		{"Objective.Draw: spread quantiles", rngtest.Digest(t, even.U), "d14988691d214c54"},
		{"Objective.Draw: noise", rngtest.Digest(t, plain.Noise, plain.InputNoise), "957eea072fcca97b"},
		{"Objective.Draw: terms", rngtest.Digest(t, plain.Terms, even.Terms), "47c4e238507adfb4"},
		{"DropLabels", rngtest.Digest(t, classes), "ec8407fb14ad8a2c"},
	} {
		if c.got != c.want {
			t.Errorf("%s: digest %s, want %s", c.what, c.got, c.want)
		}
	}
}
