package event

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReaderOnGrowingInput(t *testing.T) {
	text := `{"kind":"warned","step":1,"message":"a"}` + "\n\n" + `{"kind":"warned","step":2,"message":"b"}` + "\n"
	var b bytes.Buffer
	r := NewReader(&b)
	var got []int64
	for i := range len(text) {
		b.WriteByte(text[i])
		e, err := r.Next()
		if err == nil {
			got = append(got, e.Step)
		} else if err != io.EOF {
			t.Fatal(err)
		}
	}
	if len(got) != 2 || got[0] != 1 || got[1] != 2 {
		t.Error(got)
	}
}

func TestReaderSkipsBadLines(t *testing.T) {
	huge := `{"kind":"warned","message":"` + strings.Repeat("x", maxLine) + `"}`
	lines := []string{"{}", "null", "[1]", `{"kind":3}`, `{"kind":"progress","loss":"x"}`, huge, `{"kind":"warned","step":9}`, "\x00\xff"}
	r := NewReader(strings.NewReader(strings.Join(lines, "\n") + "\n"))
	for i := range lines {
		e, err := r.Next()
		var bad *LineError
		if i == 6 {
			if err != nil || e.Step != 9 {
				t.Error(e, err)
			}
		} else if !errors.As(err, &bad) || bad.Line != i+1 {
			t.Errorf("line %d: %v %v", i+1, e, err)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Error(err)
	}
}

// TestFollow follows a log from before it exists, over a line in pieces, and into its replacement.
func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	appendText := func(s string) {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			t.Error(err)
			return
		}
		f.WriteString(s)
		f.Close()
	}
	steps := []func(){ // each makes one more event readable
		func() { appendText(`{"kind":"warned","step":1}` + "\n" + `{"kind":"war`) },
		func() { appendText(`ned","step":2}` + "\n") },
		func() { appendText("rubbish\n") },
		func() { os.Truncate(path, 0); appendText(`{"kind":"warned","step":4}` + "\n") },
		func() { os.Remove(path); appendText(`{"kind":"warned","step":5}` + "\n") },
	}
	next := 0
	go func() {
		time.Sleep(5 * time.Millisecond)
		steps[0]()
	}()
	for e, err := range Follow(ctx, path, time.Millisecond) {
		next++
		var bad *LineError
		if wantBad := next == 3; errors.As(err, &bad) != wantBad || !wantBad && (err != nil || e.Step != int64(next)) {
			t.Fatal(next, e, err)
		}
		if next == len(steps) {
			break
		}
		steps[next]()
	}
	if next != len(steps) {
		t.Error(next, "events came")
	}
}

func TestFollowEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for e, err := range Follow(ctx, filepath.Join(t.TempDir(), "none"), time.Hour) {
		t.Error(e, err)
	}
	for _, err := range Follow(context.Background(), "bad\x00name", time.Hour) {
		if err == nil {
			t.Error("an impossible name has events")
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, body := range all {
		line, err := Event{noon, 7, 448, body}.MarshalJSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(line, '\n'))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(bytes.NewReader(b))
		for range bytes.Count(b, []byte{'\n'}) + 1 {
			e, err := r.Next()
			if err == io.EOF {
				return
			}
			if err != nil {
				continue
			}
			if _, err := e.MarshalJSON(); err != nil {
				t.Fatal("cannot be written again:", err)
			}
		}
		t.Fatal("more events than lines")
	})
}
