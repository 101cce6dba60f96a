package safetensors

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Tensor is a tensor in memory. Data holds its elements row-major and little-endian; Begin and End are not used.
type Tensor struct {
	Info
	Data []byte
}

// Write writes a file of the given tensors, in the reference implementation's order whatever theirs is. The metadata may be nil.
func Write(w io.Writer, metadata map[string]string, tensors []Tensor) error {
	infos := make([]Info, len(tensors))
	data := make(map[string][]byte, len(tensors))
	for i, t := range tensors {
		if size, err := t.Size(); err == nil && size != int64(len(t.Data)) {
			return fmt.Errorf("tensor %q: has %d bytes where shape %v of %v needs %d", t.Name, len(t.Data), t.Shape, t.DType, size)
		}
		infos[i], data[t.Name] = t.Info, t.Data
	}
	out, err := NewWriter(w, metadata, infos)
	if err != nil {
		return err
	}
	for _, t := range out.Tensors() {
		if _, err := out.Write(data[t.Name]); err != nil {
			return err
		}
	}
	return out.Close()
}

// Writer streams a file whose tensors are not all in memory. The bytes of the tensors are written in the order of [Writer.Tensors].
type Writer struct {
	w       io.Writer
	tensors []Info
	left    int64
}

// NewWriter writes the header of a file with the given tensors; their Begin and End are not used. It fails on names that occur twice and
// on shapes that overflow, before anything is written.
func NewWriter(w io.Writer, metadata map[string]string, tensors []Info) (*Writer, error) {
	tensors, err := layOut(tensors)
	if err != nil {
		return nil, err
	}
	head, err := appendHeader(make([]byte, 8), metadata, tensors)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(head); err != nil {
		return nil, err
	}
	out := &Writer{w: w, tensors: tensors}
	if n := len(tensors); n > 0 {
		out.left = tensors[n-1].End
	}
	return out, nil
}

// Tensors returns the tensors in the order in which their bytes must be written, with Begin and End set.
func (w *Writer) Tensors() []Info { return w.tensors }

// Write writes the next bytes of the data, in pieces of any size.
func (w *Writer) Write(b []byte) (int, error) {
	if int64(len(b)) > w.left {
		return 0, fmt.Errorf("%d bytes are more than the tensors announced, of which %d are left", len(b), w.left)
	}
	n, err := w.w.Write(b)
	w.left -= int64(n)
	return n, err
}

// Close fails if bytes of an announced tensor are still to come. It does not close the writer underneath.
func (w *Writer) Close() error {
	if w.left != 0 {
		return fmt.Errorf("the file is incomplete: %d bytes of its tensors were not written", w.left)
	}
	return nil
}

// HeaderSize returns the bytes that a file of these tensors has before its data, so that the size of a file is known before it is written.
func HeaderSize(metadata map[string]string, tensors []Info) (int64, error) {
	tensors, err := layOut(tensors)
	if err != nil {
		return 0, err
	}
	head, err := appendHeader(make([]byte, 8), metadata, tensors)
	return int64(len(head)), err
}

// appendHeader appends the JSON to 8 bytes kept for its length, padded with spaces so that the data is aligned, and fills in the length.
func appendHeader(b []byte, metadata map[string]string, tensors []Info) ([]byte, error) {
	b = append(b, '{')
	if metadata != nil {
		b = appendMetadata(append(b, `"`+metadataKey+`":`...), metadata)
	}
	for i, t := range tensors {
		if !utf8.ValidString(t.Name) {
			return nil, fmt.Errorf("tensor %q: the name is not UTF-8", t.Name)
		}
		if i > 0 || metadata != nil {
			b = append(b, ',')
		}
		b = appendTensor(b, t)
	}
	b = append(b, '}')
	for len(b)%8 != 0 {
		b = append(b, ' ')
	}
	if len(b) > maxHeaderSize {
		return nil, fmt.Errorf("a header of %d bytes is above the format's limit of %d", len(b), maxHeaderSize)
	}
	binary.LittleEndian.PutUint64(b, uint64(len(b)-8))
	return b, nil
}

func appendMetadata(b []byte, metadata map[string]string) []byte {
	b = append(b, '{')
	for i, key := range slices.Sorted(maps.Keys(metadata)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(appendString(b, key), ':'), metadata[key])
	}
	return append(b, '}')
}

func appendTensor(b []byte, t Info) []byte {
	b = append(appendString(b, t.Name), `:{"dtype":"`+t.DType.String()+`","shape":[`...)
	for i, d := range t.Shape {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(d), 10)
	}
	b = append(b, `],"data_offsets":[`...)
	b = strconv.AppendInt(b, t.Begin, 10)
	b = append(b, ',')
	return append(strconv.AppendInt(b, t.End, 10), "]}"...)
}

// appendString quotes s as serde_json does, which the reference uses: encoding/json would also escape <, >, & and the line separators.
func appendString(b []byte, s string) []byte {
	const short = "\b\t\n\f\r\"\\"
	const letter = "btnfr\"\\"
	b = append(b, '"')
	for _, r := range s { // invalid UTF-8 comes out as U+FFFD
		i := -1
		for j := range len(short) {
			if rune(short[j]) == r {
				i = j
			}
		}
		switch {
		case i >= 0:
			b = append(b, '\\', letter[i])
		case r < 0x20:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
