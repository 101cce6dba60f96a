package data

import (
	"errors"
	"fmt"
	"path"

	"github.com/ebb-ml/ebb/data/internal/parse"
)

// maxArrayChannels bounds the last axis of (n, height, width, channels): more is an array in another order.
const maxArrayChannels = 64

// openNPY reads an array of pictures, (n, h, w) or (n, h, w, c), and one of labels, (n), from the .npy files of a tree;
// an .npz is a zip of such files.
func openNPY(t tree, o OpenOptions) (set Set, err error) {
	var images, labels *parse.Array
	var maps []func() error
	unmap := func() error {
		var err error
		for _, f := range maps {
			err = errors.Join(err, f())
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unmap())
		}
	}()
	s := &arraySet{close: func() error { return errors.Join(unmap(), t.Close()) }}
	for i, f := range t.files() {
		if path.Ext(f.name) != ".npy" {
			continue
		}
		a, done, err := readNPY(t, i)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		maps = append(maps, done)
		switch {
		case (len(a.Shape) == 3 || len(a.Shape) == 4) && images == nil:
			images, s.name = &a, path.Base(f.name)
		case len(a.Shape) == 1 && labels == nil:
			labels = &a
		default:
			return nil, fmt.Errorf("%s: shape %v; expected one array (n, h, w[, c]) and at most one of labels (n)", f.name, a.Shape)
		}
	}
	if images == nil {
		return nil, unmap()
	}
	return s.assemble(t, *images, labels)
}

// assemble makes the set of an array of pictures and one of labels, which may be nil.
func (s *arraySet) assemble(t tree, images parse.Array, labels *parse.Array) (Set, error) {
	if err := s.setArray(images); err != nil {
		return nil, err
	}
	if labels != nil {
		v, err := labels.Ints()
		if err != nil {
			return nil, err
		}
		s.labels = v
	}
	names, err := classLines(t, classFile)
	if err != nil {
		return nil, err
	}
	s.notes = []string{fmt.Sprintf("NumPy array of shape %v, %s", images.Shape, images.Type)}
	return s.finish(names)
}

// readNPY maps the file if the tree can, else reads it. done releases the mapping.
func readNPY(t tree, i int) (a parse.Array, done func() error, err error) {
	done = func() error { return nil }
	var b []byte
	if disk, ok := t.(*folder); ok {
		m, err := disk.mapped(i)
		if err != nil {
			return a, done, err
		}
		b, done = m.Bytes(), m.Close
	} else if b, err = t.read(i); err != nil {
		return a, done, err
	}
	if a, err = parse.NPY(b); err != nil {
		return a, done, errors.Join(err, done())
	}
	return a, done, nil
}

// setArray takes the array's pictures over; floats become float32.
func (s *arraySet) setArray(a parse.Array) error {
	d := a.Shape
	s.shape = Picture{Height: d[1], Width: d[2], Channels: 1, Depth: Bits8}
	if len(d) == 4 {
		s.shape.Channels = d[3]
	}
	if d[0] == 0 || d[1] == 0 || d[2] == 0 || s.shape.Channels == 0 || s.shape.Channels > maxArrayChannels {
		return fmt.Errorf("%s: shape %v is not (n, height, width[, channels]) with at most %d channels; move the channels last", s.name, d, maxArrayChannels)
	}
	switch a.Type {
	case parse.Uint8:
		s.pix = a.Data
	case parse.Uint16:
		s.shape.Depth, s.pix = Bits16, a.Data
	case parse.Float32:
		s.shape.Depth, s.pix = Float32, a.Data
	case parse.Float16, parse.Float64:
		s.shape.Depth, s.pix = Float32, a.AppendFloat32(make([]byte, 0, 4*a.Len()), 0, a.Len())
	default:
		return fmt.Errorf("%s: pictures of %s are not read; use uint8, uint16 or floats", s.name, a.Type)
	}
	return nil
}
