//go:build !unix

package safetensors

import (
	"errors"
	"os"
)

// mapFile always fails: a mapped file can be neither renamed nor deleted on Windows, which replacing a checkpoint needs.
func mapFile(*os.File, int64) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmap([]byte) error { return nil }
