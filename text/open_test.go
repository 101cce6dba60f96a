package text

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
)

// tree writes files into a new folder.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// list reads a corpus and writes a line for each document: name[class]=text.
func list(t testing.TB, path string, o Options) (string, error) {
	t.Helper()
	c, err := Open(path, o)
	if err != nil {
		return "", err
	}
	defer c.Close()
	var b strings.Builder
	for d, err := range c.Documents(context.Background()) {
		if err != nil {
			return b.String(), err
		}
		fmt.Fprintf(&b, "%s[%s]=%q\n", d.Name, d.Class, d.Text)
	}
	return b.String(), nil
}

func gzipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

func zstded(t testing.TB, s string) string {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(s), nil))
}

// bzipped is bz2.compress(b"hello, world\n" * 3) of Python.
func bzipped(t testing.TB) string {
	b, err := base64.StdEncoding.DecodeString("QlpoOTFBWSZTWWe6eFUAAAjRgAAQQAQGRJCAIAAiv9VGmmIQAwhClKStbumPMfF3JFOFCQZ7p4VQ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFormats(t *testing.T) {
	dir := tree(t, map[string]string{
		"a.txt":       "one\r\ntwo\rthree\x00\n",
		"b.md.gz":     gzipped("# two"),
		"c.text.zst":  zstded(t, "three"),
		"d.txt.bz2":   bzipped(t),
		"e.jsonl":     "{\"text\":\"x\\u00e9\",\"n\":1}\n\n{\"text\":\"y\"}\n",
		"f.json":      `[{"text":"in array"}, {"text":"second"}]`,
		"g.json":      `{"text":"alone"} {"text":"next"}`,
		"h.csv":       "\uFEFFid,text\n1,\"a \"\"b\"\", c\nd\"\n2,e\n",
		"i.tsv":       "text\tid\nt \"q\tz\n",
		"j.bin":       "no text",
		".hidden.txt": "no",
		"k.xml":       "<mediawiki><page><title>T</title><ns>0</ns><revision><text>''x''</text></revision></page><page><title>R</title><ns>4</ns></page></mediawiki>",
		"l.txt":       "packed in secret: " + "gz by content",
		"m.jsonl.zst": zstded(t, `"bare"`),
		"z/empty.txt": "",
		"n.txt":       gzipped("named txt, packed"),
		"o.txt":       string([]byte{0xFF, 0xFE}) + utf16le("ü𝄞\n"),
		"__MACOSX/q":  "no",
	})
	got, err := list(t, dir, Options{Workers: 3})
	want := `a.txt[]="one\ntwo\nthree\n"
b.md.gz[]="# two"
c.text.zst[]="three"
d.txt.bz2[]="hello, world\nhello, world\nhello, world\n"
e.jsonl, line 1[]="xé"
e.jsonl, line 3[]="y"
f.json, value 1[]="in array"
f.json, value 2[]="second"
g.json, value 1[]="alone"
g.json, value 2[]="next"
h.csv, line 2[]="a \"b\", c\nd"
h.csv, line 4[]="e"
i.tsv, line 2[]="t \"q"
k.xml, T[]="T\n\nx\n"
l.txt[]="packed in secret: gz by content"
m.jsonl.zst, line 1[]="bare"
n.txt[]="named txt, packed"
o.txt[]="ü𝄞\n"
z/empty.txt[]=""
`
	if err != nil || got != want {
		t.Errorf("got\n%s(%v)\nwant\n%s", got, err, want)
	}
	c, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(c.Notes(), "\n"); !strings.Contains(notes, `".bin"`) {
		t.Errorf("notes: %s", notes)
	}
}

func utf16le(s string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		b.Write([]byte{byte(u), byte(u >> 8)})
	}
	return b.String()
}

func TestClassesAndFields(t *testing.T) {
	dir := tree(t, map[string]string{"top/pos/1.txt": "good", "top/neg/1.txt": "bad", "top/neg/x/2.txt": "worse"})
	want := "top/neg/1.txt[neg]=\"bad\"\ntop/neg/x/2.txt[neg]=\"worse\"\ntop/pos/1.txt[pos]=\"good\"\n"
	if got, err := list(t, dir, Options{}); err != nil || got != want {
		t.Errorf("%s (%v)", got, err)
	}
	path := filepath.Join(t.TempDir(), "x.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	if err := z.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if got, err := list(t, path, Options{}); err != nil || got != want {
		t.Errorf("zip: %s (%v)", got, err)
	}
	dir = tree(t, map[string]string{"a.jsonl": `{"data":{"body":"x"},"stars":5}` + "\n", "b.csv": "data.body,stars\ny,low\n"})
	got, err := list(t, dir, Options{Field: "data.body", Label: "stars"})
	if want := "a.jsonl, line 1[5]=\"x\"\nb.csv, line 2[low]=\"y\"\n"; err != nil || got != want {
		t.Errorf("%s (%v)", got, err)
	}
}

