package data

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// small is a named set of the files that a test server has.
func small(files map[string][]byte) Named {
	n := Named{Name: "small", Classes: []string{"no", "yes", "maybe"}}
	for name, b := range files {
		sum := sha256.Sum256(b)
		n.Files = append(n.Files, RemoteFile{name, int64(len(b)), hex.EncodeToString(sum[:])})
	}
	return n
}

func TestGet(t *testing.T) {
	files := mnistFiles()
	src := writeFiles(t, files)
	var ranges []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range"))
		http.ServeFile(w, r, filepath.Join(src, filepath.Base(r.URL.Path)))
	}))
	defer server.Close()
	set := small(files)
	for _, from := range []string{server.URL + "/mirror", src} {
		dir := filepath.Join(t.TempDir(), "new")
		path, err := set.get(context.Background(), dir, GetOptions{From: from})
		if err != nil {
			t.Fatal(err)
		}
		if s := mustOpen(t, path, OpenOptions{}); s.Len() != 3 || s.Classes()[2] != "maybe" {
			t.Errorf("%s: %d pictures, classes %v", from, s.Len(), s.Classes())
		}
	}
	if len(ranges) != 4 {
		t.Errorf("%d requests, want 4", len(ranges))
	}
	// Again: nothing is fetched. With one file cut short under its .part name: only its rest is.
	dir := t.TempDir()
	if _, err := set.get(context.Background(), dir, GetOptions{From: server.URL}); err != nil {
		t.Fatal(err)
	}
	ranges = nil
	name := "train-images-idx3-ubyte.gz"
	os.Remove(filepath.Join(dir, name))
	os.WriteFile(filepath.Join(dir, name+".part"), files[name][:10], 0o644)
	if _, err := set.get(context.Background(), dir, GetOptions{From: server.URL}); err != nil {
		t.Fatal(err)
	}
	if len(ranges) != 1 || ranges[0] != "bytes=10-" {
		t.Errorf("requests %q, want one for bytes=10-", ranges)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, name)); string(got) != string(files[name]) {
		t.Error("the resumed file differs")
	}
}

func TestGetFailures(t *testing.T) {
	body := []byte(strings.Repeat("data", 1000))
	set := small(map[string][]byte{"f.bin": body})
	var serve http.HandlerFunc
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(w, r) }))
	defer server.Close()
	dir := t.TempDir()
	get := func() error {
		_, err := set.get(context.Background(), dir, GetOptions{From: server.URL})
		return err
	}
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		want  string
	}{
		"wrong content": {func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(strings.Repeat("DATA", 1000))) }, "SHA-256"},
		"too long":      {func(w http.ResponseWriter, r *http.Request) { w.Write(append(body, 1)) }, "4001 bytes"},
		"missing":       {http.NotFound, "404"},
	} {
		serve = c.serve
		if err := get(); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "f.bin") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A connection that breaks: the bytes are kept, and the next call asks for the rest; this server ignores ranges.
	serve = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "4000")
		w.Write(body[:1500])
	}
	if err := get(); err == nil || !strings.Contains(err.Error(), "1500 of 4000 bytes") {
		t.Errorf("broken connection: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "f.bin.part")); err != nil || info.Size() != 1500 {
		t.Errorf("the part has %v bytes, %v", info, err)
	}
	serve = func(w http.ResponseWriter, r *http.Request) { w.Write(body) }
	if err := get(); err != nil {
		t.Errorf("server without ranges: %v", err)
	}
	if _, err := Get(context.Background(), "imagenet", dir, GetOptions{}); err == nil || !strings.Contains(err.Error(), "fashion-mnist") {
		t.Errorf("unknown name: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := set.get(ctx, t.TempDir(), GetOptions{From: server.URL}); err == nil {
		t.Error("a cancelled fetch succeeded")
	}
}

func TestNamedSetsAreComplete(t *testing.T) {
	for _, n := range NamedSets() {
		for _, f := range n.Files {
			if len(f.SHA256) != 64 || f.Size <= 0 || n.From == "" {
				t.Errorf("%s %s has no full address or checksum", n.Name, f.Name)
			}
		}
	}
}
