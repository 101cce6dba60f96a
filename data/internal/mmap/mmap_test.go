package mmap

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	os.WriteFile(path, []byte("hello"), 0o600)
	f, err := Open(path)
	if err != nil || string(f.Bytes()) != "hello" {
		t.Fatalf("error %v", err)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Errorf("closing, or closing again: %v", err)
		}
	}
	os.WriteFile(path, nil, 0o600)
	if _, err := Open(path); err == nil {
		t.Error("an empty file was mapped")
	}
	if _, err := Open(filepath.Dir(path)); err == nil {
		t.Error("a folder was mapped")
	}
}

// A file that shrinks under its mapping must give an error, not end the program.
func TestGuardTruncation(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems refuse the truncation or report it otherwise")
	}
	path := filepath.Join(t.TempDir(), "f")
	os.WriteFile(path, make([]byte, 1<<16), 0o600)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	os.Truncate(path, 0)
	err = Guard(func() error {
		if f.Bytes()[1<<15] == 1 {
			t.Error("read a one")
		}
		return nil
	})
	if err == nil {
		t.Error("no error from reading past the end of a truncated file")
	}
}
