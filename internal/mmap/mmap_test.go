package mmap

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpen(t *testing.T) {
	path := write(t, "hello")
	f, err := Open(path)
	if err != nil || string(f.Bytes()) != "hello" {
		t.Fatalf("error %v", err)
	}
	for range 2 {
		if err := f.Close(); err != nil || f.Bytes() != nil {
			t.Errorf("closing, or closing again: %v", err)
		}
	}
	if _, err := Open(write(t, "")); err == nil || !strings.Contains(err.Error(), "0 bytes") {
		t.Errorf("an empty file: %v", err)
	}
	if _, err := Open(filepath.Dir(path)); err == nil || !strings.Contains(err.Error(), "regular") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Open(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// Mapped and read content must be the same, and stay when the file is closed.
func TestMapAndRead(t *testing.T) {
	file, err := os.Open(write(t, "hello"))
	if err != nil {
		t.Fatal(err)
	}
	mapped, err := Map(file, 4)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Fatal(err)
	}
	whole, err := read(file, 5)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read(file, 6); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("reading more than there is: %v", err)
	}
	for _, size := range []int64{-1, 0} {
		if _, err := Map(file, size); err == nil {
			t.Errorf("%d bytes were mapped", size)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if string(whole.Bytes()) != "hello" || mapped != nil && string(mapped.Bytes()) != "hell" {
		t.Error("the content is not that of the file")
	}
	if err := whole.Close(); err != nil {
		t.Error(err)
	}
	if mapped != nil && mapped.Close() != nil {
		t.Error("closing the mapping failed")
	}
}

// A file that shrinks under its mapping must give an error, not end the program.
func TestGuardTruncation(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems refuse the truncation or report it otherwise")
	}
	path := write(t, strings.Repeat("\x00", 1<<16))
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
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

// Guard hides nothing but faults.
func TestGuardPassesOn(t *testing.T) {
	if err := Guard(func() error { return io.EOF }); err != io.EOF {
		t.Errorf("an error became %v", err)
	}
	defer func() {
		if r := recover(); r != "other" {
			t.Errorf("a panic became %v", r)
		}
	}()
	Guard(func() error { panic("other") })
}
