package text

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
)

// ownFile is how Bytes and Chars are stored. A BPE is stored as the tokenizer.json of Hugging Face.
type ownFile struct {
	Kind     string `json:"ebb_tokenizer"` // "bytes", "chars"
	Alphabet string `json:"alphabet,omitempty"`
	Special  bool   `json:"special"` // end of text and pad follow the ordinary ids
}

const maxTokenizerFile = 256 << 20

// writeJSON writes v without the escapes for web pages.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// ReadTokenizer reads what a Tokenizer's Write stored, or a Hugging Face tokenizer.json: BPE, WordPiece, Unigram or WordLevel. What it cannot
// reproduce exactly (rare patterns, dropout) is an error that names it.
func ReadTokenizer(r io.Reader) (Tokenizer, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxTokenizerFile+1))
	if err != nil {
		return nil, fmt.Errorf("text: reading a tokenizer: %w", err)
	}
	if len(data) > maxTokenizerFile {
		return nil, fmt.Errorf("text: the tokenizer file has more than %d bytes", maxTokenizerFile)
	}
	var own ownFile
	if err := json.Unmarshal(data, &own); err != nil {
		return nil, fmt.Errorf("text: the tokenizer file is no JSON: %w", err)
	}
	switch own.Kind {
	case "":
		if t, err := parseBPE(data); err == nil { // the fastest way, where it is one
			return t, nil
		}
		return parseDescribed(data)
	case "bytes":
		return NewBytes(own.Special), nil
	case "chars":
		return NewChars([]rune(own.Alphabet), own.Special)
	}
	return nil, fmt.Errorf("text: unknown kind of tokenizer %q: this version knows bytes, chars and tokenizer.json", own.Kind)
}

// Fingerprint identifies a tokenizer by its content: equal ones give equal ids for all texts. Token files and models keep it, so that
// they are not used with another one.
func Fingerprint(t Tokenizer) (string, error) {
	var b bytes.Buffer
	if err := t.Write(&b); err != nil {
		return "", fmt.Errorf("text: fingerprint of a tokenizer: %w", err)
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:8]), nil
}
