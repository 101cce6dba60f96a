package backend

import (
	"fmt"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu"
)

func openCPU(o Options) (compute.Backend, error) {
	if o.Threads == 0 {
		return cpu.New("")
	}
	return cpu.New(fmt.Sprintf("threads=%d", o.Threads))
}
