package text

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ebb-ml/ebb/text/internal/bytepair"
)

// tokenizerJSON is the part of a Hugging Face tokenizer.json that a byte-level BPE needs.
type tokenizerJSON struct {
	Version      string          `json:"version"`
	Truncation   any             `json:"truncation"`
	Padding      any             `json:"padding"`
	Added        []addedJSON     `json:"added_tokens"`
	Normalizer   *normalizerJSON `json:"normalizer"`
	PreTokenizer *stepJSON       `json:"pre_tokenizer"`
	Processor    any             `json:"post_processor"`
	Decoder      any             `json:"decoder"`
	Model        modelJSON       `json:"model"`
}

type normalizerJSON struct {
	Type string `json:"type"`
}

type addedJSON struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

type stepJSON struct {
	Type   string     `json:"type"`
	Steps  []stepJSON `json:"pretokenizers,omitempty"`
	Prefix bool       `json:"add_prefix_space"`
	Trim   bool       `json:"trim_offsets"`
	Regex  *bool      `json:"use_regex,omitempty"`
	Split  *struct {
		Regex string `json:"Regex"`
	} `json:"pattern,omitempty"`
	Behavior string `json:"behavior,omitempty"`
	Invert   *bool  `json:"invert,omitempty"` // demanded of Split, unknown to ByteLevel
}

type modelJSON struct {
	Type         string           `json:"type"`
	Dropout      *float64         `json:"dropout"`
	Unknown      *string          `json:"unk_token"`
	Continuing   *string          `json:"continuing_subword_prefix"`
	EndOfWord    *string          `json:"end_of_word_suffix"`
	FuseUnknown  bool             `json:"fuse_unk"`
	ByteFallback bool             `json:"byte_fallback"`
	IgnoreMerges bool             `json:"ignore_merges"`
	Vocab        map[string]int32 `json:"vocab"`
	Merges       []mergeJSON      `json:"merges"`
}

// mergeJSON is "a b" in older files and ["a", "b"] in newer ones.
type mergeJSON [2]string

// UnmarshalJSON implements json.Unmarshaler.
func (m *mergeJSON) UnmarshalJSON(b []byte) error {
	var line string
	if json.Unmarshal(b, &line) != nil {
		return json.Unmarshal(b, (*[2]string)(m))
	}
	left, right, ok := strings.Cut(line, " ")
	if !ok {
		return fmt.Errorf("merge %q has no space", line)
	}
	*m = mergeJSON{left, right}
	return nil
}

// byteOrder lists the bytes in the order of the characters that stand for them: GPT-2 writes printable bytes as themselves and the
// others as U+0100, U+0101, ….
func byteOrder() []byte {
	var shown, hidden []byte
	for b := range 256 {
		if b >= '!' && b <= '~' || b >= 0xA1 && b != 0xAD {
			shown = append(shown, byte(b))
		} else {
			hidden = append(hidden, byte(b))
		}
	}
	return append(shown, hidden...)
}

// byteRunes maps bytes to the characters that stand for them, and back.
func byteRunes() (runes [256]rune, bytes map[rune]byte) {
	bytes = map[rune]byte{}
	hidden := rune(0x100)
	for _, b := range byteOrder() {
		runes[b] = rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xA1 && b != 0xAD) {
			runes[b] = hidden
			hidden++
		}
		bytes[runes[b]] = b
	}
	return runes, bytes
}

// parseBPE makes a tokenizer of the tokenizer.json of a byte-level BPE, or says why it is none.
func parseBPE(data []byte) (*BPE, error) {
	var f tokenizerJSON
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("text: tokenizer.json: %w", err)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("text: tokenizer.json: %w", err)
	}
	t := &BPE{special: noSpecial(), whole: f.Model.IgnoreMerges, nfc: f.Normalizer != nil}
	if err := f.preTokenizer(t); err != nil {
		return nil, fmt.Errorf("text: tokenizer.json: %w", err)
	}
	if err := f.vocabulary(t); err != nil {
		return nil, fmt.Errorf("text: tokenizer.json: %w", err)
	}
	return t, t.finish()
}

