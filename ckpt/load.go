package ckpt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ebb-ml/ebb/interop/safetensors"
)

// ErrNone says that a run folder has no checkpoint at all, not even a damaged one: there is nothing to lose by starting at step 0.
var ErrNone = errors.New("no checkpoint yet")

// Info describes a checkpoint by its manifest alone.
type Info struct {
	Step    int64
	Path    string
	Score   *float64 // as given in its [Snapshot]
	Created time.Time
	Bytes   int64
}

// Checkpoint is a checkpoint whose every byte was compared with its manifest.
type Checkpoint struct {
	Info
	state  []byte
	groups map[string]*safetensors.File
}

// State decodes the state into the struct that into points to. Fields that the struct does not have are refused: a newer program wrote them.
func (c *Checkpoint) State(into any) error {
	dec := json.NewDecoder(bytes.NewReader(c.state))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(c.Path, stateName), err)
	}
	return nil
}

// Group returns the named group of tensors. Their bytes are in memory.
func (c *Checkpoint) Group(name string) (*safetensors.File, error) {
	if f, ok := c.groups[name]; ok {
		return f, nil
	}
	return nil, fmt.Errorf("%s: no group %q was loaded", c.Path, name)
}

// Load returns the newest intact checkpoint of the run folder. All its files are verified; the named groups, or all if none is named,
// are kept in memory. Newer checkpoints that had to be skipped are named in skipped, with the reason.
// The error is [ErrNone] if the run has no checkpoint, and says so if it has only damaged ones.
func Load(run string, groups ...string) (c *Checkpoint, skipped []error, err error) {
	return newest(OS(), filepath.Join(run, "checkpoints"), groups)
}

// LoadStep returns the checkpoint of the given step, verified as by [Load], or says what is wrong with it.
func LoadStep(run string, step int64, groups ...string) (*Checkpoint, error) {
	return load(OS(), filepath.Join(run, "checkpoints", stepName(step)), groups)
}

// List returns the checkpoints of the run folder, newest first, from their manifests: their files are not read. Folders that
// are no checkpoints although they are named like one are returned as errors.
func List(run string) (all []Info, broken []error, err error) {
	return list(OS(), filepath.Join(run, "checkpoints"))
}

// Best returns the checkpoint of the lowest score, or nil if none has one.
func Best(all []Info) *Info { return bestOf(all) }

func bestOf(all []Info) *Info {
	var best *Info
	for i, c := range all {
		if c.Score != nil && *c.Score == *c.Score && (best == nil || *c.Score < *best.Score) {
			best = &all[i]
		}
	}
	return best
}

var stepFolder = regexp.MustCompile(`^\d{9}$`)

// steps returns the steps of all folders named like a checkpoint, newest first.
func steps(fs FS, dir string) ([]int64, error) {
	names, err := fs.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var out []int64
	for _, name := range names {
		if stepFolder.MatchString(name) {
			n, _ := strconv.ParseInt(name, 10, 64)
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b int64) int { return int(b - a) })
	return out, err
}

func list(fs FS, dir string) (all []Info, broken []error, err error) {
	found, err := steps(fs, dir)
	for _, step := range found {
		path := filepath.Join(dir, stepName(step))
		m, err := readManifest(fs, path)
		if err != nil {
			broken = append(broken, err)
			continue
		}
		all = append(all, m.info(path))
	}
	return all, broken, err
}

func (m manifest) info(path string) Info {
	return Info{Step: m.Step, Path: path, Score: m.Score, Created: m.Created, Bytes: m.bytes()}
}

func newest(fs FS, dir string, groups []string) (*Checkpoint, []error, error) {
	found, err := steps(fs, dir)
	if err != nil {
		return nil, nil, err
	}
	if len(found) == 0 {
		return nil, nil, ErrNone
	}
	var skipped []error
	for _, step := range found {
		c, err := load(fs, filepath.Join(dir, stepName(step)), groups)
		if err == nil {
			return c, skipped, nil
		}
		skipped = append(skipped, err)
	}
	return nil, skipped, fmt.Errorf("%s: none of the %d checkpoints can be used; bring a sound one back from a copy, or begin anew in another folder: %w", dir, len(found), errors.Join(skipped...))
}

// readManifest returns the manifest of the checkpoint at path if it is intact and belongs there.
func readManifest(fs FS, path string) (manifest, error) {
	name := filepath.Join(path, manifestName)
	f, err := fs.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return manifest{}, fmt.Errorf("%s: is not a complete checkpoint: it has no %s", path, manifestName)
	}
	if err != nil {
		return manifest{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil {
		return manifest{}, fmt.Errorf("%s: %w", name, err)
	}
	m, err := decodeManifest(text)
	if err != nil {
		return m, fmt.Errorf("%s: %w", name, err)
	}
	if want := filepath.Base(path); stepName(m.Step) != want {
		return m, fmt.Errorf("%s: is of step %d: the folder was renamed or copied", name, m.Step)
	}
	return m, m.checkNames(path)
}

func (m manifest) checkNames(path string) error {
	for _, f := range m.Files {
		if base, ok := strings.CutSuffix(f.Name, ".safetensors"); f.Name != stateName && !(ok && groupName.MatchString(base)) {
			return fmt.Errorf("%s: %q is no name for a file of a checkpoint", path, f.Name)
		}
	}
	return nil
}

// load verifies every file of the checkpoint at path, several at once.
func load(fs FS, path string, groups []string) (*Checkpoint, error) {
	m, err := readManifest(fs, path)
	if err != nil {
		return nil, err
	}
	data := make([][]byte, len(m.Files))
	jobs := make([]func() error, len(m.Files))
	for i, f := range m.Files {
		group, isGroup := strings.CutSuffix(f.Name, ".safetensors")
		keep := !isGroup || len(groups) == 0 || slices.Contains(groups, group)
		jobs[i] = func() (err error) {
			data[i], err = readEntry(fs, path, f, keep)
			return err
		}
	}
	if err := parallel(jobs); err != nil {
		return nil, err
	}
	c := &Checkpoint{Info: m.info(path), groups: map[string]*safetensors.File{}}
	for i, f := range m.Files {
		if err := c.take(f.Name, data[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(path, f.Name), err)
		}
	}
	for _, g := range groups {
		if _, err := c.Group(g); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Checkpoint) take(name string, data []byte) (err error) {
	group, isGroup := strings.CutSuffix(name, ".safetensors")
	switch {
	case !isGroup:
		c.state = data
	case data != nil:
		c.groups[group], err = safetensors.Parse(data)
	}
	return err
}
