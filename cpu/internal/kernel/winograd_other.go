//go:build !amd64

package kernel

func winogradFor(Tier) Winograd { return winogradReference() }
