package wiki

import (
	"strings"
)

// maxInside is how much of what stands between brackets is looked at. No words are longer, and deep nesting costs linear time.
const maxInside = 8192

// nested resolves pairs of brackets from the inside out in one pass: expand is given what stands between them, already resolved,
// and the text goes on with what it returns. A bracket without its partner stays.
func nested(s, open, closing string, expand func(inside string) string) (string, int) {
	if !strings.Contains(s, open) {
		return s, 0
	}
	out, starts, hits := make([]byte, 0, len(s)), []int(nil), 0
	for i := 0; i < len(s); {
		switch {
		case s[i] == open[0] && strings.HasPrefix(s[i:], open):
			starts = append(starts, len(out))
			out = append(out, open...)
			i += len(open)
		case s[i] == closing[0] && len(starts) > 0 && strings.HasPrefix(s[i:], closing):
			at := starts[len(starts)-1]
			starts = starts[:len(starts)-1]
			out = append(out[:at], expand(string(out[at+len(open):min(len(out), at+len(open)+maxInside)]))...)
			hits++
			i += len(closing)
		default:
			out = append(out, s[i])
			i++
		}
	}
	return string(out), hits
}

// templates removes the parameters {{{…}}} of a template's own page, then removes or replaces {{…}}.
func templates(_ Site, s string) (string, int) {
	s, parameters := nested(s, "{{{", "}}}", func(string) string { return "" })
	s, hits := nested(s, "{{", "}}", expandTemplate)
	return s, parameters + hits
}

// tables removes {| … |}.
func tables(_ Site, s string) (string, int) {
	return nested(s, "{|", "|}", func(string) string { return "" })
}

// links resolves [[…]].
func links(site Site, s string) (string, int) {
	return nested(s, "[[", "]]", site.link)
}

// link gives the words that a link shows. "[[fr:Titre]]" and "[[Category:X]]" show none unless a colon comes first.
func (site Site) link(inside string) string {
	target, words, piped := strings.Cut(inside, "|")
	target = strings.TrimSpace(target)
	shown := strings.HasPrefix(target, ":")
	target = strings.TrimPrefix(target, ":")
	space, title, spaced := strings.Cut(target, ":")
	if spaced && !shown {
		space = strings.ToLower(strings.TrimSpace(space))
		if site.Hidden[strings.ReplaceAll(space, "_", " ")] || isLanguage(space) && !strings.HasPrefix(title, " ") {
			return ""
		}
	}
	if !piped {
		return target
	}
	if words != "" {
		return words
	}
	// The pipe trick: "[[Mercury (planet)|]]" shows "Mercury".
	if spaced {
		target = title
	}
	before, _, _ := strings.Cut(target, " (")
	return before
}

// isLanguage tells codes of other wikis: two or three small letters, or such with a suffix ("zh-min-nan", "simple").
func isLanguage(s string) bool {
	if s == "simple" || s == "commons" {
		return true
	}
	code, _, _ := strings.Cut(s, "-")
	if len(code) != 2 && len(code) != 3 {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") == ""
}
