package text

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"sync/atomic"

	"github.com/ebb-ml/ebb/internal/mmap"
)

// A token file is one file, all numbers little-endian:
//
//	offset 0   magic "EBBTEXT1"
//	       8   uint64 offset of the index, uint64 its length
//	      24   SHA-256 of the index
//	      56   8 zero bytes
//	      64   the tokens of all documents, one after another: uint16 if the vocabulary has at most 65536, else uint32
//	index      for each document a record of 24 bytes: uint64 place of its first token, 8 bytes of the SHA-256 of its text, int32 class,
//	             4 zero bytes
//	           then uint32 CRC-32C of each mebibyte of tokens
//	           then a JSON object, the Meta, and its length, uint64
//
// The index is checked when the file is opened, a mebibyte of tokens when it is first read.
const (
	tokensMagic  = "EBBTEXT1"
	tokensHeader = 64
	docRecord    = 24
	sumChunk     = 1 << 20
)

// Meta is what a token file says about itself.
type Meta struct {
	Vocab       int      `json:"vocab"`
	Fingerprint string   `json:"tokenizer"` // of the tokenizer that made the ids
	EOS         int32    `json:"eos"`       // None if documents follow each other without a mark
	Pad         int32    `json:"pad"`       // None if the tokenizer has none
	Documents   int      `json:"documents"`
	Tokens      int64    `json:"tokens"`
	Bytes       int64    `json:"bytes"` // of clean UTF-8 text
	Chars       int64    `json:"chars"`
	Classes     []string `json:"classes"` // sorted; empty without labels
	Issues      Issues   `json:"issues"`
}

// Tokens is a corpus as ids, in memory or mapped from a file. Its methods may be called from several goroutines, but for Close.
type Tokens struct {
	meta    Meta
	data    []byte // of the tokens
	width   int    // bytes per token
	docs    []byte // records
	sums    []byte
	checked []atomic.Bool // chunks whose sum was compared; nil in memory
	file    *mmap.File    // nil in memory
	path    string
}

func tokenWidth(vocab int) int {
	if vocab <= 1<<16 {
		return 2
	}
	return 4
}

// OpenTokens maps a file that Prepare wrote. Close it after use; nothing of it may be used then.
func OpenTokens(path string) (*Tokens, error) {
	f, err := mmap.Open(path)
	if err != nil {
		return nil, fmt.Errorf("text: no token file: %w; prepare the text first", err)
	}
	t := &Tokens{path: path, file: f}
	if err := mmap.Guard(func() error { return t.parse(f.Bytes()) }); err != nil {
		return nil, errors.Join(fmt.Errorf("text: %s: %w; prepare it again", path, err), f.Close())
	}
	return t, nil
}

// Close removes the mapping of a token file; nothing happens to tokens in memory, nor when it was closed before.
func (t *Tokens) Close() error {
	if t.file == nil {
		return nil
	}
	t.data, t.docs, t.sums = nil, nil, nil
	return t.file.Close()
}

// Meta describes the corpus.
func (t *Tokens) Meta() Meta { return t.meta }

// parse checks header and index.
func (t *Tokens) parse(b []byte) error {
	le := binary.LittleEndian
	if len(b) < tokensHeader || string(b[:8]) != tokensMagic {
		return fmt.Errorf("it does not start with %s and is no token file", tokensMagic)
	}
	at, n := le.Uint64(b[8:]), le.Uint64(b[16:])
	if at < tokensHeader || at > uint64(len(b)) || n != uint64(len(b))-at || n < 8 {
		return fmt.Errorf("its header does not fit its %d bytes: it was cut short or damaged", len(b))
	}
	index := b[at:]
	if sum := sha256.Sum256(index); !bytes.Equal(sum[:], b[24:56]) {
		return errors.New("the checksum of its index is wrong: it is damaged")
	}
	size := le.Uint64(index[n-8:])
	if size > n-8 {
		return errors.New("its index is inconsistent")
	}
	if err := json.Unmarshal(index[n-8-size:n-8], &t.meta); err != nil {
		return fmt.Errorf("its index is unreadable: %w", err)
	}
	m := t.meta
	t.width, t.data = tokenWidth(m.Vocab), b[tokensHeader:at]
	chunks := (uint64(len(t.data)) + sumChunk - 1) / sumChunk
	if m.Vocab < 1 || m.Tokens < 0 || m.Documents < 0 || uint64(m.Tokens) != uint64(len(t.data))/uint64(t.width) || len(t.data)%t.width != 0 ||
		uint64(m.Documents) > n/docRecord || uint64(m.Documents)*docRecord+4*chunks != n-8-size {
		return errors.New("its index is inconsistent")
	}
	t.docs, t.sums = index[:m.Documents*docRecord], index[m.Documents*docRecord:n-8-size]
	t.checked = make([]atomic.Bool, chunks)
	return t.checkDocs()
}

