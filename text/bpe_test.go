package text

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
)

// bpeGolden holds testdata/bpe.json, made by testdata/bpe.py with PyPI's tokenizers.
type bpeGolden struct {
	Merges []string
	Texts  []string
	IDs    map[string][][]int32
}

// goldenCorpus is corpus of testdata/bpe.py.
func goldenCorpus(n int) string {
	words := strings.Fields("the of and wave tide ebb flow sea's it's they'll naïve Ærø 東京 1984 3.14 -- ... (moon) shore, harbour; flood! dune")
	state := uint64(1)
	var b strings.Builder
	for i := range n {
		state = state*6364136223846793005 + 1442695040888963407
		b.WriteString(words[state>>33%uint64(len(words))])
		if state>>60 == 3 {
			b.WriteByte('s')
		}
		switch {
		case i%17 == 0:
			b.WriteByte('\n')
		case i%29 == 0:
			b.WriteString("  ")
		default:
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// docs makes documents of strings.
func docs(texts ...string) Documents {
	return func(yield func(Document, error) bool) {
		for _, t := range texts {
			if !yield(Document{Text: []byte(t)}, nil) {
				return
			}
		}
	}
}

func trained(t testing.TB) *BPE {
	t.Helper()
	b, err := TrainBPE(docs(goldenCorpus(3000)), BPEConfig{Vocab: 256 + 92})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Training and encoding must agree with PyPI's tokenizers, id by id.
func TestBPEAgainstTokenizers(t *testing.T) {
	var g bpeGolden
	testkit.ReadJSON(t, "testdata/bpe.json", &g)
	b := trained(t)
	runes, _ := byteRunes()
	var merges []string
	for _, m := range b.merges {
		merges = append(merges, mapWord(b.tokens[m.Left], &runes)+" "+mapWord(b.tokens[m.Right], &runes))
	}
	for i := range g.Merges {
		if i >= len(merges) || merges[i] != g.Merges[i] {
			t.Fatalf("merge %d of %d: %q, want %q", i, len(g.Merges), merges[min(i, len(merges)-1)], g.Merges[i])
		}
	}
	for name, p := range map[string]pattern{"gpt2": patternGPT2, "digits1": patternDigits1, "digits3": patternDigits3} {
		other := &BPE{tokens: b.tokens, merges: b.merges, pattern: p, special: b.special, added: b.added}
		var file bytes.Buffer
		if err := other.Write(&file); err != nil {
			t.Fatal(err)
		}
		if split := strings.Contains(file.String(), `"invert":false`); split != (p != patternGPT2) {
			t.Errorf("%s: a Split step needs the field invert to be read by tokenizers", name)
		}
		read, err := ReadTokenizer(&file)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range g.Texts {
			for range 2 { // the second time from the cache
				ids, err := read.Encode(nil, []byte(text))
				if err != nil || !slices.Equal(ids, g.IDs[name][i]) {
					t.Errorf("%s of %q: %v, want %v (%v)", name, text, ids, g.IDs[name][i], err)
				}
			}
			if back, err := read.Decode(nil, g.IDs[name][i]); err != nil || string(back) != text {
				t.Errorf("%s: %q comes back as %q (%v)", name, text, back, err)
			}
		}
	}
}

// What would silently give other ids is refused by name.
func TestTokenizerJSONRefuses(t *testing.T) {
	var file bytes.Buffer
	if err := trained(t).Write(&file); err != nil {
		t.Fatal(err)
	}
	good := file.String()
	for _, c := range []struct{ old, new, want string }{
		{`"type":"BPE"`, `"type":"Bigram"`, "Bigram"},
		{`"normalizer":null`, `"normalizer":{"type":"NFCX"}`, "normalizer NFCX"},
		{`"dropout":null`, `"dropout":0.1`, "dropout"},
		{`"pre_tokenizer":{"type":"ByteLevel"`, `"pre_tokenizer":{"type":"UnicodeScripts"`, "UnicodeScripts"},
		{`"id":346,"content":"<|endoftext|>"`, `"id":-7,"content":"<|endoftext|>"`, "has the id -7"},
		{`"id":347,`, `"id":346,`, "both the id 346"},
		{`"id":346,`, `"id":20000000,`, "the id 20000000: for so few words"},
		{`"!":0`, `"!":1`, "both the id 1"},
		{`["Ġ","t"]`, `["Ġ","qqq"]`, "not in the vocabulary"},
	} {
		bad := strings.Replace(good, c.old, c.new, 1)
		if bad == good {
			t.Fatalf("%s is not in the file: %.300s", c.old, good)
		}
		if _, err := ReadTokenizer(strings.NewReader(bad)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one about %q", c.new, err, c.want)
		}
	}
}

// The special texts never become special ids, but other added tokens are recognised.
func TestAddedTokens(t *testing.T) {
	b := trained(t)
	b.tokens = append(b.tokens, []byte("<TITLE>"))
	id := int32(len(b.tokens) - 1)
	b.added = append(b.added, addedToken{id, "<TITLE>", false})
	ids, err := b.Encode(nil, []byte("x<TITLE>y<|endoftext|><TITLE>"))
	if err != nil || slices.Contains(ids, b.special.EOS) || ids[1] != id || ids[len(ids)-1] != id {
		t.Errorf("ids %v (%v)", ids, err)
	}
}

// A word without end takes no quadratic time.
func TestLongWords(t *testing.T) {
	if _, err := trained(t).Encode(nil, bytes.Repeat([]byte("e"), 1<<18)); err != nil {
		t.Fatal(err)
	}
}

func TestBPEKeepsRealText(t *testing.T) {
	raw, err := os.ReadFile("../../shared/data/wikitext2-valid.txt")
	if err != nil {
		t.Skip("needs ../shared/data/wikitext2-valid.txt beside the repository")
	}
	b := trained(t)
	ids, err := b.Encode(nil, raw)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := b.Decode(nil, ids); err != nil || !bytes.Equal(back, raw) {
		t.Errorf("%d bytes come back as %d (%v)", len(raw), len(back), err)
	}
}

func FuzzBPE(f *testing.F) {
	b := trained(f)
	f.Add([]byte("the tides' 123 …\n\n x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, p := range []pattern{patternGPT2, patternDigits1, patternDigits3, patternNone} {
			c := &BPE{tokens: b.tokens, merges: b.merges, rules: b.rules, ids: b.ids, bytes: b.bytes, pattern: p}
			ids, err := c.Encode(nil, text)
			back, err2 := c.Decode(nil, ids)
			if err != nil || err2 != nil || !bytes.Equal(back, text) {
				t.Errorf("%q comes back as %q (%v, %v)", text, back, err, err2)
			}
		}
	})
}

func FuzzReadTokenizer(f *testing.F) {
	var file bytes.Buffer
	if err := trained(f).Write(&file); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Add([]byte(`{"ebb_tokenizer":"chars","alphabet":"abc","special":true}`))
	f.Add([]byte(`{"normalizer":{"type":"NFKC"},"pre_tokenizer":{"type":"Metaspace","replacement":"▁"},"model":{"type":"Unigram","unk_id":0,"vocab":[["?",0],["▁a",-1.5]]}}`))
	f.Add([]byte(`{"pre_tokenizer":{"type":"Split","pattern":{"Regex":"\\s+(?!\\S)|\\s+"},"behavior":"Removed"},"model":{"type":"WordPiece","unk_token":"?","vocab":{"?":0,"a":1,"##b":2}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tok, err := ReadTokenizer(bytes.NewReader(data))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := tok.Write(&again); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadTokenizer(&again); err != nil {
			t.Errorf("%q was read, but what it writes is refused: %v", data, err)
		}
		if !json.Valid(data) {
			t.Errorf("%q was read as JSON", data)
		}
	})
}
