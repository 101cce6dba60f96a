package columns

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
)

const (
	maxMetadata = 64 << 20
	maxBody     = 4 << 30 // of a record batch
)

// The kinds of messages.
const (
	messageSchema = 1
	messageBatch  = 3
)

// Arrow yields the rows of an IPC stream or an IPC file (Feather V2): the file is the stream between a magic number and an index, which is not
// needed. text names a column of utf8, large_utf8, utf8_view or binary, label one of those or of integers.
func Arrow(r io.Reader, text, label string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		s := stream{r: bufio.NewReaderSize(r, 1<<16), text: text, label: label}
		if head, _ := s.r.Peek(8); bytes.HasPrefix(head, []byte("ARROW1")) {
			s.r.Discard(8)
		}
		for {
			rows, err := s.batch()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
			for row := range rows.all() {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// stream reads messages.
type stream struct {
	r               *bufio.Reader
	text, label     string
	fields          []field
	textWay, labWay []int
	textAs, labelAs *field
	metadata        []byte
	body            bytes.Buffer
	seen            bool // the schema
}

// batch reads up to and including the next record batch; io.EOF at the end of the stream.
func (s *stream) batch() (*batch, error) {
	for {
		kind, header, err := s.message()
		if err != nil {
			return nil, err
		}
		switch {
		case kind == messageSchema && !s.seen:
			s.seen = true
			if err := s.schema(header); err != nil {
				return nil, err
			}
		case kind == messageBatch && s.seen:
			return s.decode(header)
		case kind == messageBatch || kind == messageSchema:
			return nil, errors.New("the schema is not the first message: the file is damaged")
		}
	}
}

// message reads the metadata and the body of a message.
func (s *stream) message() (kind int64, header table, err error) {
	size, err := s.length()
	if err != nil {
		return 0, header, err
	}
	if err := readInto(&s.body, s.r, int64(size)); err != nil {
		return 0, header, err
	}
	s.metadata = append(s.metadata[:0], s.body.Bytes()...)
	t, err := root(s.metadata)
	if err != nil {
		return 0, header, err
	}
	kind, err1 := t.number(1, 1)
	header, ok, err2 := t.child(2)
	length, err3 := t.number(3, 8)
	if err := errors.Join(err1, err2, err3); err != nil || !ok || length < 0 || length > maxBody {
		return 0, header, errDamaged
	}
	return kind, header, readInto(&s.body, s.r, length)
}

// length reads the size of the next message's metadata; io.EOF after the last one.
func (s *stream) length() (uint32, error) {
	var b [4]byte
	_, err := io.ReadFull(s.r, b[:])
	if err == nil && binary.LittleEndian.Uint32(b[:]) == 0xFFFFFFFF { // not written before version 0.15
		if _, err = io.ReadFull(s.r, b[:]); err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	}
	n := binary.LittleEndian.Uint32(b[:])
	switch {
	case err == io.EOF && !s.seen:
		return 0, errors.New("the file is empty")
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	case n > maxMetadata:
		return 0, errors.New("it is no Arrow IPC stream or file, or it is damaged")
	}
	return n, nil
}

// readInto reads n bytes; memory grows with what is there, not with what is announced.
func readInto(dst *bytes.Buffer, r io.Reader, n int64) error {
	dst.Reset()
	if _, err := io.CopyN(dst, r, n); err != nil {
		return fmt.Errorf("the file ends within a batch: it was cut short (%w)", io.ErrUnexpectedEOF)
	}
	return nil
}

// schema finds the columns.
func (s *stream) schema(t table) (err error) {
	if s.fields, err = parseSchema(t); err != nil {
		return err
	}
	if s.textWay, s.textAs, err = path(s.fields, s.text); err != nil {
		return err
	}
	if !s.textAs.isText() {
		return noText(s.text, s.textAs.shown())
	}
	if s.label == "" {
		return nil
	}
	if s.labWay, s.labelAs, err = path(s.fields, s.label); err != nil {
		return err
	}
	if !s.labelAs.isText() && (s.labelAs.kind != kindInt || s.labelAs.dictionary) {
		return fmt.Errorf("column %q holds %s: labels are text or integers", s.label, s.labelAs.shown())
	}
	return nil
}

func (f *field) isText() bool {
	switch f.kind {
	case kindUTF8, kindLargeUTF8, kindUTF8View, kindBinary, kindLargeBin, kindBinaryView:
		return !f.dictionary
	}
	return false
}

func (f *field) shown() string {
	if f.dictionary {
		return "values encoded by a dictionary"
	}
	return kindsShown[f.kind]
}
