//go:build long

package text

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
)

// Tokenizers of all kinds that PyPI's tokenizers made here and now give its ids on 10,000 lines of real text, and decode to its text; those
// that were trained here are read there, and give our ids.
func TestTokenizersLive(t *testing.T) {
	python, lines, dir := testkit.Python(t, "tokenizers"), realLines(t), t.TempDir()
	ours, err := TrainBPE(docs(lines[:4000]...), BPEConfig{Vocab: 3000})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir+"/ours", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := writeTokenizer(ours, dir+"/ours/ours.json"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/lines", []byte(strings.Join(lines, "\n")), 0o666); err != nil {
		t.Fatal(err)
	}
	if b, err := exec.Command(python, "testdata/tokenizers_live.py", dir+"/lines", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	b, err := os.ReadFile(dir + "/decoded.json")
	if err != nil {
		t.Fatal(err)
	}
	var decoded map[string][]string
	if err := json.Unmarshal(b, &decoded); err != nil {
		t.Fatal(err)
	}
	for name, texts := range decoded {
		t.Run(name, func(t *testing.T) {
			file := dir + "/" + name + ".json"
			if name == "ours" {
				file = dir + "/ours/ours.json"
			}
			tok, err := ReadTokenizerFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(dir + "/" + name + ".ids")
			if err != nil {
				t.Fatal(err)
			}
			compareIDs(t, tok, lines, want, texts)
			var again bytes.Buffer
			if err := tok.Write(&again); err != nil {
				t.Fatal(err)
			}
			if _, err := ReadTokenizer(&again); err != nil {
				t.Error(err)
			}
		})
	}
}

// compareIDs holds ids and texts against those of PyPI's tokenizers.
func compareIDs(t *testing.T, tok Tokenizer, lines []string, want []byte, texts []string) {
	t.Helper()
	wrong := 0
	for i, line := range lines {
		n := binary.LittleEndian.Uint32(want)
		var theirs []int32
		for j := range n {
			theirs = append(theirs, int32(binary.LittleEndian.Uint32(want[4+4*j:])))
		}
		want = want[4+4*n:]
		got, err := tok.Encode(nil, []byte(line))
		if err != nil || !slices.Equal(got, theirs) {
			if wrong++; wrong <= 3 {
				t.Errorf("line %d %q\n got  %v (%v)\n want %v", i, line, got, err, theirs)
			}
			continue
		}
		if i >= len(texts) {
			continue
		}
		text, err := tok.Decode(nil, got)
		if err != nil || string(text) != texts[i] && !bytes.ContainsRune(text, '\uFFFD') { // which is left out there
			if wrong++; wrong <= 3 {
				t.Errorf("line %d decodes to %q (%v), want %q", i, text, err, texts[i])
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d lines differ", wrong, len(lines))
	}
}
