package text

import (
	"fmt"
	"iter"
	"strings"
)

// Document is one text of a corpus, clean UTF-8 with \n at the ends of lines.
type Document struct {
	Name  string // where it is from: path, and line or title within the file
	Class string // its label, empty for none
	Text  []byte // the consumer may keep it but not change it
	// More says that this is a part of a large file and that the next document is its next part. Parts are cut where no tokenizer joins
	// characters: before white space that follows something else.
	More   bool
	Issues Issues
	Rules  []RuleEffect // what the rules for mark-up did, for pages of a wiki
	Source []byte       // the mark-up that Text was made of, for pages of a wiki
}

// Documents is a sequence of documents in a fixed order. An error ends it.
type Documents = iter.Seq2[Document, error]

// RuleEffect is what one rule for mark-up did to a text.
type RuleEffect struct {
	Rule  string `json:"rule"`
	About string `json:"about"`
	Hits  int64  `json:"hits"`
	Bytes int64  `json:"bytes_removed"`
}

// Issues counts what was odd in the bytes of a text, and was mended as the [Encoding] says.
type Issues struct {
	Invalid   int64 `json:"invalid_bytes"`      // bytes that are no UTF-8
	Controls  int64 `json:"control_characters"` // removed: C0 and C1 but for \t and \n, DEL, byte order marks
	Returns   int64 `json:"carriage_returns"`   // \r\n or \r made \n
	LongLines int64 `json:"long_lines"`         // of more than a mebibyte; kept, but often no prose
	UTF16     int64 `json:"utf16_files"`        // recognised by their byte order mark and converted
}

func (i *Issues) add(j Issues) {
	i.Invalid += j.Invalid
	i.Controls += j.Controls
	i.Returns += j.Returns
	i.LongLines += j.LongLines
	i.UTF16 += j.UTF16
}

// String lists what there was, "none" of nothing.
func (i Issues) String() string {
	var parts []string
	for _, c := range []struct {
		n    int64
		what string
	}{{i.Invalid, "invalid bytes"}, {i.Controls, "control characters removed"}, {i.Returns, "carriage returns made line ends"},
		{i.LongLines, "lines longer than 1 MiB"}, {i.UTF16, "UTF-16 files"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}
