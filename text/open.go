package text

import (
	"archive/zip"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
)

// Options say how a source is understood. The zero value reads the field or column "text", as UTF-8
// in which each invalid byte becomes U+FFFD, on all cores. Comments end with what an empty field stands for.
type Options struct {
	Field    string   `toml:"field" json:"field"`       // of JSON objects, CSV rows and columnar files that holds the text; dots go into objects; "text"
	Label    string   `toml:"label" json:"label"`       // field or column that holds the class; none
	Encoding Encoding `toml:"encoding" json:"encoding"` // of bytes that are no UTF-8
	Workers  int      `toml:"-" json:"-"`               // goroutines; GOMAXPROCS
}

// Corpus is a source of documents on disk.
type Corpus struct {
	path    string
	options Options
	fsys    fs.FS
	zip     *zip.ReadCloser // nil for files and folders
	files   []file
	notes   []string
	done    atomic.Int64 // bytes read of the files, as they lie on disk, by the last call of Documents
	total   int64        // bytes of all files
}

// file is one file of a corpus that holds text.
type file struct {
	name   string
	class  string // from its folder
	format format
}

// Open looks at what is called name: a file, a folder tree or a .zip of files, each .txt, .md, .jsonl, .ndjson, .json, .csv, .tsv or a MediaWiki .xml
// dump, .parquet, .arrow or .feather, and any of them also .gz, .zst or .bz2. Other files of a folder are left out and listed by Notes. Where all files lie in two or more
// folders side by side, the folders are their classes. Nothing is read yet but names. Close it after use.
func Open(name string, o Options) (*Corpus, error) {
	if o.Field == "" {
		o.Field = "text"
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("text: %w", err)
	}
	c := &Corpus{path: name, options: o}
	switch {
	case info.IsDir():
		c.fsys = os.DirFS(name)
	case strings.EqualFold(filepath.Ext(name), ".zip"):
		if c.zip, err = zip.OpenReader(name); err != nil {
			return nil, fmt.Errorf("text: %s: %w", name, err)
		}
		c.fsys = c.zip
	default:
		c.single(filepath.Base(name))
		return c, nil
	}
	if err := c.list(); err != nil {
		c.Close()
		return nil, fmt.Errorf("text: %s: %w", name, err)
	}
	return c, nil
}

// Progress says how many bytes of the files the present loop over Documents has read, as they lie on disk, and how many there are. It may be
// called from within the loop.
func (c *Corpus) Progress() (done, total int64) {
	if c.total == 0 {
		for _, f := range c.files {
			if info, err := fs.Stat(c.fsys, f.name); err == nil {
				c.total += info.Size()
			}
		}
	}
	return min(c.done.Load(), c.total), c.total
}

// Close releases the source.
func (c *Corpus) Close() error {
	if c.zip == nil {
		return nil
	}
	return c.zip.Close()
}

// Notes says in plain words how the source was understood.
func (c *Corpus) Notes() []string { return slices.Clone(c.notes) }

// single opens one file; a name without a known ending is taken for plain text.
func (c *Corpus) single(base string) {
	f, known := formatOf(base)
	c.fsys, c.files = os.DirFS(filepath.Dir(c.path)), []file{{name: base, format: f}}
	if !known {
		c.notes = append(c.notes, "the ending of the name is not known: taken for plain text")
	}
}

// list walks the tree in lexical order.
func (c *Corpus) list() error {
	skipped, hub := map[string]int{}, []file(nil)
	err := fs.WalkDir(c.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := path.Base(name); name != "." && (strings.HasPrefix(base, ".") || base == "__MACOSX") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		format, known := formatOf(name)
		switch {
		case hubFile(path.Base(name)):
			hub = append(hub, file{name: name, format: format})
		case known:
			c.files = append(c.files, file{name: name, format: format})
		default:
			skipped[strings.ToLower(path.Ext(name))]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, ext := range sortedKeys(skipped) {
		c.notes = append(c.notes, fmt.Sprintf("%d files with the ending %q are no text and were left out", skipped[ext], ext))
	}
	c.hub(hub)
	if len(c.files) == 0 {
		return fmt.Errorf("no text files found (.txt, .md, .jsonl, .json, .csv, .tsv, .xml, .parquet, .arrow, also .gz, .zst, .bz2); %s", strings.Join(append(c.notes, "the folder is empty otherwise"), "; "))
	}
	c.classes()
	return nil
}

// classes labels files by the topmost folder that tells them apart.
func (c *Corpus) classes() {
	parts := make([][]string, len(c.files))
	for i, f := range c.files {
		parts[i] = strings.Split(f.name, "/")
	}
	for depth := 0; ; depth++ {
		names := map[string]int{}
		for _, p := range parts {
			if len(p) < depth+2 {
				return // a file beside the folders
			}
			names[p[depth]]++
		}
		if len(names) < 2 || onlyParts(names) {
			continue
		}
		for i, p := range parts {
			c.files[i].class = p[depth]
		}
		c.notes = append(c.notes, fmt.Sprintf("classes from folders: %s", strings.Join(sortedKeys(names), ", ")))
		return
	}
}

// onlyParts says that folders are the usual parts of a data set, which are no classes.
func onlyParts(names map[string]int) bool {
	for n := range names {
		switch strings.ToLower(n) {
		case "train", "training", "test", "testing", "valid", "validation", "val", "dev", "unsupervised":
		default:
			return false
		}
	}
	return true
}

// hubFile tells the files by which the Hugging Face hub describes a data set.
func hubFile(base string) bool {
	switch base {
	case "README.md", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json":
		return true
	}
	return false
}

// hub leaves files of such names out of a folder that holds parquet or Arrow files; elsewhere they are text like any.
func (c *Corpus) hub(files []file) {
	columnar := slices.ContainsFunc(c.files, func(f file) bool { return f.format == parquetRows || f.format == arrowRows })
	if !columnar {
		c.files = append(c.files, files...)
		slices.SortStableFunc(c.files, func(a, b file) int { return slices.Compare(strings.Split(a.name, "/"), strings.Split(b.name, "/")) })
		return
	}
	for _, f := range files {
		c.notes = append(c.notes, fmt.Sprintf("%s describes the data set and was left out", f.name))
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Documents yields the texts. It may be called again, and ends with ctx's error when ctx ends.
func (c *Corpus) Documents(ctx context.Context) Documents {
	return func(yield func(Document, error) bool) {
		c.done.Store(0)
		for d, err := range c.read(ctx) {
			if err == nil && ctx.Err() != nil {
				err = fmt.Errorf("text: reading %s: %w", c.path, context.Cause(ctx))
			}
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}
