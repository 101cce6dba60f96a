// Package rngtest helps tests to pin random draws: a seed must give the same numbers for ever. Only tests import it.
package rngtest

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"testing"
)

// Digest is the FNV-1a hash, in hexadecimal, of the little-endian bits of numbers or slices of them.
func Digest(t testing.TB, values ...any) string {
	t.Helper()
	h := fnv.New64a()
	for _, v := range values {
		if err := binary.Write(h, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
