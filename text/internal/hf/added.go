package hf

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Added is a token that stands outside the model.
type Added struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// addedTokens are those of a tokenizer. Special ones are never found in text.
type addedTokens struct {
	raw, normal finder // looked for before and after the normaliser
	special     map[int32]bool
}

// finder looks for added tokens, the longest first.
type finder []Added

func newAdded(list []Added, normalize normalizer) (addedTokens, error) {
	a := addedTokens{special: map[int32]bool{}}
	for _, t := range list {
		switch {
		case t.ID < 0 || t.Content == "":
			return a, fmt.Errorf("the added token %q has the id %d: need some content and an id from 0 on", t.Content, t.ID)
		case t.Special:
			a.special[t.ID] = true
		case t.Normalized && normalize != nil:
			if t.Content = normalize(t.Content); t.Content != "" {
				a.normal = append(a.normal, t)
			}
		case t.Normalized:
			a.normal = append(a.normal, t)
		default:
			a.raw = append(a.raw, t)
		}
	}
	longest := func(a, b Added) int { return len(b.Content) - len(a.Content) }
	slices.SortStableFunc(a.raw, longest)
	slices.SortStableFunc(a.normal, longest)
	return a, nil
}

// cut takes the added tokens out of pieces.
func (f finder) cut(pieces []piece) []piece {
	if len(f) == 0 {
		return pieces
	}
	var out []piece
	for _, p := range pieces {
		if p.id >= 0 {
			out = append(out, p)
			continue
		}
		done := 0
		for from := 0; from < len(p.text); {
			at, t := f.next(p.text, from)
			if t == nil {
				break
			}
			end := at + len(t.Content)
			if from = end; t.SingleWord && (wordBefore(p.text[:at]) || wordAfter(p.text[end:])) {
				continue
			}
			if t.LStrip {
				at = done + len(strings.TrimRightFunc(p.text[done:at], unicode.IsSpace))
			}
			if t.RStrip {
				end = len(p.text) - len(strings.TrimLeftFunc(p.text[end:], unicode.IsSpace))
			}
			if at > done {
				out = append(out, piece{p.text[done:at], p.first && done == 0, -1})
			}
			out = append(out, piece{id: t.ID})
			done, from = end, end
		}
		if done < len(p.text) {
			out = append(out, piece{p.text[done:], p.first && done == 0, -1})
		}
	}
	return out
}

// next finds the first of them, of several at one place the longest.
func (f finder) next(s string, from int) (int, *Added) {
	first, found := len(s), (*Added)(nil)
	for i := range f {
		if at := strings.Index(s[from:min(len(s), first+len(f[i].Content)-1)], f[i].Content); at >= 0 && from+at < first {
			first, found = from+at, &f[i]
		}
	}
	return first, found
}

func wordBefore(s string) bool { r, n := utf8.DecodeLastRuneInString(s); return n > 0 && isWord(r) }
func wordAfter(s string) bool  { r, n := utf8.DecodeRuneInString(s); return n > 0 && isWord(r) }

// isWord is \w.
func isWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.Is(unicode.Nd, r) || unicode.Is(unicode.Pc, r) || unicode.Is(unicode.Nl, r) ||
		unicode.Is(unicode.Other_Alphabetic, r) || unicode.Is(unicode.Join_Control, r)
}
