package text

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/mmap"
)

func prepared(t testing.TB, tok Tokenizer, d Documents) (string, *Tokens) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sub", "x.tokens")
	if _, err := Prepare(context.Background(), d, tok, path, nil); err != nil {
		t.Fatal(err)
	}
	tokens, err := OpenTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tokens.Close() })
	return path, tokens
}

func labelled(n int) Documents {
	return func(yield func(Document, error) bool) {
		for i := range n {
			if !yield(Document{Class: []string{"b", "a", ""}[i%3], Text: fmt.Appendf(nil, "text number %d, é", i)}, nil) {
				return
			}
		}
	}
}

// File and memory must hold the same, for 16 and 32 bits, and give the documents back.
func TestTokensKeepDocuments(t *testing.T) {
	wide := make([]rune, 70000)
	for i := range wide {
		wide[i] = rune(0x10000 + i)
	}
	big, err := NewChars(append(wide, []rune("0123456789 ,textnumbré\uFFFD")...)[:70000], false)
	if err == nil {
		big, err = NewChars(append([]rune("0123456789 ,texnumbré"), wide...), true)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, tok := range []Tokenizer{NewBytes(true), NewBytes(false), big} {
		_, file := prepared(t, tok, labelled(50))
		memory, err := Tokenize(context.Background(), labelled(50), tok)
		if err != nil {
			t.Fatal(err)
		}
		if file.Meta().Documents != 50 || fmt.Sprint(file.Meta()) != fmt.Sprint(memory.Meta()) || fmt.Sprint(file.Meta().Classes) != "[a b]" {
			t.Errorf("file %+v, memory %+v", file.Meta(), memory.Meta())
		}
		if file.width != tokenWidth(tok.Vocab()) {
			t.Errorf("%d ids in %d bytes each", tok.Vocab(), file.width)
		}
		for i := range 50 {
			ids, class, err := file.Document(i)
			ids2, class2, err2 := memory.Document(i)
			text, err3 := tok.Decode(nil, ids)
			if err := errors.Join(err, err2, err3); err != nil || !slices.Equal(ids, ids2) || class != class2 || class != []int32{1, 0, -1}[i%3] || string(text) != fmt.Sprintf("text number %d, é", i) {
				t.Fatalf("document %d: %q of class %d (%v)", i, text, class, err)
			}
		}
		if err := file.CheckTokenizer(tok); err != nil {
			t.Error(err)
		}
		if err := file.CheckTokenizer(trained(t)); err == nil {
			t.Error("another tokenizer was accepted")
		}
	}
}

// The bytes of a token file do not depend on the number of processors.
func TestPrepareIsDeterministic(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	one, _ := prepared(t, NewBytes(true), labelled(20000))
	runtime.GOMAXPROCS(4)
	four, _ := prepared(t, NewBytes(true), labelled(20000))
	a, err := os.ReadFile(one)
	b, err2 := os.ReadFile(four)
	if err != nil || err2 != nil || !bytes.Equal(a, b) {
		t.Errorf("%d and %d bytes differ (%v, %v)", len(a), len(b), err, err2)
	}
}

// Every damaged or cut file is refused, or refused when the damaged tokens are read; nothing is left behind by a failing Prepare.
func TestDamagedTokenFiles(t *testing.T) {
	path, _ := prepared(t, NewBytes(true), labelled(40))
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(b []byte) error {
		p := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(p, b, 0o666); err != nil {
			t.Fatal(err)
		}
		tokens, err := OpenTokens(p)
		if err != nil {
			return err
		}
		defer tokens.Close()
		return tokens.read(make([]int32, tokens.meta.Tokens), 0)
	}
	if err := check(good); err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(good); at += 1 + len(good)/150 {
		if at >= 56 && at < 64 {
			continue // room for later
		}
		bad := bytes.Clone(good)
		bad[at] ^= 0x10
		if check(bad) == nil {
			t.Errorf("a changed byte %d was not seen", at)
		}
		if check(good[:at]) == nil {
			t.Errorf("%d of %d bytes were accepted", at, len(good))
		}
	}
	dir := t.TempDir()
	broken := errors.New("broken")
	_, err = Prepare(context.Background(), func(yield func(Document, error) bool) {
		if yield(Document{Text: []byte("x")}, nil) {
			yield(Document{}, broken)
		}
	}, NewBytes(false), filepath.Join(dir, "x"), nil)
	left, err2 := os.ReadDir(dir)
	if !errors.Is(err, broken) || err2 != nil || len(left) != 0 {
		t.Errorf("a failing Prepare left %v (%v, %v)", left, err, err2)
	}
	if _, err := Tokenize(context.Background(), docs(), NewBytes(false)); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("an empty corpus gives %v", err)
	}
}

