package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/ebb-ml/ebb/text/internal/hf"
)

// described is a tokenizer as a Hugging Face tokenizer.json describes it, of any of its models: BPE that is not byte-level or has a
// normaliser, WordPiece, Unigram, WordLevel. What it decodes may differ from what was encoded, as its normaliser has it: BERT's small
// letters stay small.
type described struct {
	own     *hf.Tokenizer
	file    []byte
	special Special
}

// parseDescribed reads a tokenizer.json.
func parseDescribed(data []byte) (*described, error) {
	var f struct {
		Added []addedJSON `json:"added_tokens"`
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("text: tokenizer.json: %w", err)
	}
	d := &described{file: data, special: noSpecial()}
	contents := map[string]bool{}
	for _, a := range f.Added {
		if d.special.note(a) {
			contents[a.Content] = true
		}
	}
	var err error
	if d.own, err = hf.Parse(data, func(content string) bool { return contents[content] }); err != nil {
		return nil, fmt.Errorf("text: tokenizer.json: %w", err)
	}
	return d, CheckSpecial(d)
}

// Vocab implements Tokenizer.
func (d *described) Vocab() int { return d.own.Vocab() }

// Special implements Tokenizer.
func (d *described) Special() Special { return d.special }

// Encode implements Tokenizer. It fails on what the vocabulary cannot write, if that has no token for the unknown.
func (d *described) Encode(dst []int32, text []byte) ([]int32, error) {
	dst, err := d.own.Encode(dst, string(text))
	var unknown *hf.UnknownError
	if errors.As(err, &unknown) {
		r, _ := utf8.DecodeRuneInString(unknown.Word)
		return dst, &UnknownError{r, max(0, strings.IndexRune(string(text), r))}
	}
	return dst, err
}

// Decode implements Tokenizer.
func (d *described) Decode(dst []byte, ids []int32) ([]byte, error) {
	for _, id := range ids {
		if id < 0 || int(id) >= d.Vocab() {
			return dst, badID(id, d.Vocab())
		}
	}
	return d.own.Decode(dst, ids)
}

// Write implements Tokenizer: the file as it was.
func (d *described) Write(w io.Writer) error {
	_, err := w.Write(d.file)
	return err
}
