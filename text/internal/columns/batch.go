package columns

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// batch is the wanted columns of a record batch.
type batch struct {
	rows        int
	text, label *column // label may be nil
}

// all yields the rows; everything was checked before.
func (b *batch) all() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for i := range b.rows {
			var row Row
			if v, ok := b.text.value(i); ok {
				row.Text = append([]byte{}, v...)
			}
			if b.label != nil {
				row.Label = b.label.show(i)
			}
			if !yield(row) {
				return
			}
		}
	}
}

// column is an array of one type.
type column struct {
	field    *field
	validity []byte   // a bit for each row, or nothing: all are there
	places   []byte   // offsets, views or integers
	data     [][]byte // bytes of text; of views, several
}

// header is the table RecordBatch, read.
type header struct {
	length   int64
	nodes    [][2]int64 // rows, nulls
	buffers  [][2]int64 // place in the body, length
	codec    int64      // none: -1
	variadic []int64
}

const (
	codecNone = -1
	codecLZ4  = 0
	codecZstd = 1
)

func parseHeader(t table) (h header, err error) {
	var errs [6]error
	h.length, errs[0] = t.number(0, 8)
	h.nodes, errs[1] = t.longs(1)
	h.buffers, errs[2] = t.longs(2)
	h.codec = codecNone
	c, compressed, err := t.child(3)
	if errs[3] = err; compressed {
		h.codec, errs[4] = c.number(0, 1)
	}
	at, n, err := t.vector(4, 8)
	errs[5] = err
	for i := range n {
		h.variadic = append(h.variadic, int64(binary.LittleEndian.Uint64(t.b[at+8*i:])))
	}
	return h, errors.Join(errs[:]...)
}

// decode makes the columns of a batch and checks that no row reads outside of them.
func (s *stream) decode(t table) (*batch, error) {
	h, err := parseHeader(t)
	if err != nil {
		return nil, err
	}
	b := &batch{rows: int(h.length)}
	if h.length < 0 || h.length > maxBody {
		return nil, errDamaged
	}
	if b.text, err = s.column(&h, s.textWay, s.textAs); err != nil {
		return nil, fmt.Errorf("column %q: %w", s.text, err)
	}
	if s.labelAs != nil {
		if b.label, err = s.column(&h, s.labWay, s.labelAs); err != nil {
			return nil, fmt.Errorf("column %q: %w", s.label, err)
		}
	}
	return b, nil
}

func (s *stream) column(h *header, way []int, f *field) (*column, error) {
	p, err := locate(s.fields, way, h.variadic)
	if err != nil {
		return nil, err
	}
	n := f.buffers()
	if f.views() {
		if p.view >= len(h.variadic) || h.variadic[p.view] < 0 || h.variadic[p.view] > maxFields {
			return nil, errDamaged
		}
		n += int(h.variadic[p.view])
	}
	if p.node >= len(h.nodes) || h.nodes[p.node][0] != h.length || p.buffer+n > len(h.buffers) {
		return nil, errDamaged
	}
	c := &column{field: f}
	for k := range n {
		data, err := h.buffer(s.body.Bytes(), p.buffer+k)
		switch {
		case err != nil:
			return nil, err
		case k == 0 && h.nodes[p.node][1] != 0:
			c.validity = data
		case k == 1:
			c.places = data
		case k > 1:
			c.data = append(c.data, data)
		}
	}
	return c, c.check(int(h.length))
}

// buffer takes buffer i out of the body and decompresses it.
func (h *header) buffer(body []byte, i int) ([]byte, error) {
	at, n := h.buffers[i][0], h.buffers[i][1]
	if at < 0 || n < 0 || at > int64(len(body)) || n > int64(len(body))-at {
		return nil, errDamaged
	}
	b := body[at : at+n]
	if h.codec == codecNone || n == 0 {
		return b, nil
	}
	if n < 8 {
		return nil, errDamaged
	}
	size := int64(binary.LittleEndian.Uint64(b))
	if b = b[8:]; size == -1 {
		return b, nil
	}
	if size < 0 || size > maxBody {
		return nil, errDamaged
	}
	return decompress(h.codec, b, size)
}