func FuzzTokensFile(f *testing.F) {
	path, _ := prepared(f, NewBytes(true), labelled(3))
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > tokensHeader { // make the checksum right, so that what lies behind it is tried too
			if at := binary.LittleEndian.Uint64(b[8:]); at <= uint64(len(b)) {
				b = bytes.Clone(b)
				fixSum(b, at)
			}
		}
		var tokens Tokens
		if err := mmap.Guard(func() error { return tokens.parse(b) }); err == nil {
			for i := range tokens.meta.Documents {
				tokens.Document(i)
			}
		}
	})
}

func TestSplit(t *testing.T) {
	tokens, err := Tokenize(context.Background(), labelled(1000), NewBytes(true))
	if err != nil {
		t.Fatal(err)
	}
	train, held, err := tokens.Split(0.1, 5)
	if err != nil || train.Len()+held.Len() != tokens.meta.Tokens || held.Documents() < 60 || held.Documents() > 140 {
		t.Fatalf("%d held out (%v)", held.Documents(), err)
	}
	// Twice the documents: each copy stays on its original's side.
	twice, err := Tokenize(context.Background(), func(yield func(Document, error) bool) {
		labelled(1000)(yield)
		labelled(1000)(yield)
	}, NewBytes(true))
	if err != nil {
		t.Fatal(err)
	}
	_, held2, err := twice.Split(0.1, 5)
	if err != nil || held2.Documents() != 2*held.Documents() {
		t.Errorf("%d of twice the documents, %d of once (%v)", held2.Documents(), held.Documents(), err)
	}
	if _, other, _ := tokens.Split(0.1, 6); fmt.Sprint(other.spans) == fmt.Sprint(held.spans) {
		t.Error("the seed does not matter")
	}
	// One document: its end is held out.
	single, err := Tokenize(context.Background(), docs(strings.Repeat("0123456789", 123)), NewBytes(false))
	if err != nil {
		t.Fatal(err)
	}
	train, held, err = single.Split(0.01, 0)
	if err != nil || held.Len() != 12 || train.Len() != 1218 {
		t.Errorf("%d and %d tokens (%v)", train.Len(), held.Len(), err)
	}
	last := make([]int32, 12)
	if err := held.Read(last, 0); err != nil || last[11] != '9' || last[0] != '8' {
		t.Errorf("held out %v (%v)", last, err)
	}
}

// Documents of a part are those of the corpus, with their classes, which may be numbered as another corpus does.
func TestDocumentsOfAPart(t *testing.T) {
	tokens, err := Tokenize(context.Background(), labelled(300), NewBytes(true))
	if err != nil {
		t.Fatal(err)
	}
	_, held, err := tokens.Split(0.1, 5)
	if err != nil {
		t.Fatal(err)
	}
	names := tokens.meta.Classes
	turned := held.Relabel([]string{"another", names[1]})
	for i := range held.Documents() {
		ids, class, err := held.Document(i)
		if err != nil {
			t.Fatal(err)
		}
		own, _, _ := turned.Document(i)
		_, other, _ := turned.Document(i)
		if _, back, _ := turned.Relabel([]string{names[1]}).Document(i); other == 1 && back != 0 {
			t.Fatalf("relabelled twice, document %d is of class %d", i, back)
		}
		want := int32(-1)
		if class == 1 {
			want = 1
		}
		if s := held.spans[i]; int64(len(ids)) != s.to-s.from || class != s.class || !slices.Equal(ids, own) || other != want {
			t.Fatalf("document %d has %d tokens of class %d, relabelled %d", i, len(ids), class, other)
		}
	}
	if _, _, err := held.Document(held.Documents()); err == nil {
		t.Error("a document after the last was returned")
	}
}

