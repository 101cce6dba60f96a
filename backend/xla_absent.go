//go:build !xla || !cgo

package backend

import (
	"fmt"

	"github.com/gomlx/compute"
)

func openXLA(Options) (compute.Backend, error) {
	return nil, fmt.Errorf("%w: build it with CGO_ENABLED=1 go build -tags xla, and name a PJRT plugin", ErrAbsent)
}
