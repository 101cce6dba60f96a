package text

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestCharsAndBytes(t *testing.T) {
	learnt, err := LearnChars(docs("banana é", "cab\n"), 0, true)
	if err != nil || string(learnt.Alphabet()) != "\n abcné" || learnt.Vocab() != 9 || learnt.Special() != (Special{None, 7, 8}) {
		t.Fatalf("learnt %q (%v)", string(learnt.Alphabet()), err)
	}
	few, err := LearnChars(docs("aaabbbccde"), 4, false)
	if err != nil || string(few.Alphabet()) != "abc\uFFFD" {
		t.Fatalf("four of five: %q (%v)", string(few.Alphabet()), err)
	}
	if ids, err := few.Encode(nil, []byte("ade東")); err != nil || len(ids) != 4 || ids[3] != 3 {
		t.Errorf("unknown characters: %v (%v)", ids, err)
	}
	var unknown *UnknownError
	if _, err := learnt.Encode(nil, []byte("baé東")); !errors.As(err, &unknown) || unknown.Rune != '東' || unknown.Offset != 4 {
		t.Errorf("unknown character: %v", err)
	}
	for _, tok := range []Tokenizer{learnt, few, NewBytes(true), NewBytes(false), trained(t)} {
		text := "cab ban"
		if tok == Tokenizer(few) {
			text = "cabba"
		}
		ids, err := tok.Encode([]int32{5}, []byte(text))
		if err != nil || ids[0] != 5 {
			t.Fatal(ids, err)
		}
		if back, err := tok.Decode([]byte("x"), ids[1:]); err != nil || string(back) != "x"+text {
			t.Errorf("%q comes back as %q (%v)", text, back, err)
		}
		for _, id := range tok.Special().ids() {
			if back, err := tok.Decode(nil, []int32{id}); err != nil || len(back) != 0 {
				t.Errorf("special id %d is %q (%v)", id, back, err)
			}
		}
		for _, bad := range []int32{-1, int32(tok.Vocab()), int32(tok.Vocab()) + 1} {
			if _, err := tok.Decode(nil, []int32{bad}); err == nil {
				t.Errorf("id %d was decoded", bad)
			}
		}
		if err := CheckSpecial(tok); err != nil {
			t.Error(err)
		}
		var file bytes.Buffer
		if err := tok.Write(&file); err != nil {
			t.Fatal(err)
		}
		read, err := ReadTokenizer(&file)
		if err != nil {
			t.Fatal(err)
		}
		a, err := Fingerprint(tok)
		b, err2 := Fingerprint(read)
		if err != nil || err2 != nil || a != b || read.Special() != tok.Special() {
			t.Errorf("stored and read: %s becomes %s (%v, %v)", a, b, err, err2)
		}
	}
	if _, err := NewChars([]rune("aba"), false); err == nil {
		t.Error("a character twice in the alphabet was accepted")
	}
}

// The guard of special ids: pad and end of text the same, or one of them a token of the text.
func TestCheckSpecial(t *testing.T) {
	for want, s := range map[string]Special{
		"both token 257": {None, 257, 257},
		"also stands":    {None, 65, None},
		"mask":           {None, None, 258},
		"outside":        {300, None, None},
	} {
		b := NewBytes(true)
		b.special = s
		if err := CheckSpecial(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want an error about %q", s, err, want)
		}
	}
}

func TestShow(t *testing.T) {
	b := NewBytes(true)
	got, err := Show(b, []int32{258, 'a', 258, 258, 'b', 256, 'c'}, "_")
	if err != nil || got != "_a__bc" {
		t.Errorf("%q (%v)", got, err)
	}
}

