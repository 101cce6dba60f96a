package text

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
)

// describedGoldens are of testdata/tokenizers_live.py.
type describedGoldens struct {
	Texts      []string
	Tokenizers map[string]struct {
		Tokenizer json.RawMessage
		IDs       [][]int32
		Decoded   []string
	}
}

// Tokenizers of all kinds give the ids of PyPI's tokenizers, and decode to its text.
func TestDescribed(t *testing.T) {
	var g describedGoldens
	testkit.ReadJSON(t, "testdata/described.json", &g)
	for name, c := range g.Tokenizers {
		tok, err := ReadTokenizer(bytes.NewReader(c.Tokenizer))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, text := range g.Texts {
			ids, err := tok.Encode(nil, []byte(text))
			if err != nil || !slices.Equal(ids, c.IDs[i]) {
				t.Errorf("%s of %q: %v (%v), want %v", name, text, ids, err, c.IDs[i])
				continue
			}
			back, err := tok.Decode(nil, ids)
			if err != nil || string(back) != c.Decoded[i] && !bytes.ContainsRune(back, '\uFFFD') { // which is left out there
				t.Errorf("%s of %q decodes to %q (%v), want %q", name, text, back, err, c.Decoded[i])
			}
		}
	}
}

// What the vocabulary cannot write is an error where it has no token for the unknown.
func TestDescribedUnknown(t *testing.T) {
	tok, err := ReadTokenizer(strings.NewReader(`{"pre_tokenizer":{"type":"WhitespaceSplit"},"model":{"type":"WordLevel","vocab":{"a":0,"b":1},"unk_token":"?"}}`))
	if err != nil {
		t.Fatal(err)
	}
	ids, err := tok.Encode(nil, []byte("b a"))
	if err != nil || !slices.Equal(ids, []int32{1, 0}) {
		t.Errorf("%v (%v)", ids, err)
	}
	var unknown *UnknownError
	if _, err := tok.Encode(nil, []byte("a é")); !errors.As(err, &unknown) || unknown.Rune != 'é' || unknown.Offset != 2 {
		t.Errorf("error %v, want one about é at byte 2", err)
	}
}

func FuzzDescribed(f *testing.F) {
	var g describedGoldens
	testkit.ReadJSON(f, "testdata/described.json", &g)
	var all []Tokenizer
	for _, c := range g.Tokenizers {
		tok, err := ReadTokenizer(bytes.NewReader(c.Tokenizer))
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, tok)
	}
	f.Add("the tides' 123 …\n\n x")
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range all {
			ids, err := tok.Encode(nil, []byte(strings.ToValidUTF8(text, "")))
			if err != nil {
				continue
			}
			if _, err := tok.Decode(nil, ids); err != nil {
				t.Errorf("%q: %v", text, err)
			}
			if s := tok.Special(); slices.ContainsFunc(s.ids(), func(id int32) bool { return slices.Contains(ids, id) }) {
				t.Errorf("%q gives a special id: %v", text, ids)
			}
		}
	})
}
