package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/gomlx/ml/model"
)

// identify hashes everything that figures depend on: weights, pictures, settings and program.
func (e *examination) identify() (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%+v\n%v %v\n", version, e.settings, e.Features, e.Resize)
	if err := hashFiles(h, e.Features); err != nil {
		return "", err
	}
	for _, scope := range []*model.Scope{e.subject.Weights, e.subject.Raw} {
		if scope == nil {
			continue
		}
		if err := hashWeights(h, scope); err != nil {
			return "", err
		}
	}
	if e.pictures == nil {
		var err error
		if e.pictures, err = hashPictures(e.subject.HeldOut, e.subject.Train); err != nil {
			return "", err
		}
	}
	h.Write(e.pictures)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// hashPictures hashes the content of sets, of which any may be nil.
func hashPictures(sets ...data.Set) ([]byte, error) {
	h := sha256.New()
	for _, set := range sets {
		if set == nil {
			continue
		}
		fmt.Fprintln(h, set.Len())
		for i := range set.Len() {
			sum, err := set.Hash(i)
			if err != nil {
				return nil, withCode(exitData, fmt.Errorf("%s: %w", set.Entry(i).Name, err))
			}
			h.Write(sum[:])
		}
	}
	return h.Sum(nil), nil
}

// hashFiles adds the content of those names that are files: other weights under one name give other figures.
func hashFiles(h io.Writer, names []string) error {
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || info.IsDir() {
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			return withCode(exitIO, err)
		}
		_, err = io.Copy(h, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return withCode(exitIO, err)
		}
	}
	return nil
}

// hashWeights adds names and values of all weights.
func hashWeights(h hash.Hash, scope *model.Scope) error {
	tensors, err := train.Tensors(scope)
	for _, t := range tensors {
		io.WriteString(h, t.Name)
		h.Write(t.Data)
	}
	return err
}
