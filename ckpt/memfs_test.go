package ckpt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// memFS is a file system in memory that knows what would survive a loss of power: what was synced surely does, the rest may or may not.
// As in the journals of ext4, xfs, btrfs, APFS and NTFS, a rename is whole or not at all and the changes of one folder survive in their order;
// those of different folders, and the content of files, survive independently.
// After stop calls, writes and syncs it "dies": the call is not done (a write is done by half) and every later one fails.
type memFS struct {
	mu    sync.Mutex
	root  *node
	calls int
	stop  int // 0: never
	dead  bool
	log   []string
}

// node is a file or a folder.
type node struct {
	kids, durableKids map[string]*node   // a folder's; nil for a file
	pending           []map[string]*node // changes of kids since the last sync; nil for an entry that went
	data, durable     []byte
}

var errDead = errors.New("the process is dead")

func newMemFS() *memFS { return &memFS{root: newFolder()} }

func (n *node) change(c map[string]*node) {
	n.pending = append(n.pending, c)
	apply(n.kids, c)
}

func apply(kids, c map[string]*node) {
	for name, kid := range c {
		if kids[name] = kid; kid == nil {
			delete(kids, name)
		}
	}
}

func newFolder() *node { return &node{kids: map[string]*node{}, durableKids: map[string]*node{}} }

// step counts a call that changes something; it reports an error when the process died at it or before.
func (m *memFS) step(format string, args ...any) error {
	if m.dead {
		return errDead
	}
	m.calls++
	m.log = append(m.log, fmt.Sprintf(format, args...))
	if m.calls == m.stop {
		m.dead = true
		return errDead
	}
	return nil
}

func (m *memFS) find(path string) (parent *node, base string, n *node) {
	n = m.root
	for part := range strings.SplitSeq(filepath.ToSlash(path), "/") {
		if part == "" || part == "." {
			continue
		}
		if n == nil || n.kids == nil {
			return nil, part, nil
		}
		parent, base, n = n, part, n.kids[part]
	}
	return parent, base, n
}

func (m *memFS) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("mkdir %s", dir); err != nil {
		return err
	}
	at := ""
	for part := range strings.SplitSeq(filepath.ToSlash(dir), "/") {
		at = filepath.Join(at, part)
		if parent, base, n := m.find(at); n == nil {
			parent.change(map[string]*node{base: newFolder()})
		}
	}
	return nil
}

func (m *memFS) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("create %s", name); err != nil {
		return nil, err
	}
	parent, base, n := m.find(name)
	if n != nil || parent == nil {
		return nil, &os.PathError{Op: "create", Path: name, Err: os.ErrExist}
	}
	n = &node{}
	parent.change(map[string]*node{base: n})
	return &memFile{m, n, name}, nil
}

func (m *memFS) Open(name string) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _, n := m.find(name)
	if n == nil || m.dead {
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
	}
	return io.NopCloser(bytes.NewReader(slices.Clone(n.data))), nil
}

func (m *memFS) ReadDir(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _, n := m.find(dir)
	if n == nil {
		return nil, &os.PathError{Op: "readdir", Path: dir, Err: os.ErrNotExist}
	}
	return slices.Sorted(maps.Keys(n.kids)), nil
}

func (m *memFS) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, base, n := m.find(from)
	if n == nil {
		return &os.PathError{Op: "rename", Path: from, Err: os.ErrNotExist}
	}
	q, newBase, target := m.find(to)
	if target != nil && len(target.kids) > 0 {
		return &os.PathError{Op: "rename", Path: to, Err: os.ErrExist}
	}
	if err := m.step("rename %s %s", from, to); err != nil {
		return err
	}
	if p != q {
		return errors.New("memFS renames within one folder only")
	}
	p.change(map[string]*node{base: nil, newBase: n})
	return nil
}

func (m *memFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	parent, base, n := m.find(name)
	switch {
	case n == nil:
		return &os.PathError{Op: "remove", Path: name, Err: os.ErrNotExist}
	case len(n.kids) > 0:
		return &os.PathError{Op: "remove", Path: name, Err: os.ErrExist}
	}
	if err := m.step("remove %s", name); err != nil {
		return err
	}
	parent.change(map[string]*node{base: nil})
	return nil
}

func (m *memFS) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("syncdir %s", dir); err != nil {
		return err
	}
	if _, _, n := m.find(dir); n != nil {
		n.durableKids, n.pending = maps.Clone(n.kids), nil
	}
	return nil
}

func (m *memFS) Free(string) (int64, error) { return 1 << 40, nil }

type memFile struct {
	fs   *memFS
	n    *node
	name string
}

func (f *memFile) Write(b []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	alive := !f.fs.dead
	if err := f.fs.step("write %s", f.name); err != nil {
		if alive {
			f.n.data = append(f.n.data, b[:len(b)/2]...)
		}
		return 0, err
	}
	f.n.data = append(f.n.data, b...)
	return len(b), nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.step("sync %s", f.name); err != nil {
		return err
	}
	f.n.durable = slices.Clone(f.n.data)
	return nil
}

func (f *memFile) Close() error { return nil }

// crash returns the file system as it may be found after the process or the machine has stopped. With power lost, each unsynced
// change of a folder and each unsynced part of a file survives with the given probability (a file otherwise in part, or not at all).
func (m *memFS) crash(powerLost bool, survives float64, rng *rand.Rand) *memFS {
	return &memFS{root: m.root.crash(powerLost, survives, rng)}
}

func (n *node) crash(powerLost bool, survives float64, rng *rand.Rand) *node {
	keep := func() bool { return !powerLost || rng.Float64() < survives }
	if n.kids == nil {
		data := n.durable
		if keep() {
			data = n.data
		} else if extra := len(n.data) - len(n.durable); extra > 0 && rng.IntN(2) == 0 {
			data = n.data[:len(n.durable)+rng.IntN(extra)]
		}
		return &node{data: slices.Clone(data), durable: slices.Clone(data)}
	}
	kids := maps.Clone(n.durableKids)
	for _, c := range n.pending {
		if !keep() {
			break
		}
		apply(kids, c)
	}
	out := newFolder()
	for _, name := range slices.Sorted(maps.Keys(kids)) {
		out.kids[name] = kids[name].crash(powerLost, survives, rng)
	}
	out.durableKids = maps.Clone(out.kids)
	return out
}
