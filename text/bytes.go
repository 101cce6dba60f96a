package text

import "io"

// Bytes is the tokenizer whose tokens are bytes: ids 0 to 255, then its special ones. It knows every text.
type Bytes struct {
	special Special
	vocab   int
}

// NewBytes returns a tokenizer of bytes: 256 ids and, if wanted, end of text (256) and pad (257).
func NewBytes(withSpecial bool) *Bytes {
	if !withSpecial {
		return &Bytes{special: noSpecial(), vocab: 256}
	}
	return &Bytes{special: Special{BOS: None, EOS: 256, Pad: 257}, vocab: 258}
}

// Vocab implements Tokenizer.
func (b *Bytes) Vocab() int { return b.vocab }

// Special implements Tokenizer.
func (b *Bytes) Special() Special { return b.special }

// Encode implements Tokenizer; it never fails.
func (b *Bytes) Encode(dst []int32, text []byte) ([]int32, error) {
	n := len(dst)
	dst = append(dst, make([]int32, len(text))...)
	for i, c := range text {
		dst[n+i] = int32(c)
	}
	return dst, nil
}

// Decode implements Tokenizer.
func (b *Bytes) Decode(dst []byte, ids []int32) ([]byte, error) {
	for _, id := range ids {
		switch {
		case id < 0 || int(id) >= b.vocab:
			return dst, badID(id, b.vocab)
		case id < 256:
			dst = append(dst, byte(id))
		}
	}
	return dst, nil
}

// Write implements Tokenizer.
func (b *Bytes) Write(w io.Writer) error {
	return writeJSON(w, ownFile{Kind: "bytes", Special: b.special.EOS != None})
}
