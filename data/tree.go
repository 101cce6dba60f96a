package data

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ebb-ml/ebb/internal/mmap"
)

// tree is a folder or an archive: named files that can be read in any order, by several goroutines.
type tree interface {
	// files lists regular files by name, sorted.
	files() []file
	// read returns the content of file i; longer ones than the limit given at the opening are an error.
	read(i int) ([]byte, error)
	Close() error
}

type file struct {
	name string // slash-separated, clean, relative
	size int64
}

// clutter names what systems and archivers leave behind.
func clutter(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") || part == "__MACOSX" || part == "Thumbs.db" || part == "desktop.ini" {
			return true
		}
	}
	return false
}

// safeName cleans the name of an archive's entry; names that climb out of the archive are refused.
func safeName(name string) (string, bool) {
	clean := path.Clean(strings.ReplaceAll(name, `\`, "/"))
	return clean, fs.ValidPath(clean) && clean != "."
}

func byName(a, b file) int { return strings.Compare(a.name, b.name) }

// folder is a tree on disk. Links that lead outside, pipes and devices are never opened.
type folder struct {
	root *os.Root
	list []file
	max  int64
}

// openFolder lists the files under dir for which keep (nil: all) says yes.
func openFolder(dir string, o OpenOptions, keep func(name string) bool) (*folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	t := &folder{root: root, max: o.MaxFileBytes}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name != "." && clutter(name) || keep != nil && d.IsDir() && name != "." {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || keep != nil && !keep(name) {
			return nil
		}
		info, err := root.Stat(name) // follows links that stay inside
		if err != nil || !info.Mode().IsRegular() {
			return nil
		}
		if t.list = append(t.list, file{name, info.Size()}); len(t.list) > o.MaxFiles {
			return fmt.Errorf("more than %d files", o.MaxFiles)
		}
		return nil
	})
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("listing %s: %w", dir, err)
	}
	slices.SortFunc(t.list, byName)
	return t, nil
}

func (t *folder) files() []file { return t.list }
func (t *folder) Close() error  { return t.root.Close() }

func (t *folder) read(i int) ([]byte, error) {
	f, err := t.root.Open(t.list[i].name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, t.list[i].size, t.max)
}

// mapped maps file i, for arrays that may be larger than memory.
func (t *folder) mapped(i int) (*mmap.File, error) {
	return mmap.Open(filepath.Join(t.root.Name(), filepath.FromSlash(t.list[i].name)))
}

// readAll reads r to its end, expecting size bytes and refusing more than limit.
func readAll(r io.Reader, size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, fmt.Errorf("%d bytes are more than the limit of %d", size, limit)
	}
	buf := bytes.NewBuffer(make([]byte, 0, min(max(size, 0)+bytes.MinRead, 1<<20)))
	n, err := buf.ReadFrom(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, fmt.Errorf("more than the limit of %d bytes", limit)
	}
	return buf.Bytes(), nil
}
