package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Cache keeps finished sections in a folder, so that a report that was stopped, or that is asked for again, does not measure twice.
type Cache struct {
	Dir string // is made when the first section is kept
}

// name is the file of a section. It depends on everything that the section's figures depend on.
func (c Cache) name(key, depends string) string {
	h := sha256.Sum256([]byte(depends))
	return filepath.Join(c.Dir, key+"-"+hex.EncodeToString(h[:8])+".section")
}

// Section returns the section of that key if one is kept for the same depends (weights, data, settings), else makes and keeps it. A file
// that cannot be read is made anew.
func (c Cache) Section(key, depends string, measure func() (Section, error)) (Section, error) {
	return Kept(c, key, depends, func() (Section, error) {
		s, err := measure()
		s.Key = key
		return s, err
	})
}

// Kept is Cache.Section for figures of any type that package gob can write. A cache without a folder keeps nothing.
func Kept[T any](c Cache, key, depends string, measure func() (T, error)) (v T, err error) {
	if c.Dir == "" {
		return measure()
	}
	name := c.name(key, depends)
	if err := read(name, &v); err == nil {
		return v, nil
	}
	var fresh T // what was read in part is forgotten
	if fresh, err = measure(); err != nil {
		return fresh, err
	}
	return fresh, write(name, &fresh)
}

// Has says whether a section is kept.
func (c Cache) Has(key, depends string) bool {
	_, err := os.Stat(c.name(key, depends))
	return !errors.Is(err, fs.ErrNotExist)
}

func read(name string, v any) error {
	raw, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return gob.NewDecoder(bytes.NewReader(raw)).Decode(v)
}

// write writes aside, syncs and renames.
func write(name string, v any) error {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(v); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".section-*")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err = f.Write(b.Bytes())
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("report: keep %s: %w", name, err), os.Remove(f.Name()))
	}
	return nil
}