// One epoch has every token of the windows once; batches are functions of the step; windows cross documents.
func TestPackedWindows(t *testing.T) {
	tokens, err := Tokenize(context.Background(), docs("abcdefg", "hijklm", "nopqrstuvwxyz"), NewBytes(false))
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLoader(tokens.All(), LoaderConfig{Batch: 2, Length: 4, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if l.Windows() != 5 {
		t.Fatalf("%d windows of 4 in 26 tokens with any start", l.Windows())
	}
	count := map[int32]int{}
	for step := range int64(5 * 40) {
		b, err := l.Batch(step)
		if err != nil {
			t.Fatal(err)
		}
		again, err := l.Batch(step)
		if err != nil || !slices.Equal(b.Tokens, again.Tokens) {
			t.Fatalf("step %d differs when asked again", step)
		}
		for i, id := range b.Tokens {
			count[id]++
			if i%4 > 0 && id != b.Tokens[i-1]+1 {
				t.Fatalf("row %v is no stretch of the text", b.Tokens)
			}
		}
	}
	if count['m'] != 80 || count['a'] >= 80 || count['a'] == 0 || count['z'] == 0 {
		t.Errorf("in 80 epochs m occurs %d times, a %d, z %d", count['m'], count['a'], count['z'])
	}
	even, err := l.Even(3)
	if text, _ := NewBytes(false).Decode(nil, even.Tokens); err != nil || string(text) != "abcdhijkopqr" {
		t.Errorf("evenly spaced %q (%v)", text, err)
	}
	all, err := l.Even(0)
	if text, _ := NewBytes(false).Decode(nil, all.Tokens); err != nil || string(text) != "abcdefghijklmnopqrstuvwx" {
		t.Errorf("all windows %q (%v)", text, err)
	}
	if _, err := NewLoader(tokens.All(), LoaderConfig{Batch: 1, Length: 27}); err == nil || !strings.Contains(err.Error(), "shorter") {
		t.Errorf("a window longer than the corpus: %v", err)
	}
	if l, err := NewLoader(tokens.All(), LoaderConfig{Batch: 1, Length: 26}); err != nil || l.Windows() != 1 {
		t.Errorf("a window as long as the corpus: %v", err)
	}
}

func TestSeparateWindows(t *testing.T) {
	tok := NewBytes(true)
	tokens, err := Tokenize(context.Background(), labelled(9), tok)
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLoader(tokens.All(), LoaderConfig{Batch: 3, Length: 8, Packing: Separate})
	if err != nil || l.Windows() != 27 {
		t.Fatalf("%d windows (%v)", l.Windows(), err)
	}
	all, err := l.Even(0)
	if err != nil {
		t.Fatal(err)
	}
	for row := range 27 {
		ids, free := all.Tokens[row*8:][:8], all.Free[row*8:][:8]
		text, err := tok.Decode(nil, ids)
		want := fmt.Sprintf("text number %d, é", row/3)
		want = want[row%3*8 : min(len(want), row%3*8+8)]
		if err != nil || string(text) != want || all.Class[row] != []int32{1, 0, -1}[row/3%3] {
			t.Errorf("row %d: %q of class %d, want %q (%v)", row, text, all.Class[row], want, err)
		}
		for j := range ids {
			if free[j] != (ids[j] != tok.Special().Pad) {
				t.Errorf("row %d: %v with free %v", row, ids, free)
			}
		}
	}
	if _, err := NewLoader(tokens.All(), LoaderConfig{Batch: 0, Length: 8}); err == nil {
		t.Error("a batch of nothing was accepted")
	}
	plain, err := Tokenize(context.Background(), labelled(9), NewBytes(false))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewLoader(plain.All(), LoaderConfig{Batch: 1, Length: 8, Packing: Separate}); err == nil {
		t.Error("padding without a pad was accepted")
	}
}

func fixSum(b []byte, at uint64) {
	sum := sha256.Sum256(b[at:])
	copy(b[24:56], sum[:])
}
