package text

import (
	"unicode"
	"unicode/utf8"
)

// pattern is a way of cutting text into words before byte pairs are merged; none is merged across two. The published patterns are regular
// expressions with look-ahead, which Go's do not have, so each is written out here.
type pattern int

const (
	// patternGPT2: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
	patternGPT2 pattern = iota
	// patternDigits1 (Qwen) and patternDigits3 (GPT-4, Llama 3), with \p{N} or \p{N}{1,3} in the middle:
	// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
	patternDigits1
	patternDigits3
	// patternNone does not cut.
	patternNone
)

const (
	otherSource   = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}`
	otherSource2  = `| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	digits1Source = otherSource + otherSource2
	digits3Source = otherSource + `{1,3}` + otherSource2
	gpt2Source    = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
)

// kind is what the patterns tell characters apart by.
type kind uint8

const (
	other kind = iota
	letter
	number
	space // \s but for the line ends
	lineEnd
)

var asciiKinds = func() (k [utf8.RuneSelf]kind) {
	for i := range k {
		k[i] = kindOf(rune(i))
	}
	return k
}()

func kindOf(r rune) kind {
	switch {
	case r == '\n' || r == '\r':
		return lineEnd
	case unicode.IsSpace(r):
		return space
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	}
	return other
}

// at is the kind and size of the character at place i; past the end it is a space of size 0, so that runs end.
func at(b []byte, i int) (kind, int) {
	if i >= len(b) {
		return space, 0
	}
	if b[i] < utf8.RuneSelf {
		return asciiKinds[b[i]], 1
	}
	r, n := utf8.DecodeRune(b[i:])
	return kindOf(r), n
}

// next is the length of the first word of b, which is not empty.
func (p pattern) next(b []byte) int {
	switch p {
	case patternGPT2:
		return nextGPT2(b)
	case patternNone:
		return len(b)
	}
	return nextGPT4(b, p)
}

// run is the end of the run of k that begins at i.
func run(b []byte, i int, k kind) int {
	for {
		have, n := at(b, i)
		if have != k || n == 0 {
			return i
		}
		i += n
	}
}

func nextGPT2(b []byte) int {
	if n := contraction(b, false); n > 0 {
		return n
	}
	i := 0
	if b[0] == ' ' {
		i = 1
	}
	if k, n := at(b, i); n > 0 && k < space {
		return run(b, i, k)
	}
	return spaces(b)
}

// spaces is \s+(?!\S)|\s+: a run of white space, without its last character where something else follows.
func spaces(b []byte) int {
	i, last := 0, 0
	for {
		k, n := at(b, i)
		if n == 0 {
			return i
		}
		if k < space {
			break
		}
		last = i
		i += n
	}
	if last > 0 {
		return last
	}
	return i
}

func nextGPT4(b []byte, p pattern) int {
	if n := contraction(b, true); n > 0 {
		return n
	}
	k, n := at(b, 0)
	if k == letter {
		return run(b, 0, letter)
	}
	if second, _ := at(b, n); second == letter && (k == other || k == space) {
		return run(b, n, letter)
	}
	if k == number {
		return digits(b, p)
	}
	i := 0
	if b[0] == ' ' {
		i = 1
	}
	if k, n := at(b, i); k == other && n > 0 {
		return run(b, run(b, i, other), lineEnd)
	}
	if n := throughLineEnds(b); n > 0 {
		return n
	}
	return spaces(b)
}

func digits(b []byte, p pattern) int {
	i, most := 0, 1
	if p == patternDigits3 {
		most = 3
	}
	for range most {
		k, n := at(b, i)
		if k != number {
			break
		}
		i += n
	}
	return i
}

// throughLineEnds is \s*[\r\n]+: white space up to its last line end; 0 if there is none.
func throughLineEnds(b []byte) int {
	last := 0
	for i := 0; ; {
		k, n := at(b, i)
		if n == 0 || k < space {
			return last
		}
		i += n
		if k == lineEnd {
			last = i
		}
	}
}

// contraction is 's|'t|'re|'ve|'m|'ll|'d. With fold the letters may be capitals; U+017F, the long s, counts as one, as in the originals.
func contraction(b []byte, fold bool) int {
	if len(b) < 2 || b[0] != '\'' {
		return 0
	}
	if fold && len(b) >= 3 && b[1] == 0xC5 && b[2] == 0xBF {
		return 3
	}
	one, two := b[1], byte(0)
	if len(b) > 2 {
		two = b[2]
	}
	if fold {
		one, two = one|0x20, two|0x20
	}
	switch {
	case one == 's' || one == 't' || one == 'm' || one == 'd':
		return 2
	case (one == 'r' || one == 'v') && two == 'e', one == 'l' && two == 'l':
		return 3
	}
	return 0
}
