package columns

import (
	"fmt"
	"strings"
)

// kind is the number of a type in the union Type of Arrow's Schema.fbs.
type kind int

const (
	kindNull       kind = 1
	kindInt        kind = 2
	kindBinary     kind = 4
	kindUTF8       kind = 5
	kindStruct     kind = 13
	kindUnion      kind = 14
	kindFixedList  kind = 16
	kindLargeBin   kind = 19
	kindLargeUTF8  kind = 20
	kindRunEnd     kind = 22
	kindBinaryView kind = 23
	kindUTF8View   kind = 24
	kindListView   kind = 25
	kindLargeLView kind = 26
	kindLast       kind = 26
)

var kindsShown = [kindLast + 1]string{"nothing", "nulls", "integers", "floating-point numbers", "bytes", "text", "truth values", "decimal numbers", "dates",
	"times of day", "times", "intervals", "lists", "a group", "unions", "bytes", "lists", "maps", "durations", "bytes", "text", "lists", "run-end encoded values",
	"bytes", "text", "lists", "lists"}

// field is a column or a part of one.
type field struct {
	name       string
	kind       kind
	width      int // of integers, in bits
	signed     bool
	dense      bool // of unions
	dictionary bool // encoded by one
	children   []field
}

const (
	maxDepth  = 32
	maxFields = 1 << 16
)

// parseSchema reads the fields of a Schema table.
func parseSchema(t table) ([]field, error) {
	if big, err := t.number(0, 2); err != nil || big != 0 {
		return nil, orDamaged(err, "the file is big-endian: write it on a little-endian machine")
	}
	left := maxFields
	return parseFields(t, 1, 0, &left)
}

func orDamaged(err error, text string) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%s", text)
}

func parseFields(t table, i, depth int, left *int) ([]field, error) {
	tables, err := t.tables(i)
	if err != nil {
		return nil, err
	}
	if *left -= len(tables); *left < 0 || depth > maxDepth {
		return nil, errDamaged
	}
	fields := make([]field, len(tables))
	for k, c := range tables {
		if fields[k], err = parseField(c); err == nil {
			fields[k].children, err = parseFields(c, 5, depth+1, left)
		}
		if err != nil {
			return nil, err
		}
	}
	return fields, nil
}

// parseField reads one field without its children.
func parseField(t table) (f field, err error) {
	if f.name, err = t.str(0); err != nil {
		return f, err
	}
	k, err := t.number(2, 1)
	if err != nil {
		return f, err
	}
	if f.kind = kind(k); f.kind < kindNull || f.kind > kindLast {
		return f, fmt.Errorf("column %q has the unknown type %d", f.name, k)
	}
	if _, f.dictionary, err = t.child(4); err != nil {
		return f, err
	}
	detail, ok, err := t.child(3)
	if err != nil || !ok {
		return f, err
	}
	switch f.kind {
	case kindInt:
		width, err1 := detail.number(0, 4)
		signed, err2 := detail.number(1, 1)
		f.width, f.signed = int(width), signed != 0
		if err1 != nil || err2 != nil || width != 8 && width != 16 && width != 32 && width != 64 {
			return f, errDamaged
		}
	case kindUnion:
		mode, err := detail.number(0, 2)
		f.dense = mode == 1
		return f, err
	}
	return f, nil
}

// buffers is how many buffers the field itself has in a record batch, children and the variable ones of views aside
// (https://arrow.apache.org/docs/format/Columnar.html#buffer-listing-for-each-layout).
func (f *field) buffers() int {
	switch {
	case f.dictionary:
		return 2
	case f.kind == kindNull, f.kind == kindRunEnd:
		return 0
	case f.kind == kindStruct, f.kind == kindFixedList, f.kind == kindUnion && !f.dense:
		return 1
	case f.kind == kindBinary, f.kind == kindUTF8, f.kind == kindLargeBin, f.kind == kindLargeUTF8, f.kind == kindListView, f.kind == kindLargeLView:
		return 3
	}
	return 2
}

func (f *field) views() bool {
	return !f.dictionary && (f.kind == kindBinaryView || f.kind == kindUTF8View)
}

// place is where a column stands in a record batch.
type place struct{ node, buffer, view int }

// after moves on past a field and what is in it. variadic holds the numbers of variable buffers of the batch's views.
func (p *place) after(f *field, variadic []int64) error {
	p.node++
	p.buffer += f.buffers()
	if f.views() {
		if p.view >= len(variadic) || variadic[p.view] < 0 || variadic[p.view] > maxFields {
			return errDamaged
		}
		p.buffer += int(variadic[p.view])
		p.view++
	}
	if f.dictionary {
		return nil
	}
	for i := range f.children {
		if err := p.after(&f.children[i], variadic); err != nil {
			return err
		}
	}
	return nil
}

// path finds a column by its name, in which dots go into groups, as indices of children.
func path(fields []field, name string) ([]int, *field, error) {
	var way []int
	var names []string
	for i := range fields {
		names = append(names, fields[i].name)
		if fields[i].name == name {
			return []int{i}, &fields[i], nil
		}
	}
	for i := range fields {
		rest, ok := strings.CutPrefix(name, fields[i].name+".")
		if !ok || fields[i].kind != kindStruct {
			continue
		}
		inner, f, err := path(fields[i].children, rest)
		return append(append(way, i), inner...), f, err
	}
	return nil, nil, noColumn(name, names)
}

// locate finds where the column at the end of a path stands in a batch.
func locate(fields []field, way []int, variadic []int64) (p place, err error) {
	for depth, i := range way {
		for k := range i {
			if err := p.after(&fields[k], variadic); err != nil {
				return p, err
			}
		}
		if depth < len(way)-1 { // the group's own validity
			p.node++
			p.buffer++
			fields = fields[i].children
		}
	}
	return p, nil
}
