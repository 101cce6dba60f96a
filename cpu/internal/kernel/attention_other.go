//go:build !amd64

package kernel

func attentionFor(Tier) attentionKernels { return attentionReference() }
