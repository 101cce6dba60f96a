// Package columns reads one column of text, and perhaps one of labels, out of the columnar files in which the Hugging Face hub keeps data
// sets: Apache Parquet ([Parquet]) and the Arrow IPC format, streamed or as a file ([Arrow]). Nothing else of these formats is looked at.
//
// Rows come one after another; at most one page or record batch of the wanted columns is in memory. Whatever the bytes, a damaged file is
// an error.
package columns

import (
	"fmt"
	"strings"
)

// Row is what one row holds in the wanted columns.
type Row struct {
	Text  []byte // the caller's to keep; nil where there is none
	Label string // numbers are written in decimal; empty without a label
}

// noColumn is the error of a name that is not in the file.
func noColumn(name string, names []string) error {
	return fmt.Errorf("no column %q: there are %s", name, strings.Join(names, ", "))
}

// noText is the error of a column that holds something else.
func noText(name, what string) error {
	return fmt.Errorf("column %q holds %s and no text", name, what)
}
