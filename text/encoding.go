package text

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/ebb-ml/ebb/internal/enum"
)

// Encoding says what happens to bytes that are not valid UTF-8. Files that begin with a UTF-16 byte order mark are converted whatever it is.
type Encoding int

const (
	Replace     Encoding = iota // each invalid byte becomes U+FFFD
	Windows1252                 // each invalid byte is a character of Windows' western code page, a superset of Latin-1
	Strict                      // an error that names the place
)

var encodingNames = enum.New[Encoding]("text", "encoding", "replace", "windows-1252", "strict")

// String returns the name of the policy.
func (e Encoding) String() string { return encodingNames.Name(e) }

// MarshalText writes the name.
func (e Encoding) MarshalText() ([]byte, error) { return encodingNames.Marshal(e) }

// UnmarshalText reads the name.
func (e *Encoding) UnmarshalText(text []byte) error { return encodingNames.Unmarshal(e, text) }

const longLine = 1 << 20

// windows1252 are the characters of the bytes 0x80 to 0x9F; the five undefined ones are U+FFFD.
var windows1252 = [32]rune{'€', 0xFFFD, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0xFFFD, 'Ž', 0xFFFD,
	0xFFFD, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0xFFFD, 'ž', 'Ÿ'}

// clean returns src as valid UTF-8 without control characters, and counts what it changed. It returns src itself if nothing is.
func (e Encoding) clean(src []byte) ([]byte, Issues, error) {
	issues := Issues{LongLines: countLongLines(src)}
	first := firstOdd(src)
	if first == len(src) {
		return src, issues, nil
	}
	dst := append(make([]byte, 0, len(src)+16), src[:first]...)
	for i := first; i < len(src); {
		if c := src[i]; c >= ' ' && c < 0x7F || c == '\n' || c == '\t' {
			dst = append(dst, c)
			i++
			continue
		}
		r, size := utf8.DecodeRune(src[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			if e == Strict {
				return nil, issues, fmt.Errorf("byte %d (%#02x) is no UTF-8: convert the file, or allow the encoding replace or windows-1252", i, src[i])
			}
			issues.Invalid++
			dst = e.appendInvalid(dst, src[i])
		case r == '\r':
			issues.Returns++
			if i+1 == len(src) || src[i+1] != '\n' {
				dst = append(dst, '\n')
			}
		case r < ' ' || r >= 0x7F && r < 0xA0 || r == 0xFEFF:
			issues.Controls++
		default:
			dst = append(dst, src[i:i+size]...)
		}
		i += size
	}
	return dst, issues, nil
}

func (e Encoding) appendInvalid(dst []byte, c byte) []byte {
	r := rune(utf8.RuneError)
	if e == Windows1252 {
		if r = rune(c); c < 0xA0 {
			r = windows1252[c-0x80]
		}
	}
	return utf8.AppendRune(dst, r)
}

// firstOdd is the place of the first byte that clean must look at: a control character, or one that is not ASCII.
func firstOdd(src []byte) int {
	for i, c := range src {
		if (c < ' ' || c >= 0x7F) && c != '\n' && c != '\t' {
			return i
		}
	}
	return len(src)
}

func countLongLines(src []byte) (n int64) {
	for len(src) > longLine {
		i := bytes.IndexByte(src, '\n')
		if i < 0 {
			i = len(src)
		}
		if i > longLine {
			n++
		}
		src = src[min(i+1, len(src)):]
	}
	return n
}
