package data

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func prepared(t testing.TB, s Set, o PrepareOptions) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "set.ebbdata")
	if _, err := Prepare(context.Background(), s, path, o); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCacheKeepsEverything(t *testing.T) {
	s := randomSet(9, 5, 4, 4)
	s.pics[2] = &Picture{Height: 1, Width: 2, Channels: 1, Depth: Bits16, Pix: []byte{1, 2, 3, 4}}
	s.pics[3] = &Picture{Height: 1, Width: 1, Channels: 2, Depth: Float32, Pix: make([]byte, 8)}
	s.labels[4] = -1
	s.bad[5] = true
	path := prepared(t, s, PrepareOptions{MaxBroken: 0.2, Workers: 1})
	other := prepared(t, s, PrepareOptions{MaxBroken: 0.2, Workers: 4})
	a, _ := os.ReadFile(path)
	b, _ := os.ReadFile(other)
	if string(a) != string(b) {
		t.Error("the number of workers changes the file")
	}
	c := mustOpen(t, path, OpenOptions{})
	if c.Len() != 9 || len(c.Classes()) != 2 || c.Notes()[0] != "in memory" {
		t.Fatalf("%d pictures, %v, %v", c.Len(), c.Classes(), c.Notes())
	}
	for i := range 9 {
		p, err := c.Picture(i)
		q, want := s.Picture(i)
		if (err == nil) != (want == nil) || err != nil && err.Error() != want.Error() {
			t.Errorf("picture %d: error %v, want %v", i, err, want)
			continue
		}
		if err == nil && (string(p.Pix) != string(q.Pix) || p.Alpha != q.Alpha || p.Depth != q.Depth || p.Height != q.Height) {
			t.Errorf("picture %d differs", i)
		}
		h, _ := c.Hash(i)
		g, _ := s.Hash(i)
		if c.Entry(i) != s.Entry(i) || h != g {
			t.Errorf("picture %d: entry %+v", i, c.Entry(i))
		}
	}
}

func TestPrepareRefusesTooManyBroken(t *testing.T) {
	s := randomSet(9, 5, 4, 3)
	s.bad[5], s.bad[7] = true, true
	dir := t.TempDir()
	_, err := Prepare(context.Background(), s, filepath.Join(dir, "x"), PrepareOptions{MaxBroken: 0.2})
	var many *TooManyBrokenError
	if !errors.As(err, &many) || len(many.Broken) != 2 || many.Broken[0].Name != "p5" {
		t.Errorf("error %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%v is left behind", left)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Prepare(ctx, s, filepath.Join(dir, "x"), PrepareOptions{MaxBroken: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := Prepare(context.Background(), s, filepath.Join(dir, "missing", "x"), PrepareOptions{}); err == nil {
		t.Error("a missing folder was accepted")
	}
}

func TestPrepareResizes(t *testing.T) {
	path := prepared(t, randomSet(3, 5, 9, 3), PrepareOptions{Resize: &Preprocess{Height: 4, Width: 4, Channels: 1, Fit: FitCrop}})
	p, err := mustOpen(t, path, OpenOptions{}).Picture(1)
	if err != nil || p.Height != 4 || p.Width != 4 || p.Channels != 1 {
		t.Errorf("%+v, %v", p, err)
	}
}

// Every byte of a cache matters: a flip anywhere is noticed when it is opened or when a picture is read, or it lies in
// the padding between pictures.
func TestDamagedCache(t *testing.T) {
	s := randomSet(3, 4, 5, 3)
	path := prepared(t, s, PrepareOptions{})
	good, _ := os.ReadFile(path)
	silent := 0
	for i := range good {
		b := append([]byte(nil), good...)
		b[i] ^= 0x10
		if cacheOf(t, b) == nil {
			silent++
		}
	}
	if padding := 2 * (64 - 60); silent != padding {
		t.Errorf("%d flips go unnoticed, expected the %d of padding", silent, padding)
	}
	for _, n := range []int{0, 7, 63, 64, 100, len(good) / 2, len(good) - 1} {
		if cacheOf(t, good[:n]) == nil {
			t.Errorf("cut to %d bytes goes unnoticed", n)
		}
	}
	b := append([]byte(nil), good...)
	b[70] ^= 1
	if err := cacheOf(t, b); err == nil || !strings.Contains(err.Error(), "prepare the cache again") {
		t.Errorf("damaged samples: %v", err)
	}
	b[len(b)-1] ^= 1
	if err := cacheOf(t, b); err == nil || !strings.Contains(err.Error(), "checksum of its index") {
		t.Errorf("damaged index: %v", err)
	}
}

// cacheOf opens the bytes as a cache and reads all of it.
func cacheOf(t testing.TB, b []byte) error {
	path := filepath.Join(t.TempDir(), "c")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := openCache(path)
	if err != nil {
		return err
	}
	defer s.Close()
	for i := range s.Len() {
		s.Entry(i)
		if _, err := s.Picture(i); err != nil {
			return err
		}
	}
	return nil
}

func FuzzCache(f *testing.F) {
	good, _ := os.ReadFile(prepared(f, randomSet(2, 2, 2, 1), PrepareOptions{}))
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		sealed := append([]byte(nil), b...)
		seal(sealed) // with a right checksum, so that the fields behind it are reached
		for _, in := range [][]byte{b, sealed} {
			if s, err := parseCache(in); err == nil {
				for i := range s.Len() {
					s.Entry(i)
				}
			}
		}
	})
}
