package hf

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// normalizer changes a text before it is cut.
type normalizer func(string) string

func (c *component) normalizer() (normalizer, error) {
	if c == nil {
		return nil, nil
	}
	switch c.Type {
	case "NFC":
		return norm.NFC.String, nil
	case "NFD":
		return norm.NFD.String, nil
	case "NFKC":
		return norm.NFKC.String, nil
	case "NFKD":
		return norm.NFKD.String, nil
	case "Lowercase":
		return lower, nil
	case "StripAccents":
		return func(s string) string { return without(s, unicode.M) }, nil
	case "Strip":
		return c.strip, nil
	case "Nmt":
		return nmt, nil
	case "Replace":
		return c.replace()
	case "Prepend":
		return func(s string) string {
			if s == "" {
				return s
			}
			return c.Prepend + s
		}, nil
	case "BertNormalizer":
		return c.bert, nil
	case "Precompiled":
		return precompiled(c.Charsmap)
	case "Sequence":
		return sequence(c.Normalizers)
	}
	return nil, fmt.Errorf("the normalizer %s is not known", c.Type)
}

func sequence(parts []*component) (normalizer, error) {
	var steps []normalizer
	for _, p := range parts {
		n, err := p.normalizer()
		if err != nil {
			return nil, err
		}
		steps = append(steps, n)
	}
	return func(s string) string {
		for _, n := range steps {
			s = n(s)
		}
		return s
	}, nil
}

// lower is without regard to what stands around a letter, as there: no final sigma. U+0130 becomes two characters.
func lower(s string) string {
	return strings.Map(unicode.ToLower, strings.ReplaceAll(s, "\u0130", "i\u0307"))
}

func without(s string, table *unicode.RangeTable) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(table, r) {
			return -1
		}
		return r
	}, s)
}

func (c *component) strip(s string) string {
	if orTrue(c.Left) {
		s = strings.TrimLeftFunc(s, unicode.IsSpace)
	}
	if orTrue(c.Right) {
		s = strings.TrimRightFunc(s, unicode.IsSpace)
	}
	return s
}

func (c *component) replace() (normalizer, error) {
	if c.Pattern == nil {
		return nil, fmt.Errorf("%s without a pattern", c.Type)
	}
	if c.Pattern.String != nil {
		return func(s string) string { return strings.ReplaceAll(s, *c.Pattern.String, c.Content) }, nil
	}
	m, err := c.Pattern.matcher()
	if err != nil {
		return nil, err
	}
	return func(s string) string {
		var b strings.Builder
		for _, p := range m(s) {
			if p.match {
				b.WriteString(c.Content)
			} else {
				b.WriteString(s[p.from:p.to])
			}
		}
		return b.String()
	}, nil
}

// nmt is sentencepiece's: control characters vanish or become blanks.
func nmt(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 1 && r <= 8, r == 0xB, r >= 0xE && r <= 0x1F, r == 0x7F, r == 0x8F, r == 0x9F:
			return -1
		case r == '\t', r == '\n', r == '\f', r == '\r', r == 0x1680, r >= 0x200B && r <= 0x200F, r == 0x2028, r == 0x2029, r == 0x2581, r == 0xFEFF, r == 0xFFFD:
			return ' '
		}
		return r
	}, s)
}

// bert is BERT's: control characters are removed, white space becomes blanks, Chinese characters stand apart, accents and capitals are
// dropped.
func (c *component) bert(s string) string {
	if orTrue(c.CleanText) {
		s = strings.Map(cleanBert, s)
	}
	if orTrue(c.Chinese) {
		s = chinese.ReplaceAllString(s, " $0 ")
	}
	small := orTrue(c.Lowercase)
	if c.Accents != nil && *c.Accents || c.Accents == nil && small {
		s = without(norm.NFD.String(s), unicode.Mn)
	}
	if small {
		s = lower(s)
	}
	return s
}

func cleanBert(r rune) rune {
	switch {
	case r == '\t', r == '\n', r == '\r':
		return ' '
	case r == 0, r == 0xFFFD, unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co):
		return -1
	case unicode.IsSpace(r):
		return ' '
	}
	return r
}

// chinese are the blocks that BERT takes apart.
var chinese = regexp.MustCompile("[\u4E00-\u9FFF\u3400-\u4DBF\U00020000-\U0002A6DF\U0002A700-\U0002B73F\U0002B740-\U0002B81F\U0002B920-\U0002CEAF\uF900-\uFAFF\U0002F800-\U0002FA1F]")
