package text

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// realText is some megabytes of Wikipedia, or of generated words where that is absent.
func realText(b *testing.B, size int) []byte {
	raw, err := os.ReadFile("../../shared/data/wikitext2-valid.txt")
	if err != nil {
		raw = []byte(goldenCorpus(200000))
	}
	var all []byte
	for len(all) < size {
		all = append(all, raw...)
	}
	return all[:size:size]
}

// BenchmarkPrepare goes the whole way from a file on disk to a token file on disk.
func BenchmarkPrepare(b *testing.B) {
	const size = 32 << 20
	dir := b.TempDir()
	path := filepath.Join(dir, "a.txt")
	if err := os.WriteFile(path, realText(b, size), 0o666); err != nil {
		b.Fatal(err)
	}
	corpus, err := Open(path, Options{})
	if err != nil {
		b.Fatal(err)
	}
	chars, err := LearnChars(corpus.Documents(context.Background()), 0, true)
	if err != nil {
		b.Fatal(err)
	}
	for name, tok := range map[string]Tokenizer{"bytes": NewBytes(true), "chars": chars, "bpe": trained(b)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				if _, err := Prepare(context.Background(), corpus.Documents(context.Background()), tok, filepath.Join(dir, "out"), nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEncodeBPE is one core.
func BenchmarkEncodeBPE(b *testing.B) {
	raw := realText(b, 1<<20)
	tok, err := TrainBPE(docs(string(raw)), BPEConfig{Vocab: 8192})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	var ids []int32
	for b.Loop() {
		if ids, err = tok.Encode(ids[:0], raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTrainBPE(b *testing.B) {
	raw := string(realText(b, 1<<20))
	b.SetBytes(1 << 20)
	for b.Loop() {
		if _, err := TrainBPE(docs(raw), BPEConfig{Vocab: 8192}); err != nil {
			b.Fatal(err)
		}
	}
}
