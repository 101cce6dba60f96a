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

// expandTemplate gives the words of a template that stands for words, else nothing. The names are those of the English Wikipedia, which
// other languages share in good part.
func expandTemplate(inside string) string {
	name, rest, _ := strings.Cut(inside, "|")
	args := positional(rest)
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	name = strings.ToLower(strings.TrimSpace(name))
	if number, ok := strings.CutPrefix(name, "formatnum:"); ok {
		return number
	}
	switch name {
	case "lang", "transl", "transliteration", "script":
		return arg(len(args) - 1)
	case "nowrap", "nobr", "abbr", "small", "smaller", "big", "em", "strong", "quote", "blockquote", "cquote", "quotation", "sic", "not a typo", "tooltip", "visible anchor", "vanchor", "noitalic", "math", "mvar", "var", "sup", "sub", "usd", "frac":
		return arg(0)
	case "convert", "cvt":
		return strings.TrimSpace(arg(0) + " " + arg(1))
	case "nbsp", "space", "sp":
		return " "
	case "ndash", "en dash", "–", "spnd", "spaced ndash", "snd":
		return " – "
	case "mdash", "em dash", "—", "spaced mdash":
		return " — "
	case "'", "’":
		return "'"
	case "'s":
		return "'s"
	case "circa", "c.", "ca":
		return strings.TrimSpace("c. " + arg(0))
	case "as of":
		return strings.TrimSpace("As of " + strings.Join(args, " "))
	case "!":
		return "|"
	}
	return ""
}

// positional splits a template's arguments and leaves out named ones and those that would name a parameter.
func positional(s string) []string {
	if s == "" {
		return nil
	}
	var args []string
	for a := range strings.SplitSeq(s, "|") {
		key, value, named := strings.Cut(a, "=")
		switch {
		case !named:
			args = append(args, strings.TrimSpace(a))
		case isNumber(strings.TrimSpace(key)):
			args = append(args, strings.TrimSpace(value))
		}
	}
	return args
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
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
