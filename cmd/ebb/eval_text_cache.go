package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path/filepath"

	"github.com/ebb-ml/ebb/eval/report"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/gomlx/ml/model"
)

// identify sets where finished measures are kept for a report (--out), and hashes what they all depend on: weights, windows, settings and
// program.
func (e *textReport) identify() error {
	if e.Out == "" {
		return nil
	}
	e.cache.Dir = filepath.Join(e.Out, "parts")
	h := sha256.New()
	fmt.Fprintln(h, version)
	if err := e.t.config.Encode(h); err != nil {
		return err
	}
	weights, err := hashOf(e.t.weights)
	if err != nil {
		return err
	}
	fmt.Fprintln(h, weights)
	err = binary.Write(h, binary.LittleEndian, e.rows.Tokens)
	e.identity = hex.EncodeToString(h.Sum(nil))
	return err
}

// hashOf identifies weights.
func hashOf(weights *model.Scope) (string, error) {
	tensors, err := train.Tensors(weights)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, t := range tensors {
		h.Write([]byte(t.Name))
		h.Write(t.Data)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// once measures what is not kept from an earlier report that was stopped, or of the same model. settings are those that this measure alone
// depends on.
func once[T any](e *textReport, key, settings string, measure func() (T, error)) (T, error) {
	return report.Kept(e.cache, key, e.identity+"\n"+settings, measure)
}
