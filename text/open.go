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
)

// Options say how a source is understood. The zero value reads the field or column "text", as UTF-8
// in which each invalid byte becomes U+FFFD, on all cores. Comments end with what an empty field stands for.
type Options struct {
	Field    string   `toml:"field" json:"field"`       // of JSON objects and CSV rows that holds the text; dots go into objects; "text"
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
}

// file is one file of a corpus that holds text.
type file struct {
	name   string
	class  string // from its folder
	format format
}

// Open looks at what is called name: a file, a folder tree or a .zip of files, each .txt, .md, .jsonl, .ndjson, .json, .csv, .tsv or a MediaWiki .xml
// dump, and any of them also .gz, .zst or .bz2. Other files of a folder are left out and listed by Notes. Where all files lie in two or more
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
		return c, c.single(filepath.Base(name))
	}
	if err := c.list(); err != nil {
		c.Close()
		return nil, fmt.Errorf("text: %s: %w", name, err)
	}
	return c, nil
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
func (c *Corpus) single(base string) error {
	f, known := formatOf(base)
	if f == columnar {
		return fmt.Errorf("text: %s: %s", c.path, columnarAdvice)
	}
	c.fsys, c.files = os.DirFS(filepath.Dir(c.path)), []file{{name: base, format: f}}
	if !known {
		c.notes = append(c.notes, "the ending of the name is not known: taken for plain text")
	}
	return nil
}

const columnarAdvice = "parquet and arrow files cannot be read: convert them to JSON lines, for example with " +
	`python -c 'import pandas,sys; pandas.read_parquet(sys.argv[1]).to_json(sys.argv[2],orient="records",lines=True)' IN OUT.jsonl.gz`

// list walks the tree in lexical order.
func (c *Corpus) list() error {
	skipped, columns := map[string]int{}, 0
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
		case format == columnar:
			columns++
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
	if columns > 0 {
		c.notes = append(c.notes, fmt.Sprintf("%d files were left out: %s", columns, columnarAdvice))
	}
	if len(c.files) == 0 {
		return fmt.Errorf("no text files found (.txt, .md, .jsonl, .json, .csv, .tsv, .xml, also .gz, .zst, .bz2); %s", strings.Join(append(c.notes, "the folder is empty otherwise"), "; "))
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
		if len(names) < 2 {
			continue
		}
		for i, p := range parts {
			c.files[i].class = p[depth]
		}
		c.notes = append(c.notes, fmt.Sprintf("classes from folders: %s", strings.Join(sortedKeys(names), ", ")))
		return
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
