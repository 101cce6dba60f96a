//go:build xla && cgo

package backend

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
)

// openXLA never downloads anything: go-xla would by default.
func openXLA(o Options) (compute.Backend, error) {
	xla.EnableAutoInstall(false)
	plugin := o.Plugin
	if plugin == "" {
		plugin = "cpu"
	}
	return xla.New(plugin)
}
