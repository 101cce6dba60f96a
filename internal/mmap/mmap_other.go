//go:build !unix && !windows

package mmap

import (
	"errors"
	"os"
)

func mapFile(*os.File, int) (*File, error) { return nil, errors.ErrUnsupported }
