package columns

import (
	"encoding/binary"
	"errors"
)

var errDamaged = errors.New("the Arrow metadata is damaged")

// table is a table of a FlatBuffer, the format of Arrow's metadata (https://flatbuffers.dev/internals): at is its place in b, where an
// int32 leads back to a list of the places of its fields.
type table struct {
	b  []byte
	at int
}

// root is the table that a buffer holds.
func root(b []byte) (table, error) {
	at, err := offset(b, 0)
	return table{b, at}, err
}

// offset follows the uint32 at place at, which is relative to itself.
func offset(b []byte, at int) (int, error) {
	if at < 0 || at+4 > len(b) {
		return 0, errDamaged
	}
	to := at + int(binary.LittleEndian.Uint32(b[at:]))
	if to+4 > len(b) {
		return 0, errDamaged
	}
	return to, nil
}

// field is the place of field i with the given size in bytes, 0 if it has its default value.
func (t table) field(i, size int) (int, error) {
	if t.at+4 > len(t.b) {
		return 0, errDamaged
	}
	list := t.at - int(int32(binary.LittleEndian.Uint32(t.b[t.at:])))
	if list < 0 || list+4 > len(t.b) {
		return 0, errDamaged
	}
	n := int(binary.LittleEndian.Uint16(t.b[list:]))
	if list+n > len(t.b) || 4+2*i+2 > n {
		return 0, nil // written by a version that did not know the field
	}
	off := int(binary.LittleEndian.Uint16(t.b[list+4+2*i:]))
	if off == 0 {
		return 0, nil
	}
	if t.at+off+size > len(t.b) {
		return 0, errDamaged
	}
	return t.at + off, nil
}

// number is a scalar of 1, 2, 4 or 8 bytes; 0 by default.
func (t table) number(i, size int) (int64, error) {
	at, err := t.field(i, size)
	if err != nil || at == 0 {
		return 0, err
	}
	var v uint64
	for k := size - 1; k >= 0; k-- {
		v = v<<8 | uint64(t.b[at+k])
	}
	return int64(v), nil
}

// child is a table in a field; ok is false if it is absent.
func (t table) child(i int) (c table, ok bool, err error) {
	at, err := t.field(i, 4)
	if err != nil || at == 0 {
		return c, false, err
	}
	at, err = offset(t.b, at)
	return table{t.b, at}, err == nil, err
}

// vector is the place and the length of a vector whose elements have the given size; length 0 if it is absent.
func (t table) vector(i, size int) (at, n int, err error) {
	if at, err = t.field(i, 4); err != nil || at == 0 {
		return 0, 0, err
	}
	if at, err = offset(t.b, at); err != nil {
		return 0, 0, err
	}
	n = int(binary.LittleEndian.Uint32(t.b[at:]))
	if n > (len(t.b)-at-4)/size {
		return 0, 0, errDamaged
	}
	return at + 4, n, nil
}

// str is a string; empty by default.
func (t table) str(i int) (string, error) {
	at, n, err := t.vector(i, 1)
	return string(t.b[at : at+n]), err
}

// tables is a vector of tables.
func (t table) tables(i int) ([]table, error) {
	at, n, err := t.vector(i, 4)
	out := make([]table, n)
	for k := range out {
		if err == nil {
			out[k].b = t.b
			out[k].at, err = offset(t.b, at+4*k)
		}
	}
	return out, err
}

// longs is a vector of structs of two int64.
func (t table) longs(i int) ([][2]int64, error) {
	at, n, err := t.vector(i, 16)
	out := make([][2]int64, n)
	for k := range out {
		out[k][0] = int64(binary.LittleEndian.Uint64(t.b[at+16*k:]))
		out[k][1] = int64(binary.LittleEndian.Uint64(t.b[at+16*k+8:]))
	}
	return out, err
}
