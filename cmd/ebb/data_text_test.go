package main

import (
	"bytes"
	"compress/bzip2"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/text"
)

// writeDump puts a dump into a file, each stream compressed by itself, as the real ones are.
func writeDump(t *testing.T, pages int) string {
	t.Helper()
	var file []byte
	for _, s := range wikiDump(pages) {
		packed := bzip2ed(s)
		if got, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(packed))); err != nil || string(got) != s {
			t.Fatalf("the test's own bzip2 is wrong: %v", err)
		}
		file = append(file, packed...)
	}
	path := filepath.Join(t.TempDir(), "tidewiki-latest-pages-articles-multistream.xml.bz2")
	if err := os.WriteFile(path, file, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// A dump goes from the file to a trained model: inspect, prepare, train, eval.
func TestWikiDumpEndToEnd(t *testing.T) {
	dump := writeDump(t, 60)
	dir := t.TempDir()
	said{"data inspect " + dump, 0, `documents +48 .*\n(.*\n)*.*templates +`, ``}.check(t)
	said{"data prepare --text " + dump + " " + dir + "/wiki --tokenizer bpe --vocab 400", 0, `48 documents, \d+ tokens`, ``}.check(t)

	tokens, tok, err := text.Load(context.Background(), dir+"/wiki", text.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range tokens.Meta().Documents {
		ids, _, err := tokens.Document(i)
		if err != nil {
			t.Fatal(err)
		}
		b, err := tok.Decode(nil, ids)
		if s := string(b); err != nil || strings.Contains(s, "VANISH") || strings.ContainsAny(s, "{}|") || !strings.Contains(s, "– see [[kept]].") ||
			!strings.Contains(s, "is the rising and falling of the sea, ") || !strings.Contains(s, "The moon pulls\ntwice a day; 2 < 3 & so on.") {
			t.Fatalf("page %d became %q (%v)", i, s, err)
		}
	}
	tokens.Close()

	run := dir + "/run"
	train := "train --recipe text-folder --data " + dir + "/wiki --run " + run + " --tokens 1024 --batch 4 --set network.text.dim=16 --set network.text.layers=1 " +
		"--set network.text.heads=2 --set text.length=32 --set text.held_out.share=0.1 --set text.sample.rows=1 --set text.sample.steps=4"
	said{train, 0, ``, ``}.check(t)
	code, stdout, stderr := ebb("eval", run, "--data", dir+"/wiki", "--windows", "4", "--exact", "2", "--samples", "2", "--json")
	if code != 0 {
		t.Fatalf("eval: %d\n%s%s", code, stdout, stderr)
	}
	var r struct {
		BitsPerChar   float64         `json:"bits_per_char"`
		BitsPerByte   float64         `json:"bits_per_byte"`
		StandardError float64         `json:"standard_error"`
		Exact         json.RawMessage `json:"left_to_right"`
		Samples       struct {
			Distinct []float64
		}
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || !(r.BitsPerChar > 0.5 && r.BitsPerChar < 10) || !(r.BitsPerByte <= r.BitsPerChar) ||
		!(r.StandardError > 0) || r.Exact == nil || len(r.Samples.Distinct) != 4 {
		t.Errorf("%s\n%+v (%v)", stdout, r, err)
	}
	said{"eval " + run + " --windows 4 --samples 2", 0, `bound by count(.*\n)*bound by time(.*\n)*5-gram model(.*\n)*20-grams copied`, ``}.check(t)
}

// What a person may get wrong in the verbs for text.
func TestDataTextRefuses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/a.txt", "some text\n")
	write(t, dir+"/bad.txt", "caf\xe9")
	write(t, dir+"/empty.txt", "")
	write(t, dir+"/b.csv", "id,body\n1,x\n")
	for _, s := range []said{
		{"data inspect " + dir + "/none.txt", 3, ``, `no such file`},
		{"data inspect " + dir + "/empty.txt", 3, ``, `no text`},
		{"data inspect " + dir + "/b.csv", 3, ``, `"text".*the first row names id, body`},
		{"data inspect " + dir + "/b.csv --field body", 0, `documents +1 `, ``},
		{"data inspect " + dir + "/bad.txt --encoding strict", 3, ``, `byte 3 .*windows-1252`},
		{"data inspect " + dir + "/bad.txt --encoding windows-1252", 0, `begins +café`, ``},
		{"data inspect " + dir + "/a.txt --sheet x.png", 2, ``, `for pictures`},
		{"data inspect " + dir + "/a.txt --json", 0, `"suggested_tokenizer"`, ``},
		{"data prepare " + dir + "/a.txt " + dir + "/out --size 3", 2, ``, `for pictures`},
		{"data prepare " + dir + "/a.txt " + dir + "/out --vocab 300", 2, ``, `--tokenizer bpe`},
		{"data prepare " + dir + "/a.txt " + dir + "/out --tokenizer bpc", 2, ``, `bytes, chars, bpe`},
		{"data prepare " + dir + "/a.txt " + dir + "/out --tokenizer chars --alphabet xyz", 3, ``, `'s'.*alphabet`},
		{"data prepare " + dir + "/a.txt " + dir + "/out --tokenizer " + dir + "/a.txt", 3, ``, `no JSON`},
		{"data prepare " + dir + "/empty.txt " + dir + "/out", 3, ``, `no text`},
		{"data prepare " + dir + "/a.txt " + dir + "/out", 0, `1 documents, 11 tokens`, `chosen: --tokenizer chars`},
		{"data inspect " + dir + "/out", 0, `begins "some text`, ``},
		{"data prepare " + dir + "/a.txt " + dir + "/a.txt/x --tokenizer bytes", 5, ``, `a.txt`},
	} {
		s.check(t)
	}
}
