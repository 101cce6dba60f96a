package bunzip

import (
	"bytes"
	"compress/bzip2"
	"encoding/base64"
	"io"
	"testing"
)

// Python: base64.b64encode(bz2.compress(b"hello, world\n" * 3)), and of an empty input.
const hello, empty = "QlpoOTFBWSZTWWe6eFUAAAjRgAAQQAQGRJCAIAAiv9VGmmIQAwhClKStbumPMfF3JFOFCQZ7p4VQ", "QlpoORdyRThQkAAAAAA="

func stream(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func read(b []byte, workers int) ([]byte, error) {
	r := NewReader(bytes.NewReader(b), workers)
	defer r.Close()
	return io.ReadAll(r)
}

// Thousands of streams, some empty, must give what the sequential reader gives.
func TestManyStreams(t *testing.T) {
	var file, want []byte
	for len(file) < 3*chunk {
		file = append(file, stream(t, hello)...)
		want = append(want, bytes.Repeat([]byte("hello, world\n"), 3)...)
		if len(file)%5 == 0 {
			file = append(file, stream(t, empty)...)
		}
	}
	for _, workers := range []int{1, 4} {
		got, err := read(file, workers)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d workers: %d bytes, want %d (%v)", workers, len(got), len(want), err)
		}
	}
}

func TestDamagedAndEmpty(t *testing.T) {
	if got, err := read(nil, 2); err != nil || len(got) != 0 {
		t.Errorf("an empty file gives %q (%v)", got, err)
	}
	b := stream(t, hello)
	for _, bad := range [][]byte{b[:len(b)-3], []byte("no bzip2"), append(bytes.Clone(b), "tail"...)} {
		if _, err := read(bad, 2); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestLeftEarly(t *testing.T) {
	r := NewReader(bytes.NewReader(bytes.Repeat(stream(t, hello), 50000)), 3)
	if _, err := r.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 10)); err == nil {
		t.Error("reading after Close succeeded")
	}
}

func FuzzReader(f *testing.F) {
	f.Add(stream(f, hello))
	f.Add(append(stream(f, hello), stream(f, empty)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		want, wantErr := io.ReadAll(bzip2.NewReader(bytes.NewReader(b)))
		got, err := read(b, 2)
		if len(b) > 0 && ((err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want)) {
			t.Fatalf("%d bytes (%v), sequentially %d (%v)", len(got), err, len(want), wantErr)
		}
	})
}
