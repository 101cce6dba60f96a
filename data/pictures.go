package data

import (
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"strings"
)

// pictureFiles is a set of picture files in a tree.
type pictureFiles struct {
	tree    tree
	at      []int // index into the tree's files
	entries []Entry
	classes []string
	notes   []string
	pixels  int
	parts   bool // it is divided
}

// isPicture goes by the name, because reading the start of a million files is slow; Decode goes by the content.
func isPicture(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp":
		return true
	}
	return false
}

func openPictures(t tree, o OpenOptions) (Set, error) {
	s := &pictureFiles{tree: t, pixels: o.MaxPixels}
	for i, f := range t.files() {
		if isPicture(f.name) {
			s.at = append(s.at, i)
			s.entries = append(s.entries, Entry{Name: f.name, Label: -1})
		}
	}
	if len(s.at) == 0 {
		return nil, nil
	}
	if other := len(t.files()) - len(s.at); other > 0 {
		s.notes = append(s.notes, fmt.Sprintf("%d files are not pictures by their names", other))
	}
	if err := s.choosePart(o.Part); err != nil {
		return nil, err
	}
	labelled, err := s.readTables()
	if err != nil {
		return nil, err
	}
	if !labelled {
		s.labelByFolder()
	}
	return s, nil
}

func (s *pictureFiles) Len() int          { return len(s.at) }
func (s *pictureFiles) Entry(i int) Entry { return s.entries[i] }
func (s *pictureFiles) Classes() []string { return s.classes }
func (s *pictureFiles) Notes() []string   { return s.notes }
func (s *pictureFiles) divided() bool     { return s.parts }
func (s *pictureFiles) Close() error      { return s.tree.Close() }

func (s *pictureFiles) Picture(i int) (*Picture, error) {
	b, err := s.tree.read(s.at[i])
	if err != nil {
		return nil, err
	}
	return Decode(b, s.pixels)
}

func (s *pictureFiles) Hash(i int) (Hash, error) {
	b, err := s.tree.read(s.at[i])
	if err != nil {
		return Hash{}, err
	}
	return sha256.Sum256(b), nil
}

// trunk returns the folder that all names share, with its slash; it carries no information.
func (s *pictureFiles) trunk() string {
	dir := path.Dir(s.entries[0].Name) + "/"
	for _, e := range s.entries {
		for !strings.HasPrefix(e.Name, dir) {
			dir = dir[:strings.LastIndexByte(dir[:len(dir)-1], '/')+1]
			if dir == "" {
				return ""
			}
		}
	}
	return strings.TrimPrefix(dir, "./")
}

// partOf returns the part that a folder's name stands for.
func partOf(dir string) (Part, bool) {
	switch strings.ToLower(dir) {
	case "train", "training":
		return PartTrain, true
	case "valid", "validation", "val", "dev":
		return PartValid, true
	case "test", "testing":
		return PartTest, true
	}
	return 0, false
}

// choosePart keeps the pictures of one part where every top folder is named for a part.
func (s *pictureFiles) choosePart(want Part) error {
	root := s.trunk()
	parts := make([]Part, len(s.entries))
	have := [3]int{}
	for i, e := range s.entries {
		top, _, deeper := strings.Cut(e.Name[len(root):], "/")
		p, ok := partOf(top)
		if !ok || !deeper {
			return nil
		}
		parts[i] = p
		have[p]++
	}
	s.parts = true
	if want == PartAll {
		return nil
	}
	if have[want] == 0 {
		return fmt.Errorf("it has no %s part (train: %d pictures, valid: %d, test: %d)", want, have[PartTrain], have[PartValid], have[PartTest])
	}
	i := -1
	drop := func() bool { i++; return parts[i] != want }
	s.at = slices.DeleteFunc(s.at, func(int) bool { return drop() })
	i = -1
	s.entries = slices.DeleteFunc(s.entries, func(Entry) bool { return drop() })
	s.notes = append(s.notes, fmt.Sprintf("it is divided into parts (train: %d pictures, valid: %d, test: %d); %s is used", have[PartTrain], have[PartValid], have[PartTest], want))
	return nil
}

// labelByFolder takes the topmost folder that differs between pictures as the class.
func (s *pictureFiles) labelByFolder() {
	root := len(s.trunk())
	loose, names := 0, map[string]bool{}
	for _, e := range s.entries {
		top, _, deeper := strings.Cut(e.Name[root:], "/")
		if deeper {
			names[top] = true
		} else {
			loose++
		}
	}
	if len(names) == 0 {
		return
	}
	s.classes = sortedNames(names)
	index := indexOf(s.classes)
	for i, e := range s.entries {
		if top, _, deeper := strings.Cut(e.Name[root:], "/"); deeper {
			s.entries[i].Label = index[top]
		}
	}
	s.notes = append(s.notes, fmt.Sprintf("the %d top folders are the classes", len(names)))
	if loose > 0 {
		s.notes = append(s.notes, fmt.Sprintf("%d pictures lie beside the class folders and have no label", loose))
	}
}

func indexOf(names []string) map[string]int32 {
	m := make(map[string]int32, len(names))
	for i, n := range names {
		m[n] = int32(i)
	}
	return m
}
