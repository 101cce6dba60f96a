package text

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
)

// realLines are the 10,000 lines of testdata/bpe_real.py.
func realLines(t *testing.T) []string {
	t.Helper()
	z, err := zip.OpenReader("../../shared/data/movie-reviews.zip")
	wiki, err2 := os.ReadFile("../../shared/data/wikitext2-valid.txt")
	if err != nil || err2 != nil {
		t.Skip("needs movie-reviews.zip and wikitext2-valid.txt in ../shared/data beside the repository")
	}
	defer z.Close()
	slices.SortFunc(z.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	var lines []string
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, ".txt") || strings.HasPrefix(f.Name, "__") || len(lines) >= 6500 {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		runes := make([]rune, len(b))
		for i, c := range b {
			runes[i] = rune(c) // Latin-1
		}
		lines = append(lines, strings.Split(string(runes), "\n")...)
	}
	return append(lines[:6500], strings.Split(string(wiki), "\n")[:3500]...)
}

// Every id of 10,000 lines of real text must be that of PyPI's tokenizers, training included.
func TestBPEOnRealLines(t *testing.T) {
	var golden struct {
		Lines  int
		IDs    map[string]string
		Tokens map[string]int
	}
	testkit.ReadJSON(t, "testdata/bpe_real.json", &golden)
	lines := realLines(t)
	b, err := TrainBPE(docs(lines...), BPEConfig{Vocab: 8192})
	if err != nil || len(lines) != golden.Lines {
		t.Fatal(err, len(lines))
	}
	for name, p := range map[string]pattern{"gpt2": patternGPT2, "digits1": patternDigits1, "digits3": patternDigits3} {
		other := &BPE{tokens: b.tokens, merges: b.merges, pattern: p, special: b.special, added: b.added}
		if err := other.finish(); err != nil {
			t.Fatal(err)
		}
		h, total := sha256.New(), 0
		var ids []int32
		for _, line := range lines {
			if ids, err = other.Encode(ids[:0], []byte(line)); err != nil {
				t.Fatal(err)
			}
			total += len(ids)
			var packed []byte
			for _, id := range ids {
				packed = binary.LittleEndian.AppendUint32(packed, uint32(id))
			}
			h.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(packed))))
			h.Write(packed)
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != golden.IDs[name] || total != golden.Tokens[name] {
			t.Errorf("%s: %d tokens, digest %s; want %d, %s", name, total, got, golden.Tokens[name], golden.IDs[name])
		}
	}
}
