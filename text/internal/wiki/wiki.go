// Package wiki turns pages of a MediaWiki XML dump into readable prose.
//
// A page goes through a fixed list of rules ([Rules]); each takes text and returns text, and counts what it did, so that their effect can
// be shown. Templates are not expanded, for that needs the whole wiki: a short list of them stands for words and becomes those, all others
// vanish. Nothing here fails on strange mark-up: what does not close stays as text and loses its brackets.
package wiki

import "strings"

// Site is what the head of a dump says about its wiki, in so far as cleaning needs it.
type Site struct {
	// Hidden are the local names, lower case, of the namespaces whose links show no text: files and categories.
	Hidden map[string]bool
	// Tail are headings, lower case, after which nothing is prose: references, links.
	Tail map[string]bool
}

// DefaultSite knows the English names, which work in every wiki.
func DefaultSite() Site {
	s := Site{Hidden: map[string]bool{}, Tail: map[string]bool{}}
	for _, n := range []string{"file", "image", "media", "category"} {
		s.Hidden[n] = true
	}
	for _, h := range []string{"references", "external links", "see also", "notes", "further reading", "bibliography", "sources", "notes and references",
		"footnotes", "citations", "works cited", "einzelnachweise", "weblinks", "literatur", "siehe auch", "références", "liens externes", "voir aussi",
		"notes et références", "referencias", "enlaces externos", "véase también", "примечания", "ссылки", "литература"} {
		s.Tail[h] = true
	}
	return s
}

// Rule is one step of cleaning.
type Rule struct {
	Name  string
	About string
	apply func(Site, string) (string, int)
}

// Rules lists the steps in their order. The order matters: what is literal is protected first, brackets are resolved before lines are
// looked at, and entities are decoded last so that they cannot become mark-up.
func Rules() []Rule {
	return []Rule{
		{"comments", "<!-- --> are removed, <nowiki> is kept as it stands", protect},
		{"blocks", "references, formulas, listings, galleries and other tags with content are removed", blocks},
		{"templates", "{{…}} are removed, or become their words (lang, convert, nowrap, …)", templates},
		{"tables", "{| … |} are removed", tables},
		{"addresses", "[http://… words] become their words, bare addresses are removed", addresses},
		{"links", "[[target|words]] become their words; files, categories and other languages are removed", links},
		{"tags", "<br> is a new line, other HTML tags are removed", tags},
		{"emphasis", "'' and ''' are removed", emphasis},
		{"switches", "__NOTOC__ and the like are removed", switches},
		{"lines", "headings and list marks become plain lines; empty sections and references at the end are removed", lines},
		{"entities", "&nbsp; &ndash; &#160; … become characters", entities},
		{"tidy", "empty brackets, doubled blanks and blank lines are removed", tidy},
	}
}

// Effect is what one rule did.
type Effect struct {
	Hits  int64 // times
	Bytes int64 // that the text became shorter
}

// Clean applies all rules to a page's source and adds their effects, in the order of Rules, to effects, which may be nil.
func (s Site) Clean(source string, effects []Effect) string {
	for i, r := range Rules() {
		before := len(source)
		var hits int
		source, hits = r.apply(s, source)
		if effects != nil {
			effects[i].Hits += int64(hits)
			effects[i].Bytes += int64(before - len(source))
		}
	}
	return source
}

// between copies s to f's decisions: at each place where open stands, f is given the text from there on and returns what to write and how
// much to skip; skip 0 writes the opening as it is.
func between(s, open string, f func(rest string) (write string, skip int)) (string, int) {
	i := strings.Index(s, open)
	if i < 0 {
		return s, 0
	}
	var b strings.Builder
	b.Grow(len(s))
	hits := 0
	for ; i >= 0; i = strings.Index(s, open) {
		b.WriteString(s[:i])
		write, skip := f(s[i:])
		if skip == 0 {
			write, skip = open, len(open)
		} else {
			hits++
		}
		b.WriteString(write)
		s = s[i+skip:]
	}
	b.WriteString(s)
	return b.String(), hits
}