// Errors say which file, where in it, and what to do.
func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name, content string
		o             Options
		want          []string
	}{
		{"a.jsonl", "{\"text\":\"x\"}\n{\"text\":3}\n", Options{}, []string{"a.jsonl", "line 2", "no text"}},
		{"a.jsonl", "{\"body\":\"x\"}\n", Options{}, []string{"line 1", `"text"`, "body"}},
		{"a.jsonl", "{\"text\":\n", Options{}, []string{"line 1"}},
		{"a.json", "[{\"text\":\"x\"}", Options{}, []string{"a.json", "array"}},
		{"a.json", "[{\"text\":\"x\"} 5]", Options{}, []string{"value 2"}},
		{"a.csv", "id,body\n1,x\n", Options{}, []string{`"text"`, "id, body"}},
		{"a.csv", "id,text\n1,x,3\n", Options{}, []string{"line 2"}},
		{"a.txt", "ab\xffcd", Options{Encoding: Strict}, []string{"byte 2", "0xff", "windows-1252"}},
		{"a.xml", "<mediawiki></mediawiki>", Options{}, []string{"no <page>"}},
		{"a.txt.gz", gzipped("hello world, hello world")[:20], Options{}, []string{"a.txt.gz"}},
		{"a.parquet", "PAR1", Options{}, []string{"a.parquet", "magic"}},
		{"a.arrow", "ARROW1\x00\x00", Options{}, []string{"a.arrow", "empty"}},
	} {
		path := filepath.Join(tree(t, map[string]string{c.name: c.content}), c.name)
		_, err := list(t, path, c.o)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %q: error %v, want one with %q", c.name, c.content, err, want)
			}
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing path gives %v", err)
	}
	if _, err := Open(tree(t, map[string]string{"a.jpg": "x"}), Options{}); err == nil || !strings.Contains(err.Error(), ".jpg") {
		t.Errorf("a folder without text gives %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c, err := Open(tree(t, map[string]string{"a.txt": "x"}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range c.Documents(ctx) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after a cancel: %v", err)
		}
	}
}

func TestEncoding(t *testing.T) {
	for _, c := range []struct {
		e        Encoding
		in, want string
		issues   Issues
	}{
		{Replace, "plain\n\ttext", "plain\n\ttext", Issues{}},
		{Replace, "a\xc3(\xe2\x82", "a\uFFFD(\uFFFD\uFFFD", Issues{Invalid: 3}},
		{Windows1252, "\x93caf\xe9\x94 \x81", "“café” \uFFFD", Issues{Invalid: 4}},
		{Replace, "\uFEFFa\x00b\x7f\u0085\x1b[0m", "ab[0m", Issues{Controls: 5}},
		{Replace, "a\r\n\r\nb\rc\r", "a\n\nb\nc\n", Issues{Returns: 4}},
		{Replace, "\uFFFD ünï 東京", "\uFFFD ünï 東京", Issues{}},
		{Replace, strings.Repeat("x", longLine+1) + "\ny", strings.Repeat("x", longLine+1) + "\ny", Issues{LongLines: 1}},
	} {
		got, issues, err := c.e.clean([]byte(c.in))
		if err != nil || string(got) != c.want || issues != c.issues {
			t.Errorf("%v of %.40q: %.40q %+v (%v), want %.40q %+v", c.e, c.in, got, issues, err, c.want, c.issues)
		}
	}
}

// A large file comes in parts, which together are the file, and are the same for any number of workers.
func TestLargeFilesComeInParts(t *testing.T) {
	text := strings.Repeat("word wörd ", 1200000)
	path := filepath.Join(tree(t, map[string]string{"a.txt": text}), "a.txt")
	c, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var whole []byte
	parts, more := 0, true
	for d, err := range c.Documents(context.Background()) {
		if err != nil || !more || !utf8.Valid(d.Text) {
			t.Fatal(err, more)
		}
		if more = d.More; more && !strings.HasSuffix(string(d.Text), "word") && !strings.HasSuffix(string(d.Text), "wörd") {
			t.Errorf("a part ends in %q", d.Text[len(d.Text)-5:])
		}
		whole, parts = append(whole, d.Text...), parts+1
	}
	if string(whole) != text || parts != 4 || more {
		t.Errorf("%d parts with %d bytes of %d", parts, len(whole), len(text))
	}
}

func FuzzClean(f *testing.F) {
	f.Add([]byte("a\xffb\r\n\x00\u0085é"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, e := range []Encoding{Replace, Windows1252} {
			got, _, err := e.clean(b)
			if err != nil || !utf8.Valid(got) || bytes.ContainsAny(got, "\r\x00\x7f") {
				t.Errorf("%q becomes %q (%v)", b, got, err)
			}
			if again, issues, _ := e.clean(got); !bytes.Equal(again, got) || issues != (Issues{}) {
				t.Errorf("%q is cleaned twice: %q", got, again)
			}
		}
		if got, _, err := Strict.clean(b); err == nil && !utf8.Valid(b) {
			t.Errorf("strict accepts %q as %q", b, got)
		}
	})
}

// All parsers of structured files: whatever the bytes, an error or documents of valid UTF-8.
func FuzzRecords(f *testing.F) {
	for i, s := range []string{"plain text", `{"text":"x"}`, `[{"text":"x"}]`, "text,id\nx,1\n", "text\tid\nx\t1", "<mediawiki><page><title>T</title><ns>0</ns><revision><text>x</text></revision></page></mediawiki>"} {
		f.Add([]byte(s), uint8(i))
	}
	f.Fuzz(func(t *testing.T, b []byte, f uint8) {
		c := &Corpus{path: "fuzz", options: Options{Field: "text", Workers: 1}}
		format := format(f % uint8(parquetRows))
		in := func(yield func(record, error) bool) {
			switch format {
			case mediaWiki:
				wikiRecords(bytes.NewReader(b))(yield)
			case plain:
				r, converted := decodeUTF16(bytes.NewReader(b))
				plainRecords(r, converted)(yield)
			default:
				c.structured(format, bytes.NewReader(b))(yield)
			}
		}
		for r, err := range in {
			if err != nil {
				return
			}
			r.file = &file{name: "x", format: format}
			if d, err := c.document(r); err == nil && d != nil && !utf8.Valid(d.Text) {
				t.Errorf("%q gives %q", b, d.Text)
			}
		}
	})
}
