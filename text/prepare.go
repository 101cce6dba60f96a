package text

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"unicode/utf8"

	"github.com/ebb-ml/ebb/internal/inorder"
)

// Tokenize makes tokens of documents in memory, on all cores.
func Tokenize(ctx context.Context, docs Documents, tok Tokenizer) (*Tokens, error) {
	b, err := newBuilder(tok, nil)
	if err != nil {
		return nil, err
	}
	if err := b.consume(ctx, docs); err != nil {
		return nil, err
	}
	t := &Tokens{meta: b.meta, data: b.memory, width: b.width, docs: b.docs, path: "memory"}
	return t, nil
}

// Prepare tokenizes documents on all cores and writes them to one file for OpenTokens. The file is written aside, synced and renamed: it is
// complete or it is not there. Its bytes do not depend on the number of cores. progress, if not nil, is told the bytes of text done.
func Prepare(ctx context.Context, docs Documents, tok Tokenizer, out string, progress func(bytes int64)) (meta Meta, err error) {
	if err := os.MkdirAll(filepath.Dir(out), 0o777); err != nil {
		return meta, fmt.Errorf("text: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(out), "."+filepath.Base(out)+".*")
	if err != nil {
		return meta, fmt.Errorf("text: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	b, err := newBuilder(tok, f)
	if err != nil {
		return meta, err
	}
	b.progress = progress
	if err := b.consume(ctx, docs); err != nil {
		return meta, err
	}
	if err := b.finish(f); err != nil {
		return meta, fmt.Errorf("text: writing %s: %w", out, err)
	}
	return b.meta, commit(f, out)
}

// commit makes a complete file visible under its name.
func commit(f *os.File, out string) error {
	if err := f.Chmod(0o666 &^ 0o022); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), out); err != nil {
		return err
	}
	if dir, err := os.Open(filepath.Dir(out)); err == nil {
		dir.Sync() // not every system can; the rename is done either way
		dir.Close()
	}
	return nil
}

// builder collects tokens in order.
type builder struct {
	tok      Tokenizer
	meta     Meta
	width    int
	out      *bufio.Writer // nil: memory
	memory   []byte
	docs     []byte
	sums     []byte
	crc      hash.Hash32
	inChunk  int
	open     bool // the present document goes on
	hash     hash.Hash
	classes  []string // as met
	index    map[string]int32
	progress func(int64)
}

func newBuilder(tok Tokenizer, f io.Writer) (*builder, error) {
	if err := CheckSpecial(tok); err != nil {
		return nil, err
	}
	print, err := Fingerprint(tok)
	if err != nil {
		return nil, err
	}
	s := tok.Special()
	b := &builder{tok: tok, meta: Meta{Vocab: tok.Vocab(), Fingerprint: print, EOS: s.EOS, Pad: s.Pad}, width: tokenWidth(tok.Vocab()),
		crc: crc32.New(crc32.MakeTable(crc32.Castagnoli)), hash: sha256.New(), index: map[string]int32{}}
	if f != nil {
		b.out = bufio.NewWriterSize(f, 1<<20)
		_, err = b.out.Write(make([]byte, tokensHeader))
	}
	return b, err
}

// encoded is some documents with their ids, made by a worker.
type encoded struct {
	docs []Document
	ids  [][]byte // little-endian
	n    int64    // bytes of text
}

// consume tokenizes all documents. Small ones are handed out many at a time.
func (b *builder) consume(ctx context.Context, docs Documents) error {
	for e, err := range inorder.Map(runtime.GOMAXPROCS(0), batches(docs), b.encode) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		for i := range e.docs {
			if err := b.add(&e.docs[i], e.ids[i]); err != nil {
				return err
			}
		}
		if b.progress != nil {
			b.progress(b.meta.Bytes)
		}
	}
	if b.open {
		return errors.New("text: the last document announces a part that does not come")
	}
	if b.meta.Documents == 0 {
		return errors.New("text: the corpus is empty: no document with text was found")
	}
	b.sortClasses()
	return nil
}

const batchBytes = 256 << 10

// batches groups documents.
func batches(docs Documents) iter.Seq2[encoded, error] {
	return func(yield func(encoded, error) bool) {
		var e encoded
		for d, err := range docs {
			if err != nil {
				yield(encoded{}, err)
				return
			}
			e.docs, e.n = append(e.docs, d), e.n+int64(len(d.Text))
			if e.n >= batchBytes {
				if !yield(e, nil) {
					return
				}
				e = encoded{}
			}
		}
		if len(e.docs) > 0 {
			yield(e, nil)
		}
	}
}

// encode runs on the workers.
func (b *builder) encode(e encoded) (encoded, error) {
	var ids []int32
	e.ids = make([][]byte, len(e.docs))
	for i, d := range e.docs {
		var err error
		if ids, err = b.tok.Encode(ids[:0], d.Text); err != nil {
			return e, fmt.Errorf("%s: %w", d.Name, err)
		}
		e.ids[i] = b.pack(ids)
	}
	return e, nil
}

func (b *builder) pack(ids []int32) []byte {
	out := make([]byte, len(ids)*b.width)
	for i, id := range ids {
		if b.width == 2 {
			binary.LittleEndian.PutUint16(out[2*i:], uint16(id))
		} else {
			binary.LittleEndian.PutUint32(out[4*i:], uint32(id))
		}
	}
	return out
}

// add appends a document or a part of one. Empty documents are left out.
func (b *builder) add(d *Document, ids []byte) error {
	b.meta.Issues.add(d.Issues)
	if len(d.Text) == 0 && !b.open && !d.More {
		return nil
	}
	if !b.open {
		b.hash.Reset()
		b.docs = binary.LittleEndian.AppendUint64(b.docs, uint64(b.meta.Tokens))
		b.docs = append(b.docs, make([]byte, 8)...)
		b.docs = binary.LittleEndian.AppendUint32(b.docs, uint32(b.class(d.Class)))
		b.docs = append(b.docs, make([]byte, 4)...)
		b.meta.Documents++
	}
	b.open = d.More
	b.hash.Write(d.Text)
	b.meta.Bytes += int64(len(d.Text))
	b.meta.Chars += int64(utf8.RuneCount(d.Text))
	if !d.More {
		copy(b.docs[len(b.docs)-docRecord+8:], b.hash.Sum(nil)[:8])
		if b.meta.EOS != None {
			ids = append(ids, b.pack([]int32{b.meta.EOS})...)
		}
	}
	b.meta.Tokens += int64(len(ids) / b.width)
	return b.write(ids)
}

// class numbers labels as they are met; sortClasses puts them in order at the end.
func (b *builder) class(name string) int32 {
	if name == "" {
		return -1
	}
	id, ok := b.index[name]
	if !ok {
		id = int32(len(b.classes))
		b.classes, b.index[name] = append(b.classes, name), id
	}
	return id
}

func (b *builder) sortClasses() {
	b.meta.Classes = slices.Sorted(slices.Values(b.classes))
	for at := 16; at < len(b.docs); at += docRecord {
		if id := int32(binary.LittleEndian.Uint32(b.docs[at:])); id >= 0 {
			binary.LittleEndian.PutUint32(b.docs[at:], uint32(b.meta.classIndex(b.classes[id])))
		}
	}
}

// write appends bytes of tokens and their checksums.
func (b *builder) write(p []byte) error {
	if b.out == nil {
		b.memory = append(b.memory, p...)
		return nil
	}
	if _, err := b.out.Write(p); err != nil {
		return fmt.Errorf("text: %w", err)
	}
	for len(p) > 0 {
		n := min(len(p), sumChunk-b.inChunk)
		b.crc.Write(p[:n])
		if b.inChunk += n; b.inChunk == sumChunk {
			b.endChunk()
		}
		p = p[n:]
	}
	return nil
}

func (b *builder) endChunk() {
	b.sums = binary.LittleEndian.AppendUint32(b.sums, b.crc.Sum32())
	b.crc.Reset()
	b.inChunk = 0
}

// finish writes index and header.
func (b *builder) finish(f *os.File) error {
	if b.inChunk > 0 {
		b.endChunk()
	}
	meta, err := json.Marshal(b.meta)
	if err != nil {
		return err
	}
	index := slices.Concat(b.docs, b.sums, meta)
	index = binary.LittleEndian.AppendUint64(index, uint64(len(meta)))
	if _, err := b.out.Write(index); err != nil {
		return err
	}
	if err := b.out.Flush(); err != nil {
		return err
	}
	sum := sha256.Sum256(index)
	header := binary.LittleEndian.AppendUint64([]byte(tokensMagic), uint64(tokensHeader+b.meta.Tokens*int64(b.width)))
	header = binary.LittleEndian.AppendUint64(header, uint64(len(index)))
	_, err = f.WriteAt(append(header, sum[:]...), 0)
	return err
}
