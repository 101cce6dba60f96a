package wiki

import (
	"html"
	"slices"
	"strings"
	"unicode"
)

// escapeMarkup writes mark-up characters as entities, which the last rule decodes.
var escapeMarkup = strings.NewReplacer("[", "&#91;", "]", "&#93;", "{", "&#123;", "}", "&#125;", "'", "&#39;", "<", "&lt;", "=", "&#61;",
	"*", "&#42;", "#", "&#35;", ":", "&#58;", ";", "&#59;", "|", "&#124;", "_", "&#95;")

// protect removes comments and hides what <nowiki> encloses from all later rules.
func protect(_ Site, s string) (string, int) {
	open := false // a <nowiki> without its end was met: no later one has an end either
	return between(s, "<", func(rest string) (string, int) {
		switch {
		case strings.HasPrefix(rest, "<!--"):
			if end := strings.Index(rest, "-->"); end >= 0 {
				return "", end + 3
			}
			return "", len(rest) // as browsers do
		case !open && hasFold(rest, "<nowiki>"):
			if end := indexFold(rest, "</nowiki>"); end >= 0 {
				return escapeMarkup.Replace(rest[8:end]), end + 9
			}
			open = true
		case hasFold(rest, "<nowiki/>"):
			return "", 9
		}
		return "", 0
	})
}

// longest is how far a tag or an address may reach, which keeps hostile pages from costing quadratic time.
const longest = 4096

// blockTags have content that is no prose.
var blockTags = []string{"ref", "references", "math", "chem", "gallery", "timeline", "syntaxhighlight", "source", "score", "imagemap",
	"hiero", "graph", "mapframe", "maplink", "templatestyles", "pre", "section", "inputbox", "categorytree", "templatedata", "includeonly"}

// blocks removes <tag …>…</tag> and <tag …/> for blockTags. One that is never closed loses its tag only, by the rule on tags.
func blocks(_ Site, s string) (string, int) {
	open := map[string]bool{} // tags of which one without its end was met: no later one has an end either
	return between(s, "<", func(rest string) (string, int) {
		name := strings.ToLower(tagName(rest[1:]))
		if !slices.Contains(blockTags, name) || open[name] {
			return "", 0
		}
		end := strings.IndexByte(rest[:min(len(rest), longest)], '>')
		if end < 0 {
			return "", 0
		}
		if rest[end-1] == '/' {
			return "", end + 1
		}
		closing := "</" + name
		at := indexFold(rest[end:], closing)
		if at < 0 {
			open[name] = true
			return "", 0
		}
		stop := strings.IndexByte(rest[end+at:], '>')
		if stop < 0 {
			return "", 0
		}
		return "", end + at + stop + 1
	})
}

// tagName is the run of letters and digits at the start of s.
func tagName(s string) string {
	i := 0
	for i < len(s) && i < 20 && ('a' <= s[i]|0x20 && s[i]|0x20 <= 'z' || i > 0 && '0' <= s[i] && s[i] <= '9') {
		i++
	}
	return s[:i]
}

func hasFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// indexFold finds an ASCII string that begins with '<', whatever its case.
func indexFold(s, sub string) int {
	for at := 0; ; at++ {
		i := strings.IndexByte(s[at:], sub[0])
		if i < 0 {
			return -1
		}
		if at += i; hasFold(s[at:], sub) {
			return at
		}
	}
}

// tags removes HTML tags. A "<" that no letter follows is left: it is a comparison.
func tags(_ Site, s string) (string, int) {
	return between(s, "<", func(rest string) (string, int) {
		name := tagName(strings.TrimPrefix(rest[1:], "/"))
		end := strings.IndexAny(rest[1:min(len(rest), longest)], "<>")
		if name == "" || end < 0 || rest[1+end] != '>' {
			return "", 0
		}
		if strings.EqualFold(name, "br") || strings.EqualFold(name, "p") || strings.EqualFold(name, "div") || strings.EqualFold(name, "li") {
			return "\n", end + 2
		}
		return "", end + 2
	})
}

// addresses resolves [http://… words], then removes bare addresses.
func addresses(_ Site, s string) (string, int) {
	s, labelled := between(s, "[", func(rest string) (string, int) {
		if !isAddress(rest[1:]) {
			return "", 0
		}
		end := closingBracket(rest[:min(len(rest), longest)])
		if end < 0 {
			return "", 0
		}
		_, words, _ := strings.Cut(rest[1:end], " ")
		return strings.TrimSpace(words), end + 1
	})
	s, bare := between(s, "http", func(rest string) (string, int) {
		if !isAddress(rest) {
			return "", 0
		}
		end := strings.IndexAny(rest, " \t\n<>[]{}|\"")
		if end < 0 {
			end = len(rest)
		}
		trailing := ".,;:!?'"
		if !strings.Contains(rest[:end], "(") {
			trailing += ")"
		}
		return "", len(strings.TrimRight(rest[:end], trailing))
	})
	return s, labelled + bare
}

// closingBracket is the place of the "]" that ends a "[" at the start of s, on the same line; links [[…]] between are passed over.
func closingBracket(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\n':
			return -1
		case s[i] == ']':
			return i
		case strings.HasPrefix(s[i:], "[["):
			n := strings.Index(s[i:], "]]")
			if n < 0 {
				return -1
			}
			i += n + 1
		}
	}
	return -1
}

func isAddress(s string) bool {
	for _, p := range []string{"http://", "https://", "ftp://", "//", "mailto:"} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// switches removes __UPPERCASE__ words.
func switches(_ Site, s string) (string, int) {
	return between(s, "__", func(rest string) (string, int) {
		end := strings.Index(rest[2:], "__")
		if end < 3 || end > 40 {
			return "", 0
		}
		for _, r := range rest[2 : 2+end] {
			if !unicode.IsUpper(r) {
				return "", 0
			}
		}
		return "", end + 4
	})
}

// blanks makes hard spaces plain ones. Dumps hold many that were escaped twice.
var blanks = strings.NewReplacer("\u00a0", " ", "&nbsp;", " ", "&ndash;", "–")

// entities decodes HTML entities; the hard space becomes a space.
func entities(_ Site, s string) (string, int) {
	hits := strings.Count(s, "&")
	if hits == 0 {
		return s, 0
	}
	return blanks.Replace(html.UnescapeString(s)), hits
}
