//go:build !amd64

package kernel

func microFor(Tier) Micro { return microReference() }
