package text

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"github.com/ebb-ml/ebb/text/internal/columns"
)

// columnar yields the rows of a parquet or Arrow file.
func (c *Corpus) columnar(f format, r io.Reader) iter.Seq2[record, error] {
	if f == arrowRows {
		return rowRecords(columns.Arrow(r, c.options.Field, c.options.Label))
	}
	return func(yield func(record, error) bool) {
		at, size, done, err := seekable(r)
		if err != nil {
			yield(record{}, err)
			return
		}
		defer done()
		rowRecords(columns.Parquet(at, size, c.options.Field, c.options.Label))(yield)
	}
}

func rowRecords(rows iter.Seq2[columns.Row, error]) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		n := 0
		for row, err := range rows {
			if n++; err != nil {
				err = fmt.Errorf("row %d: %w", n, err)
			}
			if !yield(record{where: fmt.Sprintf("row %d", n), data: row.Text, text: true, class: row.Label}, err) || err != nil {
				return
			}
		}
	}
}

// parquetOnDisk is a file that can be read where it stands; nil for what is in an archive, compressed or another format.
func parquetOnDisk(f fs.File) (*os.File, int64) {
	on, ok := f.(*os.File)
	if !ok {
		return nil, 0
	}
	var head [4]byte
	info, err := on.Stat()
	if _, e := on.ReadAt(head[:], 0); e != nil || err != nil || string(head[:]) != "PAR1" {
		return nil, 0
	}
	return on, info.Size()
}

// seekable copies a stream to a temporary file, because a parquet file begins at its end and may be larger than memory. done removes it.
func seekable(r io.Reader) (f *os.File, size int64, done func(), err error) {
	if f, err = os.CreateTemp("", "ebb-*.parquet"); err != nil {
		return nil, 0, nil, err
	}
	done = func() {
		f.Close() // only read from here on
		os.Remove(f.Name())
	}
	if size, err = io.Copy(f, r); err != nil {
		done()
		return nil, 0, nil, errors.Join(errors.New("copying the parquet file out of its archive to the folder for temporary files"), err)
	}
	return f, size, done, nil
}