func TestEquations(t *testing.T) {
	for _, e := range []Equations{DefaultEquations(), {Documents: 300, Each: 5, Max: 9, Fixed: true, Seed: 4}} {
		e.Documents = 300
		lengths := map[int]bool{}
		for d, err := range e.All() {
			if err != nil {
				t.Fatal(err)
			}
			if v := CheckEquations(d.Text, true); v.True != e.Each || v.Share() != 1 {
				t.Fatalf("%q: %+v", d.Text, v)
			}
			if strings.Trim(string(d.Text), EquationAlphabet) != "" {
				t.Fatalf("%q", d.Text)
			}
			lengths[len(d.Text)] = true
		}
		if (len(lengths) == 1) != e.Fixed {
			t.Errorf("lengths %v with fixed %v", lengths, e.Fixed)
		}
	}
	v := CheckEquations([]byte("5=5;1+2=3;01+1=2;1+1=3;1+=1;1++1=2;x;;1+1=2=2;4+4=8"), false)
	if v != (Verdict{True: 2, False: 1, Malformed: 5}) {
		t.Errorf("%+v", v)
	}
	if v := CheckEquations([]byte("1+1=2;"), true); v.True != 1 {
		t.Errorf("%+v", v)
	}
	if v := CheckEquations([]byte("99999999999999999999+1=0;"), true); v.Malformed != 1 {
		t.Errorf("an overflow gives %+v", v)
	}
	for _, err := range (Equations{}).All() {
		if err == nil {
			t.Error("equations of nothing were made")
		}
	}
}

func FuzzEquations(f *testing.F) {
	f.Add([]byte("1+2=3;"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v := CheckEquations(b, true); v.True+v.False+v.Malformed != bytes.Count(b, []byte(";")) {
			t.Errorf("%q: %+v", b, v)
		}
	})
}

func TestInspect(t *testing.T) {
	r, err := Inspect(labelled(40))
	if err != nil || r.Documents != 40 || r.Alphabet != 21 || r.Words != 160 || len(r.Classes) != 2 || r.Sizes[0] != 17 {
		t.Fatalf("%+v (%v)", r, err)
	}
	again, err := Inspect(docs("same text", "same text", "", "x"))
	if err != nil || again.Duplicates != 1 || again.Empty != 1 || len(again.Advice) < 3 {
		t.Errorf("%+v (%v)", again, err)
	}
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil || !strings.Contains(b.String(), "class       a") || !strings.Contains(b.String(), "--tokenizer chars") {
		t.Errorf("%s (%v)", b.String(), err)
	}
	none, err := Inspect(docs())
	if err != nil || none.Documents != 0 || len(none.Advice) != 1 {
		t.Errorf("%+v (%v)", none, err)
	}
}

func TestEncodeMasked(t *testing.T) {
	b := NewBytes(false)
	ids, err := EncodeMasked(b, "a[MASK]b[MASK:3]")
	if err != nil || !slices.Equal(ids, []int32{'a', 256, 'b', 256, 256, 256}) {
		t.Errorf("%v (%v)", ids, err)
	}
	for _, bad := range []string{"[MASK", "[MASK:]", "[MASK:0]", "[MASK:-1]", "[MASK:99999999]", "[MASKS]"} {
		if ids, err := EncodeMasked(b, bad); err == nil {
			t.Errorf("%s gives %v", bad, ids)
		}
	}
}

func FuzzEncodeMasked(f *testing.F) {
	f.Add("x[MASK:2]y")
	f.Fuzz(func(t *testing.T, s string) {
		if ids, err := EncodeMasked(NewBytes(false), s); err == nil && len(ids) < strings.Count(s, "[MASK") {
			t.Errorf("%q gives %v", s, ids)
		}
	})
}

// The corpora at hand: one file of letters, whose end is held out; two folders of reviews in an archive, which are classes.
func TestCorporaAtHand(t *testing.T) {
	reviews, err := Open("../../shared/data/movie-reviews.zip", Options{})
	if err != nil {
		t.Skip("needs ../shared/data beside the repository")
	}
	defer reviews.Close()
	tokens, err := Tokenize(context.Background(), reviews.Documents(context.Background()), NewBytes(true))
	if err != nil {
		t.Fatal(err)
	}
	if m := tokens.Meta(); m.Documents != 2000 || strings.Join(m.Classes, " ") != "neg pos" {
		t.Errorf("reviews: %+v", m)
	}
	letters, err := Open("../../shared/data/english-a-z.txt.gz", Options{})
	if err != nil {
		t.Skip("needs ../shared/data/english-a-z.txt.gz")
	}
	tok, err := NewChars([]rune("abcdefghijklmnopqrstuvwxyz "), false)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err = Tokenize(context.Background(), letters.Documents(context.Background()), tok)
	if err != nil {
		t.Fatal(err)
	}
	n := tokens.Meta().Tokens
	train, held, err := tokens.Split(0.01, 0)
	if err != nil || tokens.Meta().Documents != 1 || held.Len() != n/100 || train.Len() != n-n/100 {
		t.Errorf("letters: %d and %d of %d tokens (%v)", train.Len(), held.Len(), n, err)
	}
}
