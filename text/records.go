package text

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/ebb-ml/ebb/internal/inorder"
	"github.com/ebb-ml/ebb/text/internal/columns"
	"github.com/ebb-ml/ebb/text/internal/wiki"
)

// record is a piece of a file that holds one document at most, as it stands there. Making a document of it is left to the workers.
type record struct {
	file  *file
	where string // line or row, for errors and names
	data  []byte
	text  bool // data is the text itself, not a JSON value or a page
	class string
	more  bool
	utf16 bool
	site  *wiki.Site
}

const (
	partSize = 4 << 20   // of plain files
	maxLine  = 256 << 20 // of JSON lines
)

// read yields the documents of all files: cut into records here, made documents on all cores.
func (c *Corpus) read(ctx context.Context) Documents {
	made := inorder.Map(c.options.Workers, c.records(ctx), c.document)
	return func(yield func(Document, error) bool) {
		for d, err := range made {
			if err == nil && d == nil {
				continue // a page that is no article
			}
			if err != nil {
				yield(Document{}, err)
				return
			}
			if !yield(*d, nil) {
				return
			}
		}
	}
}

// records yields the records of all files in order.
func (c *Corpus) records(ctx context.Context) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		for i := range c.files {
			f := &c.files[i]
			for r, err := range c.fileRecords(f) {
				if err == nil {
					err = ctx.Err()
				}
				if err != nil {
					yield(record{}, fmt.Errorf("text: %s: %w", c.place(f.name, f.name), err))
					return
				}
				r.file = f
				if r.class == "" {
					r.class = f.class
				}
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// fileRecords opens a file and cuts it.
func (c *Corpus) fileRecords(f *file) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		raw, err := c.fsys.Open(f.name)
		if err != nil {
			yield(record{}, err)
			return
		}
		defer raw.Close()
		if on, size := parquetOnDisk(raw); on != nil {
			rowRecords(columns.Parquet(on, size, c.options.Field, c.options.Label))(yield)
			c.done.Add(size)
			return
		}
		r, err := unpack(counting{raw, &c.done}, c.options.Workers)
		if err != nil {
			yield(record{}, err)
			return
		}
		defer r.Close()
		if f.format == mediaWiki {
			wikiRecords(r)(yield)
			return
		}
		if f.format == parquetRows || f.format == arrowRows {
			c.columnar(f.format, r)(yield)
			return
		}
		in, converted := decodeUTF16(r)
		if f.format == plain {
			plainRecords(in, converted)(yield)
			return
		}
		c.structured(f.format, skipMark(in))(yield)
	}
}

// counting adds up what is read.
type counting struct {
	io.Reader
	done *atomic.Int64
}

// Read implements io.Reader.
func (c counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.done.Add(int64(n))
	return n, err
}

// structured cuts a file of JSON values or rows.
func (c *Corpus) structured(f format, in io.Reader) iter.Seq2[record, error] {
	switch f {
	case jsonLines:
		return lineRecords(in)
	case jsonArray:
		return jsonRecords(in)
	case tsvRows:
		return c.csvRecords(in, '\t')
	}
	return c.csvRecords(in, ',')
}

// skipMark drops the byte order mark that some programs put before UTF-8.
func skipMark(r io.Reader) io.Reader {
	b := bufio.NewReaderSize(r, 1<<16)
	if head, _ := b.Peek(3); bytes.Equal(head, []byte{0xEF, 0xBB, 0xBF}) {
		b.Discard(3)
	}
	return b
}

// plainRecords yields a file in parts of about partSize.
func plainRecords(r io.Reader, converted bool) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		var held []byte
		for {
			n := len(held)
			held = append(held, make([]byte, partSize)...)
			got, err := readUpTo(r, held[n:])
			held = held[:n+got]
			if err != nil {
				if err == io.EOF {
					yield(record{data: held, text: true, utf16: converted}, nil)
				} else {
					yield(record{}, err)
				}
				return
			}
			cut := cutPlace(held)
			if !yield(record{data: held[:cut:cut], text: true, more: true, utf16: converted}, nil) {
				return
			}
			held, converted = bytes.Clone(held[cut:]), false
		}
	}
}

