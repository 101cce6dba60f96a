package ckpt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

const (
	manifestName   = "MANIFEST.json"
	stateName      = "state.json"
	manifestFormat = 1
	maxManifest    = 1 << 20
)

// manifest is the content of MANIFEST.json, written last: a folder without it, or with one that does not match, is no checkpoint.
type manifest struct {
	Format  int         `json:"format"`
	Step    int64       `json:"step"`
	Parent  int64       `json:"parent"` // step of the checkpoint that this process loaded or saved before; -1 for none
	Score   *float64    `json:"score,omitempty"`
	Created time.Time   `json:"created"`
	Files   []fileEntry `json:"files"`
	Sum     string      `json:"sum"` // SHA-256 of this file with an empty sum
}

// fileEntry is what the manifest says of one file.
type fileEntry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// encode fills in the sum and returns the file.
func (m manifest) encode() ([]byte, error) {
	m.Sum = ""
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	m.Sum = hexSum(text)
	text, err = json.MarshalIndent(m, "", "  ")
	return append(text, '\n'), err
}

// decodeManifest refuses every byte that encode would not have written, so that no flipped bit passes.
func decodeManifest(text []byte) (manifest, error) {
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("is not JSON: %w", err)
	}
	if m.Format > manifestFormat {
		return m, fmt.Errorf("has format %d and this program knows up to %d: it is damaged or a newer ebb wrote it", m.Format, manifestFormat)
	}
	again, err := m.encode()
	if err != nil {
		return m, err
	}
	if !bytes.Equal(text, again) {
		return m, errors.New("does not match its own checksum")
	}
	return m, nil
}

// bytes returns how many bytes the checkpoint's files have.
func (m manifest) bytes() int64 {
	n := int64(0)
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
