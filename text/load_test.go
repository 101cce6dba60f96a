package text

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Text and what was prepared of it must load alike, whatever the tokenizer.
func TestLoadTextAndPreparedAlike(t *testing.T) {
	source := filepath.Join(tree(t, map[string]string{"a.jsonl": `{"body":"the ebb and the flood","k":"x"}` + "\n" + `{"body":"the tide, the ebb","k":"y"}` + "\n"}), "a.jsonl")
	o := LoadOptions{Options: Options{Field: "body", Label: "k"}}
	for _, c := range []TokenizerConfig{{}, {NoSpecial: true}, {Kind: KindChars}, {Kind: KindChars, Alphabet: " ,abdefhilnot\uFFFD"}, {Kind: KindBPE, Vocab: 262}} {
		o.Tokenizer = c
		raw, tok, err := Load(context.Background(), source, o)
		if err != nil {
			t.Fatal(c, err)
		}
		corpus, err := Open(source, o.Options)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "out")
		if _, err := PrepareFolder(context.Background(), corpus.Documents(context.Background()), tok, dir, nil); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{dir, filepath.Join(dir, TokensFile)} {
			if Recognise(path) != Prepared {
				t.Errorf("%s was not recognised", path)
			}
			ready, again, err := Load(context.Background(), path, LoadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 2 {
				a, ca, err1 := raw.Document(i)
				b, cb, err2 := ready.Document(i)
				if err1 != nil || err2 != nil || !slices.Equal(a, b) || ca != cb {
					t.Errorf("%v, document %d: %v (%d) and %v (%d), %v %v", c.Kind, i, a, ca, b, cb, err1, err2)
				}
			}
			if err := ready.CheckTokenizer(again); err != nil {
				t.Error(err)
			}
			ready.Close()
		}
		if _, _, err := Load(context.Background(), dir, LoadOptions{Use: NewBytes(true)}); (err != nil) != (c != TokenizerConfig{}) {
			t.Errorf("%v with the tokenizer of bytes: %v", c.Kind, err)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := tree(t, map[string]string{"text/a.txt": "x", "half/tokens.ebbtext": tokensMagic, "empty/a.txt": ""})
	for _, c := range []struct {
		path string
		o    LoadOptions
		want string
	}{
		{"none", LoadOptions{}, "no such file"},
		{"empty", LoadOptions{}, "empty"},
		{"half", LoadOptions{}, "prepare the text again"},
		{"half", LoadOptions{Use: NewBytes(true)}, "no token file"},
		{"text", LoadOptions{Tokenizer: TokenizerConfig{Kind: KindChars, Alphabet: "ab"}}, `'x'`},
		{"text", LoadOptions{Tokenizer: TokenizerConfig{Kind: KindFile}}, "needs the path"},
		{"text", LoadOptions{Tokenizer: TokenizerConfig{Kind: KindFile, File: "none.json"}}, "none.json"},
		{"text", LoadOptions{Tokenizer: TokenizerConfig{Vocab: 300}}, "for bpe"},
		{"text", LoadOptions{Tokenizer: TokenizerConfig{Alphabet: "ab"}}, "chars"},
		{"text", LoadOptions{Tokenizer: TokenizerConfig{File: "x.json"}}, "kind file"},
		{"text", LoadOptions{Tokenizer: TokenizerConfig{Kind: KindBPE, NoSpecial: true}}, "no_special"},
		{"text", LoadOptions{Tokenizer: TokenizerConfig{Kind: 9}}, "bytes, chars, bpe, file"},
	} {
		tokens, _, err := Load(context.Background(), filepath.Join(dir, c.path), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %+v: %v %v, want %q", c.path, c.o.Tokenizer, tokens, err, c.want)
		}
	}
	if _, err := ReadTokenizerFile(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder without a tokenizer: %v", err)
	}
}

func TestRecognise(t *testing.T) {
	dir := tree(t, map[string]string{"text/a.txt": "x", "text/b.parquet": "", "pictures/a.png": "", "pictures/b.JPG": "", "pictures/captions.csv": "", "wiki.xml.bz2": "",
		"train-images-idx3-ubyte.gz": "", "data_batch_1.bin": "", "x.tar.gz": ""})
	for name, want := range map[string]Source{"text": RawText, "pictures": NoText, "wiki.xml.bz2": RawText, "train-images-idx3-ubyte.gz": NoText,
		"data_batch_1.bin": NoText, "x.tar.gz": NoText, "none": NoText} {
		if got := Recognise(filepath.Join(dir, name)); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// Progress must come to the whole at the end, for every kind of file, and start anew.
func TestProgress(t *testing.T) {
	dir := tree(t, map[string]string{"a.txt": strings.Repeat("tide ", 1000), "b.txt.gz": gzipped("ebb"), "c.jsonl": "{\"text\":\"x\"}\n"})
	parquet, err := os.ReadFile("internal/columns/testdata/gzip-dict.parquet")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "d.parquet"), parquet, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := Inspect(c.Documents(context.Background())); err != nil {
			t.Fatal(err)
		}
		if done, total := c.Progress(); done != total || total < 5000 {
			t.Errorf("read %d of %d bytes", done, total)
		}
	}
}

// variant is a text of 400 words in which every nth differs.
func variant(seed, nth int) string {
	var b strings.Builder
	for i := range 400 {
		w := (i*7919 + 13*seed) % 1009
		if nth > 0 && i%nth == nth-1 {
			w += 5000
		}
		fmt.Fprintf(&b, "w%d ", w)
	}
	return b.String()
}

func TestNearDuplicates(t *testing.T) {
	named := func(texts ...string) Documents {
		return func(yield func(Document, error) bool) {
			for i, s := range texts {
				for len(s) > 1000 { // in parts
					if !yield(Document{Name: fmt.Sprint(i), Text: []byte(s[:1000]), More: true}, nil) {
						return
					}
					s = s[1000:]
				}
				if !yield(Document{Name: fmt.Sprint(i), Text: []byte(s)}, nil) {
					return
				}
			}
		}
	}
	a := variant(1, 0)
	r, err := Inspect(named(a, variant(2, 0), strings.ToUpper(a), variant(1, 100), variant(1, 4), variant(3, 0), a, "short one", "short two"))
	if err != nil {
		t.Fatal(err)
	}
	if want := [][2]string{{"0", "2"}, {"0", "3"}}; r.Near != 2 || !slices.Equal(r.NearPairs, want) || r.Duplicates != 1 {
		t.Errorf("%d near %v, %d exact; want %v and 1", r.Near, r.NearPairs, r.Duplicates, want)
	}
}

func TestLongestLines(t *testing.T) {
	long := strings.Repeat("y", longLine+5)
	parts := func(yield func(Document, error) bool) {
		for i, s := range []string{"ab\n" + long[:700000], long[700000:] + "\nabcd", "e\n"} {
			if !yield(Document{Name: "d", Text: []byte(s), More: i < 2}, nil) {
				return
			}
		}
	}
	r, err := Inspect(parts)
	if err != nil || r.Issues.LongLines != 1 || len(r.Longest) != 3 {
		t.Fatalf("%+v (%v)", r, err)
	}
	for i, want := range []Line{{"d", 2, longLine + 5, ""}, {"d", 3, 5, "abcd"}, {"d", 1, 2, "ab"}} {
		got := r.Longest[i]
		if i == 0 {
			got.Begins = ""
		}
		if got != want {
			t.Errorf("line %d: %+v, want %+v", i, got, want)
		}
	}
}

// The report of a wiki shows what the rules do to one page.
func TestInspectShowsAPage(t *testing.T) {
	c, err := Open("testdata/dump.xml.bz2", Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Inspect(c.Documents(context.Background()))
	if err != nil || r.Page == nil || !strings.Contains(r.Page.Name, "Ebb") || !strings.Contains(r.Page.Before, "{{Infobox") || strings.Contains(r.Page.After, "{{") {
		t.Fatalf("%+v (%v)", r.Page, err)
	}
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil || !strings.Contains(b.String(), "before ") || !strings.Contains(b.String(), "templates") {
		t.Errorf("%s (%v)", b.String(), err)
	}
}

// Rows of a stream must cover the part, each repeating the end of the one before.
func TestStream(t *testing.T) {
	tokens, err := Tokenize(context.Background(), docs("abcdefghij", "klm"), NewBytes(false))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{3, 4, 5, 13, 100} {
		var got strings.Builder
		for row, err := range tokens.All().Stream(size, 2) {
			if err != nil {
				t.Fatal(err)
			}
			if got.Len() > 0 {
				row = row[2:]
			}
			b, _ := NewBytes(false).Decode(nil, row)
			got.Write(b)
		}
		if got.String() != "abcdefghijklm" {
			t.Errorf("rows of %d: %s", size, got.String())
		}
	}
}
