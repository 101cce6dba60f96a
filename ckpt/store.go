package ckpt

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/ebb-ml/ebb/interop/safetensors"
)

// store writes checkpoints into one folder. Its methods must not run at the same time.
type store struct {
	fs     FS
	dir    string // …/checkpoints
	keep   int
	parent int64
}

// Names of folders in the making or going: a run that was killed leaves them, and sweep clears them up.
// Old ones are being replaced by a checkpoint of the same step, and come back if that one is not there.
var leftover = regexp.MustCompile(`^\.(tmp|old|drop)-(\d{9})-[0-9a-f]{16}$`)

func stepName(step int64) string { return fmt.Sprintf("%09d", step) }

// asideName returns a name that was never used before: a folder that saw an error is not used again.
func asideName(kind string, step int64) string {
	var b [8]byte
	rand.Read(b[:]) // never fails (Go 1.24)
	return "." + kind + "-" + stepName(step) + "-" + hex.EncodeToString(b[:])
}

// write writes, verifies and publishes a checkpoint; when it fails, the folder is as before but for a leftover that could not be removed.
func (s *store) write(f frozen) (manifest, error) {
	tmp := filepath.Join(s.dir, asideName("tmp", f.Step))
	m, err := s.fill(tmp, f)
	if err == nil {
		err = s.move(tmp, f.Step)
	}
	if err != nil {
		removeFolder(s.fs, tmp) // gives back the space; a leftover does no harm
		return manifest{}, fmt.Errorf("checkpoint of step %d was not saved: %w", f.Step, err)
	}
	s.parent = f.Step
	return m, nil
}

// fill writes everything into the folder tmp and syncs it.
func (s *store) fill(tmp string, f frozen) (manifest, error) {
	m := manifest{Format: manifestFormat, Step: f.Step, Parent: s.parent, Score: f.Score, Created: time.Now().UTC().Truncate(time.Second)}
	if err := s.fs.MkdirAll(tmp); err != nil {
		return m, err
	}
	for _, g := range f.Groups {
		entry, err := s.writeFile(tmp, g.Name+".safetensors", func(w io.Writer) error { return safetensors.Write(w, metadata, g.Tensors) })
		if err != nil {
			return m, err
		}
		m.Files = append(m.Files, entry)
	}
	entry, err := s.writeFile(tmp, stateName, writes(f.state))
	if err != nil {
		return m, err
	}
	m.Files = append(m.Files, entry)
	text, err := m.encode()
	if err != nil {
		return m, err
	}
	if _, err := s.writeFile(tmp, manifestName, writes(text)); err != nil {
		return m, err
	}
	return m, s.fs.SyncDir(tmp)
}

func writes(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

// move gives the folder its final name. A checkpoint of the same step, from before a rollback or damaged, makes way, and is removed afterwards.
func (s *store) move(tmp string, step int64) error {
	final, old := filepath.Join(s.dir, stepName(step)), filepath.Join(s.dir, asideName("old", step))
	err := s.fs.Rename(final, old)
	if errors.Is(err, os.ErrNotExist) {
		return publish(s.fs, tmp, final)
	}
	if err != nil {
		return err
	}
	if err := publish(s.fs, tmp, final); err != nil {
		return errors.Join(err, s.restore(old, final))
	}
	removeFolder(s.fs, old) // the new one is published whether or not this works; sweep tries again
	return nil
}

// restore puts a replaced checkpoint back where the new one did not arrive.
func (s *store) restore(old, final string) error {
	if _, err := s.fs.ReadDir(final); !errors.Is(err, os.ErrNotExist) {
		return nil // it did arrive: only the sync failed
	}
	return publish(s.fs, old, final)
}

// writeFile writes, syncs and reads back one file: what the disk took and what was meant must have the same hash.
func (s *store) writeFile(dir, name string, write func(io.Writer) error) (fileEntry, error) {
	path := filepath.Join(dir, name)
	meant, err := writeSynced(s.fs, path, write)
	if err != nil {
		return fileEntry{}, err
	}
	meant.Name = name
	if _, err := readEntry(s.fs, dir, meant, false); err != nil {
		return fileEntry{}, fmt.Errorf("the disk did not keep what was written: %w", err)
	}
	return meant, nil
}

// retain removes all checkpoints but the last keep and the one of the lowest score. Folders without an intact manifest are not
// provably ours: they stay.
func (s *store) retain() (removed []int64, err error) {
	all, _, err := list(s.fs, s.dir)
	if err != nil || len(all) <= s.keep {
		return nil, err
	}
	best := bestOf(all)
	for _, c := range all[s.keep:] {
		if best != nil && c.Step == best.Step {
			continue
		}
		if err := s.drop(c.Step); err != nil {
			return removed, err
		}
		removed = append(removed, c.Step)
	}
	return removed, nil
}

// dropAfter removes the checkpoints of all steps above step.
func (s *store) dropAfter(step int64) error {
	all, _, err := list(s.fs, s.dir)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.Step <= step {
			break
		}
		if err := s.drop(c.Step); err != nil {
			return err
		}
	}
	s.parent = step
	return nil
}

func (s *store) drop(step int64) error {
	aside := filepath.Join(s.dir, asideName("drop", step))
	if err := publish(s.fs, filepath.Join(s.dir, stepName(step)), aside); err != nil {
		return err
	}
	return removeFolder(s.fs, aside)
}

// sweep clears up what a killed run left behind and says what it did.
func (s *store) sweep() (notices []string, err error) {
	names, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		match := leftover.FindStringSubmatch(name)
		if match == nil {
			continue
		}
		path, final := filepath.Join(s.dir, name), filepath.Join(s.dir, match[2])
		if match[1] == "old" {
			if _, err := s.fs.ReadDir(final); errors.Is(err, os.ErrNotExist) {
				notices = append(notices, "put back the checkpoint "+match[2]+", whose replacement was not finished")
				if err := publish(s.fs, path, final); err != nil {
					return notices, err
				}
				continue
			}
		}
		notices = append(notices, "removed "+path+", left by a run that was stopped")
		if err := removeFolder(s.fs, path); err != nil {
			return notices, err
		}
	}
	return notices, nil
}

// SpaceError says that a disk has too little room for a checkpoint. errors.Is(err, syscall.ENOSPC) holds for it.
type SpaceError struct {
	Dir        string
	Need, Free int64 // bytes
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("%s: a checkpoint needs %s and the disk has %s free; make room there, or keep fewer checkpoints", e.Dir, mib(e.Need), mib(e.Free))
}

func (e *SpaceError) Unwrap() error { return syscall.ENOSPC }

func mib(n int64) string { return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + " MiB" }

// checkSpace refuses a save for which the disk has no room, with a margin for the events and pictures written meanwhile.
func (s *store) checkSpace(need int64) error {
	need += need/64 + 1<<20
	free, err := s.fs.Free(s.dir)
	if err == nil && free < need {
		err = &SpaceError{s.dir, need, free}
	}
	return err
}
