package cpu

import (
	"testing"

	"github.com/ebb-ml/ebb/cpu/internal/kernel"
)

// forConfigs runs a test with a backend of each tier that this machine has.
func forConfigs(t *testing.T, test func(t *testing.T, b *Backend)) {
	for tier := kernel.Reference; tier <= kernel.AVX512; tier++ {
		if !tier.Available() {
			continue
		}
		config := "threads=2,tier=" + tier.String()
		t.Run(tier.String(), func(t *testing.T) {
			b, err := New(config)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Finalize()
			test(t, b)
		})
	}
}