// checkDocs holds the records against each other.
func (t *Tokens) checkDocs() error {
	before := int64(0)
	for i := range t.meta.Documents {
		start := t.start(i)
		if start < before || start > t.meta.Tokens || i == 0 && start != 0 {
			return fmt.Errorf("document %d begins at token %d, the one before at %d", i, start, before)
		}
		if c := t.class(i); c < -1 || int(c) >= len(t.meta.Classes) {
			return fmt.Errorf("document %d has class %d of %d", i, c, len(t.meta.Classes))
		}
		before = start
	}
	return nil
}

// start is the place of the first token of document i; of one past the last document, the end.
func (t *Tokens) start(i int) int64 {
	if i == t.meta.Documents {
		return t.meta.Tokens
	}
	return int64(binary.LittleEndian.Uint64(t.docs[i*docRecord:]))
}

func (t *Tokens) hash(i int) uint64 { return binary.LittleEndian.Uint64(t.docs[i*docRecord+8:]) }

func (t *Tokens) class(i int) int32 {
	return int32(binary.LittleEndian.Uint32(t.docs[i*docRecord+16:]))
}

// read copies the tokens from place at on to dst, and checks that they are tokens.
func (t *Tokens) read(dst []int32, at int64) error {
	if t.data == nil && t.meta.Tokens > 0 {
		return errors.New("text: the token file is closed")
	}
	return mmap.Guard(func() error {
		lo, hi := at*int64(t.width), (at+int64(len(dst)))*int64(t.width)
		if err := t.verify(lo, hi); err != nil {
			return err
		}
		src := t.data[lo:hi]
		for i := range dst {
			if t.width == 2 {
				dst[i] = int32(binary.LittleEndian.Uint16(src[2*i:]))
			} else {
				dst[i] = int32(binary.LittleEndian.Uint32(src[4*i:]))
			}
			if dst[i] < 0 || int(dst[i]) >= t.meta.Vocab {
				return fmt.Errorf("text: token %d of %s is %d, not among %d: prepare it again", at+int64(i), t.path, dst[i], t.meta.Vocab)
			}
		}
		return nil
	})
}

// verify compares the checksums of the chunks that hold the bytes lo to hi-1, unless that was done before.
func (t *Tokens) verify(lo, hi int64) error {
	if t.checked == nil {
		return nil
	}
	for c := lo / sumChunk; c*sumChunk < hi; c++ {
		if t.checked[c].Load() {
			continue
		}
		chunk := t.data[c*sumChunk : min((c+1)*sumChunk, int64(len(t.data)))]
		if crc32.Checksum(chunk, crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(t.sums[4*c:]) {
			return fmt.Errorf("text: %s is damaged around byte %d (checksum): prepare it again", t.path, tokensHeader+c*sumChunk)
		}
		t.checked[c].Store(true)
	}
	return nil
}

// Document returns the ids of document i, its end mark included, and its class, -1 for none.
func (t *Tokens) Document(i int) ([]int32, int32, error) {
	if i < 0 || i >= t.meta.Documents {
		return nil, -1, fmt.Errorf("text: document %d of %d", i, t.meta.Documents)
	}
	ids := make([]int32, t.start(i+1)-t.start(i))
	return ids, t.class(i), t.read(ids, t.start(i))
}

// CheckTokenizer refuses a tokenizer that did not make the ids.
func (t *Tokens) CheckTokenizer(tok Tokenizer) error {
	f, err := Fingerprint(tok)
	if err != nil {
		return err
	}
	if f != t.meta.Fingerprint {
		return fmt.Errorf("text: the tokens of %s were made by tokenizer %s, this one is %s: prepare the text with the model's tokenizer", t.path, t.meta.Fingerprint, f)
	}
	return nil
}

// classIndex is the place of a label among the sorted ones.
func (m Meta) classIndex(name string) int32 {
	if i, ok := slices.BinarySearch(m.Classes, name); ok {
		return int32(i)
	}
	return -1
}