// check refuses what would silently give other ids.
func (f *tokenizerJSON) check() error {
	m := f.Model
	switch {
	case m.Type != "BPE" && m.Type != "":
		return fmt.Errorf("the model is %s", m.Type)
	case f.Normalizer != nil && f.Normalizer.Type != "NFC":
		return fmt.Errorf("it has the normalizer %s", f.Normalizer.Type)
	case m.ByteFallback || m.Continuing != nil && *m.Continuing != "" || m.EndOfWord != nil && *m.EndOfWord != "":
		return fmt.Errorf("the model has byte_fallback, a prefix or a suffix of words")
	case m.Dropout != nil && *m.Dropout != 0:
		return fmt.Errorf("the model drops merges at random (dropout %v)", *m.Dropout)
	}
	return nil
}

// preTokenizer finds the pattern: a ByteLevel step, alone or after a Split by a known regular expression.
func (f *tokenizerJSON) preTokenizer(t *BPE) error {
	if f.PreTokenizer == nil {
		return fmt.Errorf("no pre_tokenizer")
	}
	steps := []stepJSON{*f.PreTokenizer}
	if f.PreTokenizer.Type == "Sequence" {
		steps = f.PreTokenizer.Steps
	}
	t.pattern = patternNone
	for i, s := range steps {
		switch {
		case s.Type == "ByteLevel" && i == len(steps)-1:
			t.prefix = s.Prefix
			if s.Regex == nil || *s.Regex {
				if i > 0 {
					return fmt.Errorf("pre_tokenizer splits twice")
				}
				t.pattern = patternGPT2
			}
			return nil
		case s.Type == "Split" && i == 0 && s.Split != nil && s.Behavior == "Isolated" && (s.Invert == nil || !*s.Invert):
			known := map[string]pattern{gpt2Source: patternGPT2, digits1Source: patternDigits1, digits3Source: patternDigits3}
			p, ok := known[s.Split.Regex]
			if !ok {
				return fmt.Errorf("pre_tokenizer splits by an unknown pattern %s", s.Split.Regex)
			}
			t.pattern = p
		default:
			return fmt.Errorf("pre_tokenizer step %s is not supported here", s.Type)
		}
	}
	return fmt.Errorf("no ByteLevel pre_tokenizer")
}

// vocabulary fills tokens, merges and special tokens.
func (f *tokenizerJSON) vocabulary(t *BPE) error {
	top := int32(-1)
	for _, id := range f.Model.Vocab {
		top = max(top, id)
	}
	for _, a := range f.Added {
		top = max(top, a.ID)
	}
	if int(top) > 4*(len(f.Model.Vocab)+len(f.Added))+1024 {
		return fmt.Errorf("the largest id is %d for %d tokens", top, len(f.Model.Vocab)+len(f.Added))
	}
	t.tokens = make([][]byte, top+1)
	extra := map[string]bool{}
	for _, a := range f.Added {
		if a.ID < 0 || !a.Special && (a.SingleWord || a.LStrip || a.RStrip) {
			return fmt.Errorf("added token %q (%d) has an id below 0, or single_word, lstrip or rstrip, which are not supported", a.Content, a.ID)
		}
		t.added = append(t.added, addedToken{a.ID, a.Content, a.Special})
		extra[a.Content] = true
		if !a.Special {
			t.tokens[a.ID] = []byte(a.Content)
		}
		t.special.note(a)
	}
	_, toByte := byteRunes()
	for word, id := range f.Model.Vocab {
		if extra[word] {
			continue
		}
		b, err := unmapWord(word, toByte)
		if err != nil || id < 0 || t.tokens[id] != nil {
			return fmt.Errorf("token %q has the id %d, which is taken or negative, or is no sequence of bytes (%v)", word, id, err)
		}
		t.tokens[id] = b
	}
	return f.mergeRules(t)
}

