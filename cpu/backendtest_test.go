package cpu

import (
	"testing"

	"github.com/gomlx/compute/support/backendtest"
)

func TestConformance(t *testing.T) {
	forConfigs(t, func(t *testing.T, b *Backend) { backendtest.RunAll(t, b, nil) })
}
