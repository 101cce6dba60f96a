package hf

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/ebb-ml/ebb/text/internal/bytepair"
)

// model turns a word into ids.
type model interface {
	encode(dst []int32, word string, s *modelState) ([]int32, error)
	unknown() int32 // the id for what is unknown, or -1
}

// modelState is what a model needs of memory.
type modelState struct {
	pairs bytepair.Scratch
	ids   []int32
	path  []step
}

// modelFile is the part "model" of a tokenizer.json.
type modelFile struct {
	Type         string          `json:"type"`
	Vocab        json.RawMessage `json:"vocab"`
	Merges       []mergeFile     `json:"merges"`
	Unknown      *string         `json:"unk_token"`
	UnknownID    *int32          `json:"unk_id"`
	Continuing   *string         `json:"continuing_subword_prefix"`
	EndOfWord    *string         `json:"end_of_word_suffix"`
	MaxChars     int             `json:"max_input_chars_per_word"`
	Fuse         bool            `json:"fuse_unk"`
	Bytes        bool            `json:"byte_fallback"`
	IgnoreMerges bool            `json:"ignore_merges"`
	Dropout      *float64        `json:"dropout"`
}

// scored is a word of Unigram: its text and the logarithm of its probability.
type scored struct {
	word  string
	score float64
}

// UnmarshalJSON reads ["word", -1.5].
func (s *scored) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &[]any{&s.word, &s.score}) }

// mergeFile is "a b" in older files and ["a", "b"] in newer ones.
type mergeFile [2]string

// UnmarshalJSON implements json.Unmarshaler.
func (m *mergeFile) UnmarshalJSON(b []byte) error {
	var line string
	if json.Unmarshal(b, &line) != nil {
		return json.Unmarshal(b, (*[2]string)(m))
	}
	for i := range len(line) {
		if line[i] == ' ' {
			*m = mergeFile{line[:i], line[i+1:]}
			return nil
		}
	}
	return fmt.Errorf("merge %q has no space", line)
}

// vocabulary reads the words and makes the model.
func (t *Tokenizer) vocabulary(f *file, reserved func(string) bool) error {
	var m modelFile
	if err := json.Unmarshal(f.Model, &m); err != nil {
		return fmt.Errorf("the model: %w", err)
	}
	if m.Dropout != nil && *m.Dropout != 0 {
		return fmt.Errorf("the model drops merges at random (dropout %v)", *m.Dropout)
	}
	scores, err := t.readWords(&m, len(f.Added))
	if err != nil {
		return err
	}
	for _, a := range f.Added {
		if err := t.put(a.Content, a.ID); err != nil {
			return err
		}
	}
	known := map[string]int32{} // what text can become
	for w, id := range t.ids {
		if !reserved(w) {
			known[w] = id
		}
	}
	switch m.Type {
	case "BPE", "":
		t.model, err = newBPE(&m, known)
	case "WordPiece":
		t.model, err = newWordPiece(&m, known)
	case "WordLevel":
		t.model = &wordLevel{known, m.unknownOf(known)}
	case "Unigram":
		t.model, err = newUnigram(&m, known, scores)
	default:
		err = fmt.Errorf("the model %s is not known", m.Type)
	}
	return err
}

// readWords fills words and ids, which added ones will follow; scores are those of Unigram.
func (t *Tokenizer) readWords(m *modelFile, added int) (scores []scored, err error) {
	t.ids = map[string]int32{}
	if m.Type == "Unigram" {
		if err := json.Unmarshal(m.Vocab, &scores); err != nil {
			return nil, fmt.Errorf("the vocabulary: %w", err)
		}
		t.most = mostIDs(len(scores) + added)
		for id, s := range scores {
			if err := t.put(s.word, int32(id)); err != nil {
				return nil, err
			}
		}
		return scores, nil
	}
	var words map[string]int32
	if err := json.Unmarshal(m.Vocab, &words); err != nil {
		return nil, fmt.Errorf("the vocabulary: %w", err)
	}
	t.most = mostIDs(len(words) + added)
	for w, id := range words {
		if err := t.put(w, id); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// mostIDs is how many ids some words may have: files of few words may not claim much memory by a large id.
func mostIDs(words int) int { return 4*words + 1024 }

// put gives a word its id.
func (t *Tokenizer) put(word string, id int32) error {
	if id < 0 || int(id) >= t.most {
		return fmt.Errorf("token %q has the id %d: for so few words ids are 0 to %d", word, id, t.most-1)
	}
	for int(id) >= len(t.words) {
		t.words = append(t.words, "")
	}
	if before := t.words[id]; before != "" && before != word {
		return fmt.Errorf("the tokens %q and %q have both the id %d", before, word, id)
	}
	t.words[id], t.ids[word] = word, id
	return nil
}

func (m *modelFile) unknownOf(known map[string]int32) int32 {
	if m.Unknown != nil {
		if id, ok := known[*m.Unknown]; ok {
			return id
		}
	}
	return -1
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// wordLevel knows whole words only.
type wordLevel struct {
	ids map[string]int32
	unk int32
}

func (m *wordLevel) unknown() int32 { return m.unk }

func (m *wordLevel) encode(dst []int32, word string, _ *modelState) ([]int32, error) {
	id, ok := m.ids[word]
	if !ok {
		id = m.unk
	}
	if id < 0 {
		return dst, &UnknownError{word}
	}
	return append(dst, id), nil
}

// wordPiece takes the longest known beginning again and again (Schuster & Nakajima 2012; as in BERT).
type wordPiece struct {
	ids      map[string]int32
	unk      int32
	prefix   string
	maxChars int
}

func newWordPiece(m *modelFile, known map[string]int32) (*wordPiece, error) {
	w := &wordPiece{known, m.unknownOf(known), "##", m.MaxChars}
	if m.Continuing != nil {
		w.prefix = *m.Continuing
	}
	if w.maxChars == 0 {
		w.maxChars = 100
	}
	if w.unk < 0 {
		return nil, fmt.Errorf("the token for what is unknown, %q, is not in the vocabulary", deref(m.Unknown))
	}
	return w, nil
}

func (m *wordPiece) unknown() int32 { return m.unk }

func (m *wordPiece) encode(dst []int32, word string, _ *modelState) ([]int32, error) {
	if utf8.RuneCountInString(word) > m.maxChars {
		return append(dst, m.unk), nil
	}
	start, prefix := len(dst), ""
	for rest := word; rest != ""; prefix = m.prefix {
		n := len(rest)
		id, ok := m.ids[prefix+rest]
		for !ok && n > 0 {
			_, size := utf8.DecodeLastRuneInString(rest[:n])
			n -= size
			id, ok = m.ids[prefix+rest[:n]]
		}
		if n == 0 {
			return append(dst[:start], m.unk), nil
		}
		dst, rest = append(dst, id), rest[n:]
	}
	return dst, nil
}
