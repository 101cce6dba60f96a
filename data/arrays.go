package data

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/ebb-ml/ebb/data/internal/parse"
	"github.com/ebb-ml/ebb/internal/mmap"
	"github.com/klauspost/compress/gzip"
)

// classFile, beside arrays, holds one class name a line.
const classFile = "classes.txt"

// arraySet is a set of equal pictures in one block of memory.
type arraySet struct {
	name    string
	shape   Picture // without samples
	pix     []byte
	labels  []int32 // nil without labels
	classes []string
	notes   []string
	parts   bool // of a source that is divided
	close   func() error
}

func (s *arraySet) size() int         { return s.shape.samples() * int(s.shape.Depth/8) }
func (s *arraySet) Len() int          { return len(s.pix) / s.size() }
func (s *arraySet) Classes() []string { return s.classes }
func (s *arraySet) Notes() []string   { return s.notes }
func (s *arraySet) divided() bool     { return s.parts }
func (s *arraySet) Close() error      { return s.close() }

func (s *arraySet) Entry(i int) Entry {
	e := Entry{Name: fmt.Sprintf("%s[%d]", s.name, i), Label: -1}
	if s.labels != nil {
		e.Label = s.labels[i]
	}
	return e
}

func (s *arraySet) Picture(i int) (*Picture, error) {
	p := s.shape
	p.Pix = s.pix[i*s.size() : (i+1)*s.size()]
	return &p, nil
}

func (s *arraySet) Hash(i int) (h Hash, err error) {
	p, err := s.Picture(i)
	if err != nil {
		return Hash{}, err
	}
	err = mmap.Guard(func() error { h = hashSamples(p); return nil })
	return h, err
}

// finish checks the labels against the pictures and names the classes.
func (s *arraySet) finish(names []string) (Set, error) {
	if s.labels == nil {
		return s, nil
	}
	if len(s.labels) != s.Len() {
		return nil, fmt.Errorf("%s: %d labels for %d pictures", s.name, len(s.labels), s.Len())
	}
	top := int32(-1)
	for i, l := range s.labels {
		if l < 0 || l > 1<<20 {
			return nil, fmt.Errorf("%s: label %d is %d; expected 0, 1, 2 …", s.name, i, l)
		}
		top = max(top, l)
	}
	s.classes = names
	for n := len(names); n <= int(top); n++ {
		s.classes = append(s.classes, fmt.Sprint(n))
	}
	return s, nil
}

// readNamed reads the first file of a tree whose base name is one of names; nothing if there is none.
func readNamed(t tree, names ...string) ([]byte, error) {
	for i, f := range t.files() {
		if slices.Contains(names, path.Base(f.name)) {
			return t.read(i)
		}
	}
	return nil, nil
}

