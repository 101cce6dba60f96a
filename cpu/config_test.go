package cpu

import (
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/kernel"
)

func TestConfig(t *testing.T) {
	t.Setenv("EBB_CPU_TIER", "")
	b, err := compute.NewWithConfig("cpu:threads=3,tier=reference")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	if c := b.(*Backend).Config(); c.Threads != 3 || c.Tier != kernel.Reference || !strings.HasPrefix(c.String(), "threads=3,tier=reference") {
		t.Errorf("got %+v", c)
	}
	for config, part := range map[string]string{
		"threads=0": "threads", "threads=many": "many", "threads=1025": "1024", "thread=1": `"thread"`, "tier=sse": "avx2", "threads": "threads", ",": `""`,
	} {
		if _, err := New(config); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: error %v does not name %s", config, err, part)
		}
	}
}

// FuzzConfig wants every text to give an error or a configuration whose own text gives the same.
func FuzzConfig(f *testing.F) {
	f.Add("threads=2,tier=avx2")
	f.Add("threads=1,,")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseConfig(text)
		if err != nil {
			return
		}
		if c.Threads < 1 || c.Threads > mostThreads || !c.Tier.Available() {
			t.Errorf("%q gives %+v", text, c)
		}
		again, err := parseConfig(c.String())
		if err != nil || again.Threads != c.Threads || again.Tier != c.Tier {
			t.Errorf("%q gives %s, which gives %s, %v", text, c, again, err)
		}
	})
}
