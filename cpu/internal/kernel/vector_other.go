//go:build !amd64

package kernel

func vectorFor(Tier) Vector { return vectorReference() }
