package hf

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// span is a part of a text, which a pattern matches or does not.
type span struct {
	from, to int
	match    bool
}

// matcher covers a text with what a pattern matches and what it does not, without empty parts.
type matcher func(s string) []span

func (p *pattern) matcher() (matcher, error) {
	switch {
	case p == nil:
		return nil, errors.New("a pattern is missing")
	case p.String != nil:
		return compile(regexp.QuoteMeta(*p.String))
	case p.Regex != nil:
		return compile(*p.Regex)
	}
	return nil, errors.New("a pattern is neither a String nor a Regex")
}

// lookAhead is the one look-ahead that published patterns have: white space but for the last of it where something else follows.
const lookAhead = `\s+(?!\S)|`

// compile translates a regular expression of Oniguruma. Of look-ahead it knows lookAhead before "\s+" or "\s": Go's expressions have none, so
// the blank that it leaves is given back afterwards.
func compile(source string) (matcher, error) {
	translated, ahead := strings.Replace(source, lookAhead, "", 1), strings.Contains(source, lookAhead)
	if ahead {
		head, found := strings.CutSuffix(translated, `\s+`)
		if !found {
			if head, found = strings.CutSuffix(translated, `\s`); !found {
				return nil, fmt.Errorf("the pattern %s has a look-ahead, which is known only in …|\\s+(?!\\S)|\\s+", source)
			}
		}
		translated = head + `(?P<blanks>\s+)`
	}
	translated, err := unicodeClasses(translated)
	if err != nil {
		return nil, fmt.Errorf("the pattern %s: %w", source, err)
	}
	re, err := regexp.Compile(translated)
	if err != nil {
		return nil, fmt.Errorf("the pattern %s is not known here: %w", source, err)
	}
	return func(s string) []span { return matches(re, s, ahead) }, nil
}

// matches covers s.
func matches(re *regexp.Regexp, s string, ahead bool) (out []span) {
	done := 0
	for at := 0; at < len(s); {
		m := re.FindStringSubmatchIndex(s[at:])
		if m == nil {
			break
		}
		from, to := at+m[0], at+m[1]
		if ahead && len(m) >= 4 && m[len(m)-2] >= 0 && to < len(s) {
			if _, n := utf8.DecodeLastRuneInString(s[from:to]); to-n > from {
				to -= n
			}
		}
		if to == from { // an empty match matches nothing
			_, n := utf8.DecodeRuneInString(s[from:])
			at = from + n
			continue
		}
		if from > done {
			out = append(out, span{done, from, false})
		}
		out = append(out, span{from, to, true})
		done, at = to, to
	}
	if done < len(s) {
		out = append(out, span{done, len(s), false})
	}
	return out
}

// Classes that Oniguruma takes for all of Unicode and Go for ASCII.
var classes = map[byte]string{'s': `\t-\r\x{85}\p{Z}`, 'd': `\p{Nd}`, 'w': `\p{L}\p{M}\p{N}\p{Pc}`}

// unicodeClasses writes \s, \d and \w out.
func unicodeClasses(source string) (string, error) {
	var b strings.Builder
	inside := false
	for i := 0; i < len(source); i++ {
		c := source[i]
		switch {
		case c == '\\' && i+1 < len(source):
			i++
			set, ok := classes[source[i]|0x20]
			switch {
			case !ok || source[i] == 'p' || source[i] == 'P':
				b.WriteString(source[i-1 : i+1])
			case source[i] < 'a' && inside:
				return "", fmt.Errorf("\\%c in brackets is not known", source[i])
			case source[i] < 'a':
				b.WriteString("[^" + set + "]")
			case inside:
				b.WriteString(set)
			default:
				b.WriteString("[" + set + "]")
			}
		case c == '[' && !inside:
			inside = true
			b.WriteByte(c)
			if i+1 < len(source) && source[i+1] == '^' {
				i++
				b.WriteByte('^')
			}
		case c == '[': // a bracket itself; sets of sets, which Go does not know, do not occur in published patterns
			if strings.HasPrefix(source[i:], "[:") {
				return "", errors.New("[: is not known")
			}
			b.WriteString(`\[`)
		case c == ']':
			inside = false
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// where covers a text by a property of characters; each character that has it is a match of its own.
func where(is func(rune) bool) matcher {
	return func(s string) (out []span) {
		done := 0
		for i, r := range s {
			if !is(r) {
				continue
			}
			if i > done {
				out = append(out, span{done, i, false})
			}
			done = i + utf8.RuneLen(r)
			out = append(out, span{i, done, true})
		}
		if done < len(s) {
			out = append(out, span{done, len(s), false})
		}
		return out
	}
}

// isPunctuation is that of Unicode and all of ASCII's marks.
func isPunctuation(r rune) bool {
	return r > ' ' && r < unicode.MaxASCII && !unicode.IsLetter(r) && !unicode.IsDigit(r) || unicode.IsPunct(r)
}