func (f *tokenizerJSON) mergeRules(t *BPE) error {
	for i, m := range f.Model.Merges {
		left, ok1 := f.Model.Vocab[m[0]]
		right, ok2 := f.Model.Vocab[m[1]]
		id, ok3 := f.Model.Vocab[m[0]+m[1]]
		if !ok1 || !ok2 || !ok3 {
			return fmt.Errorf("merge %d, %q and %q, is of tokens that are not in the vocabulary", i, m[0], m[1])
		}
		t.merges = append(t.merges, bytepair.Rule{Left: left, Right: right, ID: id})
	}
	return nil
}

// note recognises a special token by the names that are in use.
func (s *Special) note(a addedJSON) bool {
	for _, c := range []struct {
		id    *int32
		names []string
	}{
		{&s.EOS, []string{eosContent, "</s>", "<eos>", "<|end_of_text|>", "[SEP]", "<｜end▁of▁sentence｜>"}},
		{&s.Pad, []string{padContent, "<pad>", "[PAD]", "<|padding|>", "<|finetune_right_pad_id|>"}},
		{&s.BOS, []string{"<s>", "<bos>", "<|begin_of_text|>", "<|startoftext|>", "[CLS]", "<｜begin▁of▁sentence｜>"}},
	} {
		if a.Special && *c.id == None && slices.Contains(c.names, a.Content) {
			*c.id = a.ID
			return true
		}
	}
	return false
}

func unmapWord(word string, toByte map[rune]byte) ([]byte, error) {
	out := make([]byte, 0, len(word))
	for _, r := range word {
		b, ok := toByte[r]
		if !ok {
			return nil, fmt.Errorf("the character %q stands for no byte", r)
		}
		out = append(out, b)
	}
	return out, nil
}

func mapWord(b []byte, runes *[256]rune) string {
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = utf8.AppendRune(out, runes[c])
	}
	return string(out)
}

// Write implements Tokenizer: a tokenizer.json that Hugging Face's tokenizers read.
func (t *BPE) Write(w io.Writer) error {
	runes, _ := byteRunes()
	f := tokenizerJSON{Version: "1.0", Model: modelJSON{Type: "BPE", IgnoreMerges: t.whole, Vocab: map[string]int32{}, Merges: []mergeJSON{}}}
	if t.nfc {
		f.Normalizer = &normalizerJSON{"NFC"}
	}
	no, yes := false, true
	level := stepJSON{Type: "ByteLevel", Prefix: t.prefix, Trim: true, Regex: &yes}
	f.Decoder, f.PreTokenizer = stepJSON{Type: "ByteLevel", Prefix: true, Trim: true, Regex: &yes}, &level
	if source, ok := map[pattern]string{patternDigits1: digits1Source, patternDigits3: digits3Source}[t.pattern]; ok {
		level.Regex = &no
		split := stepJSON{Type: "Split", Behavior: "Isolated", Invert: &no}
		split.Split = &struct {
			Regex string `json:"Regex"`
		}{source}
		f.PreTokenizer = &stepJSON{Type: "Sequence", Steps: []stepJSON{split, level}}
	} else if t.pattern == patternNone {
		level.Regex = &no
	}
	extra := map[int32]bool{}
	for _, a := range t.added {
		extra[a.id] = true
		f.Added = append(f.Added, addedJSON{ID: a.id, Content: a.content, Special: a.special})
	}
	slices.SortFunc(f.Added, func(a, b addedJSON) int { return int(a.ID - b.ID) })
	for id, b := range t.tokens {
		if b != nil && !extra[int32(id)] {
			f.Model.Vocab[mapWord(b, &runes)] = int32(id)
		}
	}
	for _, m := range t.merges {
		f.Model.Merges = append(f.Model.Merges, mergeJSON{mapWord(t.tokens[m.Left], &runes), mapWord(t.tokens[m.Right], &runes)})
	}
	return writeJSON(w, f)
}
