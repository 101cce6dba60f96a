// Package hf runs the tokenizers that a Hugging Face tokenizer.json describes, with the ids of Hugging Face's own library: normalisers, the cutting
// into words, the models BPE, WordPiece, Unigram and WordLevel, and decoders. What it does not know it refuses by name.
package hf

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// Tokenizer maps text to ids and back. Its methods may be called from several goroutines.
type Tokenizer struct {
	words     []string // content of each id; "" for holes
	ids       map[string]int32
	added     addedTokens
	normalize normalizer // nil: none
	split     []splitter
	model     model
	decode    []decodeStep
	joined    bool // without a decoder words are joined by blanks
	most      int  // ids there may be
	pool      sync.Pool
}

// file is a tokenizer.json.
type file struct {
	Added        []Added         `json:"added_tokens"`
	Normalizer   *component      `json:"normalizer"`
	PreTokenizer *component      `json:"pre_tokenizer"`
	Decoder      *component      `json:"decoder"`
	Model        json.RawMessage `json:"model"`
}

// component is a normaliser, a pre-tokenizer or a decoder, with the settings of all of them.
type component struct {
	Type          string       `json:"type"`
	Normalizers   []*component `json:"normalizers"`
	Pretokenizers []*component `json:"pretokenizers"`
	Decoders      []*component `json:"decoders"`
	Pattern       *pattern     `json:"pattern"`
	Behavior      string       `json:"behavior"`
	Invert        bool         `json:"invert"`
	Content       string       `json:"content"`
	Prepend       string       `json:"prepend"`
	Prefix        string       `json:"prefix"`
	Suffix        string       `json:"suffix"`
	Delimiter     string       `json:"delimiter"`
	Replacement   string       `json:"replacement"`
	PrependScheme string       `json:"prepend_scheme"`
	PrefixSpace   *bool        `json:"add_prefix_space"`
	Regex         *bool        `json:"use_regex"`
	Split         *bool        `json:"split"`
	Individual    bool         `json:"individual_digits"`
	Left          *bool        `json:"strip_left"`
	Right         *bool        `json:"strip_right"`
	CleanText     *bool        `json:"clean_text"`
	Chinese       *bool        `json:"handle_chinese_chars"`
	Accents       *bool        `json:"strip_accents"`
	Lowercase     *bool        `json:"lowercase"`
	Charsmap      string       `json:"precompiled_charsmap"`
	Cleanup       *bool        `json:"cleanup"`
	Start         int          `json:"start"`
	Stop          int          `json:"stop"`
}

// pattern is what Split and Replace look for.
type pattern struct {
	String *string `json:"String"`
	Regex  *string `json:"Regex"`
}

// orTrue is a switch that is on where the file does not say.
func orTrue(b *bool) bool { return b == nil || *b }

// Parse reads a tokenizer.json. reserved tells the contents of special tokens that no text may become.
func Parse(data []byte, reserved func(content string) bool) (*Tokenizer, error) {
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	t := &Tokenizer{joined: f.Decoder == nil}
	var err error
	if t.normalize, err = f.Normalizer.normalizer(); err != nil {
		return nil, err
	}
	if t.split, err = f.PreTokenizer.splitters(); err != nil {
		return nil, err
	}
	if t.decode, err = f.Decoder.decoder(); err != nil {
		return nil, err
	}
	if err := t.vocabulary(&f, reserved); err != nil {
		return nil, err
	}
	t.added, err = newAdded(f.Added, t.normalize)
	return t, err
}

// Vocab is the largest id and one.
func (t *Tokenizer) Vocab() int { return len(t.words) }

// UnknownError says that text cannot be written with the vocabulary, which has no token for what is unknown.
type UnknownError struct{ Word string }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("%q is not in the vocabulary, which has no token for what is unknown", e.Word)
}

// piece is a part of a text on its way to ids.
type piece struct {
	text  string
	first bool  // it begins the text
	id    int32 // of an added token; else -1
}

// worker is the memory of one goroutine: ids of words that were met.
type worker struct {
	known map[string][]int32
	model modelState
}

const (
	cachedWords = 1 << 16
	cachedBytes = 64
)

// Encode appends the ids of a text to dst; special tokens in it are text.
func (t *Tokenizer) Encode(dst []int32, text string) ([]int32, error) {
	w, _ := t.pool.Get().(*worker)
	if w == nil {
		w = &worker{known: map[string][]int32{}}
	}
	defer t.pool.Put(w)
	for _, raw := range t.added.raw.cut([]piece{{text, true, -1}}) {
		pieces := []piece{raw}
		if raw.id < 0 && t.normalize != nil {
			pieces[0].text = t.normalize(raw.text)
		}
		for _, p := range t.added.normal.cut(pieces) {
			if p.id >= 0 {
				dst = append(dst, p.id)
				continue
			}
			var err error
			if dst, err = t.plain(dst, p, w); err != nil {
				return dst, err
			}
		}
	}
	return dst, nil
}

// plain encodes text without added tokens.
func (t *Tokenizer) plain(dst []int32, p piece, w *worker) ([]int32, error) {
	pieces := []piece{p}
	for _, s := range t.split {
		pieces = s(pieces)
	}
	for _, p := range pieces {
		if p.text == "" {
			continue
		}
		if ids, ok := w.known[p.text]; ok {
			dst = append(dst, ids...)
			continue
		}
		start := len(dst)
		var err error
		if dst, err = t.model.encode(dst, p.text, &w.model); err != nil {
			return dst, err
		}
		if len(p.text) <= cachedBytes && len(w.known) < cachedWords {
			w.known[strings.Clone(p.text)] = append([]int32(nil), dst[start:]...)
		}
	}
	return dst, nil
}

// Decode appends the text of ids to dst; special tokens give none, but for that of the unknown, which gives U+FFFD.
func (t *Tokenizer) Decode(dst []byte, ids []int32) ([]byte, error) {
	var words []string
	for _, id := range ids {
		if id < 0 || int(id) >= len(t.words) {
			return dst, fmt.Errorf("token %d is not among the %d of the vocabulary", id, len(t.words))
		}
		switch {
		case id == t.model.unknown() && t.added.special[id]:
			words = append(words, "\uFFFD")
		case !t.added.special[id]:
			words = append(words, t.words[id])
		}
	}
	if t.joined {
		return append(dst, strings.Join(words, " ")...), nil
	}
	for _, step := range t.decode {
		words = step(words)
	}
	for _, w := range words {
		dst = append(dst, w...)
	}
	return dst, nil
}
