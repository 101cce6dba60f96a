package text

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"path"
	"strings"
	"unicode/utf16"

	"github.com/ebb-ml/ebb/text/internal/bunzip"
	"github.com/klauspost/compress/zstd"
)

// format is how a file holds texts.
type format int

const (
	plain format = iota
	jsonLines
	jsonArray // one value, an array of objects or objects one after another
	csvRows
	tsvRows
	mediaWiki
	parquetRows
	arrowRows
)

var formats = map[string]format{".txt": plain, ".text": plain, ".md": plain, ".markdown": plain, ".jsonl": jsonLines, ".ndjson": jsonLines,
	".json": jsonArray, ".csv": csvRows, ".tsv": tsvRows, ".xml": mediaWiki, ".parquet": parquetRows, ".arrow": arrowRows,
	".feather": arrowRows}

// formatOf tells the format by the ending of a name; known is false if there is none in the list.
func formatOf(name string) (f format, known bool) {
	name = strings.ToLower(name)
	for _, packed := range []string{".gz", ".zst", ".bz2"} {
		name = strings.TrimSuffix(name, packed)
	}
	f, known = formats[path.Ext(name)]
	return f, known
}

// unpack decompresses what its first bytes say is compressed, whatever its name.
func unpack(r io.Reader, workers int) (io.ReadCloser, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	head, _ := b.Peek(4)
	switch {
	case bytes.HasPrefix(head, []byte{0x1F, 0x8B}):
		return gzip.NewReader(b)
	case bytes.HasPrefix(head, []byte{0x28, 0xB5, 0x2F, 0xFD}):
		d, err := zstd.NewReader(b, zstd.WithDecoderMaxMemory(1<<30))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case bytes.HasPrefix(head, []byte("BZh")):
		return bunzip.NewReader(b, workers), nil
	}
	return io.NopCloser(b), nil
}

// decodeUTF16 converts a stream that begins with a UTF-16 byte order mark; others pass.
func decodeUTF16(r io.Reader) (out io.Reader, converted bool) {
	b := bufio.NewReaderSize(r, 1<<16)
	head, _ := b.Peek(2)
	switch {
	case bytes.Equal(head, []byte{0xFF, 0xFE}):
		return &utf16Reader{r: b, order: binary.LittleEndian}, true
	case bytes.Equal(head, []byte{0xFE, 0xFF}):
		return &utf16Reader{r: b, order: binary.BigEndian}, true
	}
	return b, false
}

// utf16Reader yields UTF-8. Half a surrogate pair becomes U+FFFD; the byte order mark is removed later, like any.
type utf16Reader struct {
	r     *bufio.Reader
	order binary.ByteOrder
	out   []byte // converted and not yet read
}

// Read implements io.Reader.
func (u *utf16Reader) Read(p []byte) (int, error) {
	if len(u.out) == 0 {
		r, err := u.unit()
		if err != nil {
			return 0, err
		}
		if utf16.IsSurrogate(r) {
			if second, err := u.r.Peek(2); err == nil {
				if full := utf16.DecodeRune(r, rune(u.order.Uint16(second))); full != 0xFFFD {
					r = full
					u.r.Discard(2)
				}
			}
		}
		u.out = append(u.out, string(r)...)
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *utf16Reader) unit() (rune, error) {
	var b [2]byte
	if _, err := io.ReadFull(u.r, b[:]); err != nil {
		return 0, err
	}
	return rune(u.order.Uint16(b[:])), nil
}