// classLines reads class names, one a line.
func classLines(t tree, names ...string) ([]string, error) {
	b, err := readNamed(t, names...)
	var out []string
	for l := range strings.Lines(string(b)) {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out, err
}

// Names of the files in the archives of CIFAR, MNIST and its kin. Compiled once; regular expressions are immutable.
var (
	cifarBin    = regexp.MustCompile(`^(data_batch_\d+|test_batch|train|test)\.bin$`)
	cifarPickle = regexp.MustCompile(`^(data_batch_\d+|test_batch|train|test)$`)
	idxImages   = regexp.MustCompile(`^(.*)-images-idx3-ubyte(\.gz)?$|^(.*)-images\.idx3-ubyte(\.gz)?$`)
)

// inPart says whether a file that is named for its part is wanted; these archives know train and test.
func inPart(base string, p Part) bool {
	test := strings.HasPrefix(base, "test") || strings.HasPrefix(base, "t10k")
	return p == PartAll || p == PartTest && test || p == PartTrain && !test
}

// cifarSet gathers the batches that match a pattern.
func cifarSet(t tree, o OpenOptions, pattern *regexp.Regexp, read func([]byte) (parse.Batch, error)) (*arraySet, error) {
	s := &arraySet{shape: Picture{Height: parse.CIFARSide, Width: parse.CIFARSide, Channels: 3, Depth: Bits8}, parts: true, close: t.Close}
	found := 0
	for i, f := range t.files() {
		base := path.Base(f.name)
		if !pattern.MatchString(base) {
			continue
		}
		if found++; !inPart(base, o.Part) {
			continue
		}
		b, err := t.read(i)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		batch, err := read(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		s.pix = append(s.pix, batch.Pix...)
		s.labels = append(s.labels, batch.Labels...)
	}
	if found == 0 {
		return nil, nil
	}
	if len(s.pix) == 0 {
		return nil, fmt.Errorf("it has no %s part; CIFAR archives have train and test", o.Part)
	}
	return s, nil
}

func openCIFARBinary(t tree, o OpenOptions) (Set, error) {
	names, err := classLines(t, "batches.meta.txt", "fine_label_names.txt")
	if err != nil {
		return nil, err
	}
	fine, err := readNamed(t, "fine_label_names.txt")
	labelBytes := 1
	if fine != nil || err != nil {
		labelBytes = 2
	}
	s, err := cifarSet(t, o, cifarBin, func(b []byte) (parse.Batch, error) { return parse.CIFARBinary(b, labelBytes) })
	if s == nil || err != nil {
		return nil, err
	}
	s.name, s.notes = "cifar", []string{"CIFAR binary archive, " + o.Part.String() + " part"}
	return s.finish(names)
}

func openCIFARPython(t tree, o OpenOptions) (Set, error) {
	meta, err := readNamed(t, "batches.meta", "meta")
	if err != nil {
		return nil, err
	}
	s, err := cifarSet(t, o, cifarPickle, parse.CIFARPython)
	if s == nil || err != nil {
		return nil, err
	}
	var names []string
	if meta != nil {
		if names, err = parse.CIFARNames(meta); err != nil {
			return nil, err
		}
	}
	s.name, s.notes = "cifar", []string{"CIFAR Python archive, " + o.Part.String() + " part"}
	return s.finish(names)
}

func isIDX(name string) bool { return idxImages.MatchString(name) }

// labelsFile is the name of the labels that belong to an IDX file of images.
func labelsFile(images string) string {
	return strings.NewReplacer("images-idx3", "labels-idx1", "images.idx3", "labels.idx1").Replace(images)
}

func readIDX(t tree, i int, limit int64) (parse.Array, error) {
	b, err := t.read(i)
	if err != nil {
		return parse.Array{}, err
	}
	if prefix("\x1f\x8b")(b) {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return parse.Array{}, err
		}
		if b, err = readAll(io.Reader(z), 0, limit); err != nil {
			return parse.Array{}, err
		}
	}
	return parse.IDX(b)
}

func openIDX(t tree, o OpenOptions) (Set, error) {
	s := &arraySet{name: "idx", parts: true, close: t.Close}
	files, found := t.files(), 0
	for i, f := range files {
		base := path.Base(f.name)
		if !isIDX(base) {
			continue
		}
		if found++; !inPart(base, o.Part) {
			continue
		}
		if err := s.addIDX(t, i, o); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if found == 0 {
		return nil, nil
	}
	if len(s.pix) == 0 {
		return nil, fmt.Errorf("it has no %s part; MNIST-style folders have train and t10k", o.Part)
	}
	names, err := classLines(t, classFile)
	if err != nil {
		return nil, err
	}
	s.notes = []string{"IDX files (MNIST style), " + o.Part.String() + " part"}
	return s.finish(names)
}

// addIDX appends one file of images and its labels.
func (s *arraySet) addIDX(t tree, i int, o OpenOptions) error {
	a, err := readIDX(t, i, 16*o.MaxFileBytes)
	if err != nil {
		return err
	}
	if a.Type != parse.Uint8 || len(a.Shape) != 3 || a.Len() == 0 {
		return fmt.Errorf("%s of shape %v, expected uint8 of (n, height, width)", a.Type, a.Shape)
	}
	shape := Picture{Height: a.Shape[1], Width: a.Shape[2], Channels: 1, Depth: Bits8}
	if s.pix != nil && (shape.Height != s.shape.Height || shape.Width != s.shape.Width) {
		return fmt.Errorf("pictures of %v beside others of %d x %d", a.Shape[1:], s.shape.Height, s.shape.Width)
	}
	s.shape, s.pix = shape, append(s.pix, a.Data...)
	want := path.Join(path.Dir(t.files()[i].name), labelsFile(path.Base(t.files()[i].name)))
	j := slices.IndexFunc(t.files(), func(f file) bool { return f.name == want })
	if j < 0 {
		s.notes = append(s.notes, want+" is missing: no labels")
		return nil
	}
	l, err := readIDX(t, j, o.MaxFileBytes)
	if err != nil {
		return fmt.Errorf("%s: %w", want, err)
	}
	labels, err := l.Ints()
	s.labels = append(s.labels, labels...)
	return err
}
