package columns

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// maxChunk is the largest column chunk that is read, uncompressed. The library holds a page of it at a time and believes the sizes in a file.
const maxChunk = 16 << 30

// Parquet yields the rows of a file of the given size. Dots in names go into groups. The library panics on some damaged files; that is an
// error here.
func Parquet(r io.ReaderAt, size int64, text, label string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		f, err := openParquet(r, size)
		if err != nil {
			yield(Row{}, err)
			return
		}
		texts, err := f.leaf(text, true)
		if err != nil {
			yield(Row{}, err)
			return
		}
		labels := -1
		if label != "" {
			if labels, err = f.leaf(label, false); err != nil {
				yield(Row{}, err)
				return
			}
		}
		for _, group := range f.RowGroups() {
			if !groupRows(group, texts, labels, yield) {
				return
			}
		}
	}
}

// parquetFile is an opened file.
type parquetFile struct{ *parquet.File }

func openParquet(r io.ReaderAt, size int64) (f parquetFile, err error) {
	defer rescue(&err)
	f.File, err = parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return f, err
	}
	for _, g := range f.Metadata().RowGroups {
		for _, c := range g.Columns {
			if n := c.MetaData.TotalUncompressedSize; n < 0 || n > maxChunk {
				return f, fmt.Errorf("a column chunk of %d bytes: the file is damaged", n)
			}
		}
	}
	return f, nil
}

// rescue makes an error of a panic.
func rescue(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the file is damaged: %v", p)
	}
}

// leaf finds a column.
func (f parquetFile) leaf(name string, text bool) (index int, err error) {
	defer rescue(&err)
	leaf, ok := f.Schema().Lookup(strings.Split(name, ".")...)
	if !ok {
		var names []string
		for _, path := range f.Schema().Columns() {
			names = append(names, strings.Join(path, "."))
		}
		return 0, noColumn(name, names)
	}
	if leaf.MaxRepetitionLevel > 0 {
		return 0, noText(name, "lists")
	}
	if k := leaf.Node.Type().Kind(); text && k != parquet.ByteArray && k != parquet.FixedLenByteArray {
		return 0, noText(name, strings.ToLower(k.String())+" values")
	}
	return leaf.ColumnIndex, nil
}

// groupRows yields the rows of one group. It returns false when the loop was left or ended by an error.
func groupRows(group parquet.RowGroup, texts, labels int, yield func(Row, error) bool) bool {
	t := &chunkReader{chunk: group.ColumnChunks()[texts]}
	defer t.close()
	var l *chunkReader
	if labels >= 0 {
		l = &chunkReader{chunk: group.ColumnChunks()[labels]}
		defer l.close()
	}
	for {
		v, err := t.next()
		if err == io.EOF {
			return true
		}
		var row Row
		if err == nil && !v.IsNull() {
			row.Text = append([]byte{}, v.ByteArray()...)
		}
		if err == nil && l != nil {
			var name parquet.Value
			if name, err = l.next(); err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			if err == nil && !name.IsNull() {
				row.Label = name.String()
			}
		}
		if !yield(row, err) || err != nil {
			return false
		}
	}
}

// chunkReader goes through the values of a column chunk.
type chunkReader struct {
	chunk  parquet.ColumnChunk
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buffer [128]parquet.Value
	held   []parquet.Value // of buffer, not yet returned
}

// next returns a value, which is good until the call after next; io.EOF at the end.
func (c *chunkReader) next() (parquet.Value, error) {
	for len(c.held) == 0 {
		if err := c.fill(); err != nil {
			return parquet.Value{}, err
		}
	}
	v := c.held[0]
	c.held = c.held[1:]
	return v, nil
}

// fill reads some values of the present page, or goes to the next page.
func (c *chunkReader) fill() (err error) {
	defer rescue(&err)
	if c.pages == nil {
		c.pages = c.chunk.Pages()
	}
	if c.page == nil {
		if c.page, err = c.pages.ReadPage(); err != nil {
			return err
		}
		c.values = c.page.Values()
	}
	n, err := c.values.ReadValues(c.buffer[:])
	c.held = c.buffer[:n]
	if err == io.EOF || err == nil && n == 0 {
		err = nil
		if n == 0 {
			parquet.Release(c.page)
			c.page = nil
		}
	}
	return err
}

func (c *chunkReader) close() {
	if c.pages != nil {
		var err error
		defer rescue(&err) // what was wrong was said before
		err = errors.Join(err, c.pages.Close())
	}
}