// readUpTo fills p. Unlike io.ReadFull it keeps apart the end of the stream (io.EOF) and a stream that broke off (io.ErrUnexpectedEOF,
// which decompressors return).
func readUpTo(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var k int
		k, err = r.Read(p[n:])
		n += k
	}
	return n, err
}

// cutPlace is the last place in b at which white space follows something else; no pre-tokenizer has a token across it. Text without such
// a place is cut between characters.
func cutPlace(b []byte) int {
	for i := len(b) - 1; i > 0; i-- {
		if asciiSpace(b[i]) && !asciiSpace(b[i-1]) && b[i-1] < utf8.RuneSelf {
			return i
		}
	}
	for i := len(b) - 1; i > 0; i-- {
		if utf8.RuneStart(b[i]) {
			return i
		}
	}
	return len(b)
}

func asciiSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// lineRecords yields the lines that are not empty.
func lineRecords(r io.Reader) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		s := bufio.NewScanner(r)
		s.Buffer(nil, maxLine)
		for line := 1; s.Scan(); line++ {
			if len(bytes.TrimSpace(s.Bytes())) == 0 {
				continue
			}
			if !yield(record{where: fmt.Sprintf("line %d", line), data: slices.Clone(s.Bytes())}, nil) {
				return
			}
		}
		if err := s.Err(); err != nil {
			yield(record{}, err)
		}
	}
}

// jsonRecords yields the elements of an array, or values that stand one after another.
func jsonRecords(r io.Reader) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		b := bufio.NewReader(r)
		d := json.NewDecoder(b)
		array := false
		if c, err := peekValue(b); err == nil && c == '[' {
			array = true
			if _, err := d.Token(); err != nil {
				yield(record{}, err)
				return
			}
		}
		for n := 1; !array || d.More(); n++ {
			var v json.RawMessage
			err := d.Decode(&v)
			if err == io.EOF && !array {
				return
			}
			if err != nil {
				err = fmt.Errorf("value %d, near byte %d: %w", n, d.InputOffset(), err)
			}
			if !yield(record{where: fmt.Sprintf("value %d", n), data: v}, err) || err != nil {
				return
			}
		}
		if _, err := d.Token(); err != nil {
			yield(record{}, fmt.Errorf("the array does not end: %w", err))
		}
	}
}

// peekValue is the first byte that is no white space; what comes before is skipped.
func peekValue(b *bufio.Reader) (byte, error) {
	for {
		c, err := b.ReadByte()
		if err != nil || !asciiSpace(c) {
			if err == nil {
				err = b.UnreadByte()
			}
			return c, err
		}
	}
}

// csvRecords yields the rows' texts. The first row names the columns.
func (c *Corpus) csvRecords(r io.Reader, comma rune) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		rows := csv.NewReader(r)
		rows.Comma, rows.ReuseRecord, rows.LazyQuotes = comma, true, comma == '\t'
		head, err := rows.Read()
		if err == io.EOF {
			return
		}
		head = slices.Clone(head)
		text, label := slices.Index(head, c.options.Field), slices.Index(head, c.options.Label)
		if err == nil && (text < 0 || label < 0 && c.options.Label != "") {
			err = fmt.Errorf("no column %q or %q: the first row names %s", c.options.Field, c.options.Label, strings.Join(head, ", "))
		}
		for err == nil {
			var row []string
			if row, err = rows.Read(); err != nil {
				break
			}
			line, _ := rows.FieldPos(0)
			r := record{where: fmt.Sprintf("line %d", line), data: []byte(row[text]), text: true}
			if label >= 0 {
				r.class = strings.TrimSpace(row[label])
			}
			if !yield(r, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(record{}, err)
		}
	}
}

// wikiRecords yields the pages of a dump.
func wikiRecords(r io.Reader) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		var site *wiki.Site
		for page, err := range wiki.Pages(r) {
			if err == nil && site == nil {
				s := wiki.ParseSite(page)
				site = &s
				continue
			}
			if !yield(record{data: page, site: site}, err) || err != nil {
				return
			}
		}
	}
}
