package wiki

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"iter"
	"strings"
)

// Page is one page of a dump.
type Page struct {
	Title     string    `xml:"title"`
	Namespace int       `xml:"ns"`
	Redirect  *struct{} `xml:"redirect"`
	Model     string    `xml:"revision>model"`
	Text      string    `xml:"revision>text"`
}

// Prose says whether the page is an article: of namespace 0, no redirection, in wikitext.
func (p *Page) Prose() bool {
	return p.Namespace == 0 && p.Redirect == nil && (p.Model == "" || p.Model == "wikitext") && !hasFold(strings.TrimLeft(p.Text, " \t\n"), "#redirect")
}

// ParsePage reads one <page> element. Of several revisions the last counts.
func ParsePage(b []byte) (*Page, error) {
	var p Page
	if err := xml.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("page %q: %w", p.Title, err)
	}
	return &p, nil
}

// ParseSite reads the head of a dump, what stands before its first page, and adds the wiki's own names for files and categories to the
// English ones.
func ParseSite(head []byte) Site {
	site := DefaultSite()
	var info struct {
		Namespaces []struct {
			Key  int    `xml:"key,attr"`
			Name string `xml:",chardata"`
		} `xml:"namespaces>namespace"`
	}
	start, end := bytes.Index(head, []byte("<siteinfo>")), bytes.Index(head, []byte("</siteinfo>"))
	if start < 0 || end < start || xml.Unmarshal(head[start:end+len("</siteinfo>")], &info) != nil {
		return site
	}
	for _, n := range info.Namespaces {
		if n.Key == 6 || n.Key == 14 || n.Key == -2 {
			site.Hidden[strings.ToLower(n.Name)] = true
		}
	}
	return site
}

const (
	maxHead = 1 << 20
	maxPage = 64 << 20 // of one <page> element; MediaWiki's own limit is 2 MiB of text
)

// Pages cuts a dump into its <page> elements; they are not parsed, so that this may be done elsewhere. In a dump no text can hold the
// closing tag, since its "<" is written as an entity. The first item is the head.
func Pages(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		s := scanner{r: r}
		head, found, err := s.until([]byte("<page>"), maxHead)
		if err != nil || !found {
			yield(nil, orElse(err, "no <page> in the first part of the dump: it is no MediaWiki XML dump, or it is empty"))
			return
		}
		for ok := yield(head, nil); ok; {
			page, found, err := s.until([]byte("</page>"), maxPage)
			if err != nil || !found {
				yield(nil, orElse(err, "the dump ends within a page: it was cut short"))
				return
			}
			if !yield(append(append([]byte("<page>"), page...), "</page>"...), nil) {
				return
			}
			if _, ok, err = s.until([]byte("<page>"), maxPage); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

func orElse(err error, text string) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%s", text)
}

// scanner finds strings in a stream.
type scanner struct {
	r      io.Reader
	buffer []byte // read and not yet used
	ended  bool
}

// until returns a copy of what comes before the next mark, and skips the mark. found is false at the end of the stream.
func (s *scanner) until(mark []byte, limit int) (before []byte, found bool, err error) {
	for from := 0; ; {
		if i := bytes.Index(s.buffer[from:], mark); i >= 0 {
			before = bytes.Clone(s.buffer[:from+i])
			s.buffer = s.buffer[from+i+len(mark):]
			return before, true, nil
		}
		if s.ended {
			return nil, false, nil
		}
		if len(s.buffer) > limit {
			return nil, false, fmt.Errorf("%d bytes without %s: the dump is damaged", len(s.buffer), mark)
		}
		from = max(0, len(s.buffer)-len(mark)+1)
		if err := s.more(); err != nil {
			return nil, false, err
		}
	}
}

// more reads on.
func (s *scanner) more() error {
	grown := make([]byte, len(s.buffer), 2*len(s.buffer)+1<<18)
	copy(grown, s.buffer)
	n, err := s.r.Read(grown[len(grown):cap(grown)])
	s.buffer = grown[:len(grown)+n]
	if err == io.EOF {
		s.ended, err = true, nil
	}
	return err
}