// decompress expects size bytes; memory grows with what comes out.
func decompress(codec int64, b []byte, size int64) ([]byte, error) {
	var r io.Reader
	switch codec {
	case codecLZ4:
		r = lz4.NewReader(bytes.NewReader(b))
	case codecZstd:
		z, err := zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		r = z
	default:
		return nil, fmt.Errorf("the unknown compression %d", codec)
	}
	var out bytes.Buffer
	if err := readInto(&out, r, size); err != nil {
		return nil, errDamaged
	}
	return out.Bytes(), nil
}

// check makes value and show safe for all rows.
func (c *column) check(rows int) error {
	if len(c.validity) > 0 && len(c.validity) < (rows+7)/8 || rows > 0 && len(c.places) == 0 {
		return errDamaged
	}
	if rows == 0 {
		return nil
	}
	need := 0
	switch c.field.kind {
	case kindInt:
		need = rows * c.field.width / 8
	case kindUTF8, kindBinary:
		need = 4 * (rows + 1)
	case kindLargeUTF8, kindLargeBin:
		need = 8 * (rows + 1)
	default:
		need = 16 * rows
	}
	if len(c.places) < need {
		return errDamaged
	}
	for i := range rows {
		if _, ok := c.span(i); !ok && c.field.kind != kindInt && c.valid(i) {
			return errDamaged
		}
	}
	return nil
}

// span is the bytes of row i; ok is false if they lie outside.
func (c *column) span(i int) (b []byte, ok bool) {
	le := binary.LittleEndian
	var from, to uint64
	var data []byte
	switch c.field.kind {
	case kindUTF8, kindBinary:
		from, to, data = uint64(le.Uint32(c.places[4*i:])), uint64(le.Uint32(c.places[4*i+4:])), c.data[0]
	case kindLargeUTF8, kindLargeBin:
		from, to, data = le.Uint64(c.places[8*i:]), le.Uint64(c.places[8*i+8:]), c.data[0]
	case kindUTF8View, kindBinaryView:
		return c.view(c.places[16*i:][:16])
	}
	if from > to || to > uint64(len(data)) {
		return nil, false
	}
	return data[from:to], true
}

// view is a length, and then the text itself if it has at most 12 bytes, or else 4 bytes of it, the number of a buffer and a place in it.
func (c *column) view(v []byte) ([]byte, bool) {
	le := binary.LittleEndian
	n := uint64(le.Uint32(v))
	if n <= 12 {
		return v[4 : 4+n], true
	}
	k, from := uint64(le.Uint32(v[8:])), uint64(le.Uint32(v[12:]))
	if k >= uint64(len(c.data)) || from+n > uint64(len(c.data[k])) {
		return nil, false
	}
	return c.data[k][from : from+n], true
}

func (c *column) valid(i int) bool {
	return len(c.validity) == 0 || c.validity[i/8]>>(i%8)&1 == 1
}

// value is the text of row i; ok is false for null.
func (c *column) value(i int) (b []byte, ok bool) {
	if !c.valid(i) {
		return nil, false
	}
	return c.span(i)
}

// show writes row i, text or an integer; nothing for null.
func (c *column) show(i int) string {
	if c.field.kind != kindInt {
		b, _ := c.value(i)
		return string(b)
	}
	if !c.valid(i) {
		return ""
	}
	var v uint64
	size := c.field.width / 8
	for k := size - 1; k >= 0; k-- {
		v = v<<8 | uint64(c.places[i*size+k])
	}
	if !c.field.signed {
		return strconv.FormatUint(v, 10)
	}
	shift := 64 - c.field.width
	return strconv.FormatInt(int64(v<<shift)>>shift, 10)
}
