package wiki

import (
	"strings"
)

// lines makes plain lines of headings and lists, ends the page at the first heading of references, and removes headings that nothing
// follows, stray rows of tables, and brackets that did not close.
func lines(site Site, s string) (string, int) {
	var out []string
	hits, pending := 0, ""
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.TrimRight(line, " \t\r")
		title, isHeading := heading(line)
		if isHeading {
			hits++
			if site.Tail[strings.ToLower(title)] {
				break
			}
			pending = title // an earlier heading that nothing followed is forgotten
			continue
		}
		plain, changed := plainLine(line)
		if changed {
			hits++
		}
		if plain != "" && pending != "" {
			out = append(out, "", pending, "")
			pending = ""
		}
		if plain != "" || line == "" {
			out = append(out, plain)
		}
	}
	return strings.Join(out, "\n"), hits
}

// heading recognises "== words ==".
func heading(line string) (string, bool) {
	n := 0
	for n < len(line) && n < 6 && line[n] == '=' {
		n++
	}
	if n == 0 || len(line) < 2*n+1 || !strings.HasSuffix(line, line[:n]) {
		return "", false
	}
	return strings.TrimSpace(strings.Trim(line, "=")), true
}

// unclosed are brackets without a partner.
var unclosed = strings.NewReplacer("[[", "", "]]", "", "{{", "", "}}", "", "{|", "", "|}", "")

// plainLine removes list marks and what tables and rulers leave.
func plainLine(line string) (string, bool) {
	plain := unclosed.Replace(line)
	switch {
	case plain == "":
		return "", line != ""
	case strings.HasPrefix(plain, "----"), strings.HasPrefix(plain, "|-"), strings.HasPrefix(plain, "|"), strings.HasPrefix(plain, "!"):
		return "", true
	}
	if plain = strings.TrimLeft(plain, "*#:;"); len(plain) != len(line) {
		plain = strings.TrimLeft(plain, " ")
	}
	return strings.TrimSpace(plain), len(plain) != len(line)
}

// tidy removes what the removal of templates and references leaves behind.
func tidy(_ Site, s string) (string, int) {
	var b strings.Builder
	b.Grow(len(s))
	hits, blank := 0, true
	for line := range strings.SplitSeq(s, "\n") {
		t := tidyLine(line)
		if len(t) != len(line) {
			hits++
		}
		if t == "" {
			blank = true
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
			if blank {
				b.WriteByte('\n')
			}
		}
		b.WriteString(t)
		blank = false
	}
	return b.String(), hits
}

// tidyLine drops brackets without words, and blanks that are doubled or stand before a comma, stop or closing bracket.
func tidyLine(line string) string {
	out := make([]byte, 0, len(line))
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '(':
			if n := emptyBrackets(line[i:]); n > 0 {
				i += n - 1
				continue
			}
		case c == ' ' || c == '\t':
			if len(out) == 0 || out[len(out)-1] == ' ' || out[len(out)-1] == '(' {
				continue
			}
			c = ' '
		case (c == ',' || c == ';' || c == ':') && len(out) > 0 && out[len(out)-1] == '(':
			continue
		case c == ',' || c == '.' || c == ')' || c == ';':
			ellipsis := c == '.' && i+1 < len(line) && line[i+1] != ' '
			for !ellipsis && len(out) > 0 && out[len(out)-1] == ' ' {
				out = out[:len(out)-1]
			}
			if !ellipsis {
				out = trimComma(out)
			}
		}
		out = append(out, c)
	}
	return strings.TrimSpace(string(out))
}

// trimComma drops a comma that another mark follows.
func trimComma(out []byte) []byte {
	if len(out) > 0 && out[len(out)-1] == ',' {
		return out[:len(out)-1]
	}
	return out
}

// emptyBrackets is the length of "(", only blanks and punctuation, ")"; 0 if there is more in them.
func emptyBrackets(s string) int {
	for i := 1; i < len(s) && i < 40; i++ {
		switch s[i] {
		case ')':
			return i + 1
		case ' ', ',', ';', ':', '/', '-':
		default:
			return 0
		}
	}
	return 0
}
