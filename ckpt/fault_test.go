package ckpt

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// faultyFS makes call number fail of a kind go wrong.
type faultyFS struct {
	FS
	fail  int
	how   fault
	calls int
	hit   string
}

type fault int

const (
	noSpace    fault = iota // the call fails with ENOSPC, a write after half its bytes
	ioError                 // the call fails with EIO
	shortWrite              // a write stops after half its bytes and reports no error
	lostWrite               // a write pretends to have written everything
	flippedBit              // a write changes a bit on the way to the disk
	faults
)

func (f *faultyFS) step(format string, args ...any) error {
	f.calls++
	if f.calls != f.fail {
		return nil
	}
	f.hit = fmt.Sprintf(format, args...)
	switch f.how {
	case noSpace:
		return syscall.ENOSPC
	case ioError:
		return syscall.EIO
	}
	return nil
}

func (f *faultyFS) MkdirAll(dir string) error {
	if err := f.step("mkdir %s", dir); err != nil {
		return err
	}
	return f.FS.MkdirAll(dir)
}

func (f *faultyFS) Create(name string) (File, error) {
	if err := f.step("create %s", name); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name)
	return &faultyFile{file, f, name}, err
}

func (f *faultyFS) Rename(from, to string) error {
	if err := f.step("rename %s %s", from, to); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

func (f *faultyFS) Remove(name string) error {
	if err := f.step("remove %s", name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

func (f *faultyFS) SyncDir(dir string) error {
	if err := f.step("syncdir %s", dir); err != nil {
		return err
	}
	return f.FS.SyncDir(dir)
}

type faultyFile struct {
	File
	fs   *faultyFS
	name string
}

func (f *faultyFile) Write(b []byte) (int, error) {
	err := f.fs.step("write %s", f.name)
	if f.fs.calls != f.fs.fail {
		return f.File.Write(b)
	}
	switch f.fs.how {
	case lostWrite:
		f.File.Write(b[:len(b)/2])
		return len(b), nil
	case flippedBit:
		b = append([]byte{}, b...)
		b[len(b)/2] ^= 4
		return f.File.Write(b)
	}
	n, _ := f.File.Write(b[:len(b)/2])
	return n, err
}

func (f *faultyFile) Sync() error {
	if err := f.fs.step("sync %s", f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

// TestFailAnywhere makes every call of a save fail in every way on the real file system, through the public interface: the save reports it
// or is good, the checkpoint before stays, and the next save works.
func TestFailAnywhere(t *testing.T) {
	dir := t.TempDir()
	tried := 0
	for how := range faults {
		for n := 1; ; n++ {
			fs := &faultyFS{FS: OS(), how: how}
			if !failOnce(t, filepath.Join(dir, fmt.Sprint(how, n)), fs, n) {
				break
			}
			tried++
		}
	}
	t.Log(tried, "faults")
	if tried < 100 {
		t.Errorf("only %d faults: the sweep has lost its calls", tried)
	}
}

func failOnce(t *testing.T, dir string, fs *faultyFS, n int) (hit bool) {
	r, _, err := Open(dir, Options{Keep: 1, FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := errors.Join(r.Save(testSnapshot(1, 0)), r.Wait()); err != nil {
		t.Fatal(err)
	}
	fs.calls, fs.fail = 0, n
	failed := errors.Join(r.Save(testSnapshot(2, 0)), r.Wait())
	fs.fail = 0
	if fs.calls < n {
		return false
	}
	c, _, err := Load(dir)
	if err != nil {
		t.Fatalf("%s: fault %d: %v", fs.hit, fs.how, err)
	}
	if failed == nil && c.Step != 2 || same(c, c.Step, 0) != nil {
		t.Fatalf("%s: fault %d: reported %v, loads step %d", fs.hit, fs.how, failed, c.Step)
	}
	if failed == nil && strings.HasPrefix(fs.hit, "write") {
		t.Fatalf("%s: fault %d went unnoticed", fs.hit, fs.how)
	}
	if err := errors.Join(r.Save(testSnapshot(3, 0)), r.Wait()); err != nil {
		t.Fatalf("%s: fault %d: the next save: %v", fs.hit, fs.how, err)
	}
	if c, _, err := Load(dir); err != nil || same(c, 3, 0) != nil {
		t.Fatalf("%s: fault %d: after the next save: %v", fs.hit, fs.how, err)
	}
	return true
}

// TestDamageAnywhere changes every byte of every file of the newest checkpoint: it is refused by name and the one before is used.
func TestDamageAnywhere(t *testing.T) {
	dir := t.TempDir()
	writeRun(t, dir, 1, 2)
	folder := filepath.Join(dir, "checkpoints", "000000002")
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		path := filepath.Join(folder, file.Name())
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		damaged := [][]byte{nil, good[:len(good)-1], append(append([]byte{}, good...), '\n')}
		for i := range good {
			b := append([]byte{}, good...)
			b[i] ^= 1 << (i % 8)
			damaged = append(damaged, b)
		}
		for i, b := range damaged {
			if err := os.WriteFile(path, b, 0o666); err != nil {
				t.Fatal(err)
			}
			expectFallback(t, dir, path, fmt.Sprintf("%s, damage %d", path, i))
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		expectFallback(t, dir, folder, path+" missing")
		if err := os.WriteFile(path, good, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if c, skipped, err := Load(dir); err != nil || len(skipped) != 0 || c.Step != 2 {
		t.Error("the mended checkpoint is not used", skipped, err)
	}
}

func expectFallback(t *testing.T, dir, name, what string) {
	t.Helper()
	c, skipped, err := Load(dir)
	if err != nil || same(c, 1, 0) != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if len(skipped) != 1 || !strings.Contains(skipped[0].Error(), name) {
		t.Fatalf("%s: skipped %v", what, skipped)
	}
}

// writeRun saves checkpoints of the given steps and closes the run.
func writeRun(t *testing.T, dir string, steps ...int64) {
	t.Helper()
	r, _, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		if err := r.Save(testSnapshot(step, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAllDamaged(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Load(dir); !errors.Is(err, ErrNone) {
		t.Error("an empty folder:", err)
	}
	writeRun(t, dir, 1, 2)
	for _, step := range []string{"000000001", "000000002"} {
		if err := os.Truncate(filepath.Join(dir, "checkpoints", step, "weights.safetensors"), 10); err != nil {
			t.Fatal(err)
		}
	}
	_, skipped, err := Load(dir)
	if err == nil || errors.Is(err, ErrNone) || len(skipped) != 2 {
		t.Error("damaged checkpoints are taken for none:", skipped, err)
	}
	all, broken, err := List(dir)
	if len(all) != 2 || len(broken) != 0 || err != nil {
		t.Error(all, broken, err)
	}
}

// TestHostileManifest gives manifests a right checksum and a wrong content.
func TestHostileManifest(t *testing.T) {
	dir := t.TempDir()
	writeRun(t, dir, 1)
	folder := filepath.Join(dir, "checkpoints", "000000001")
	text, err := os.ReadFile(filepath.Join(folder, manifestName))
	if err != nil {
		t.Fatal(err)
	}
	good, err := decodeManifest(text)
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*manifest){
		"no name for a file": func(m *manifest) { m.Files[0].Name = "../../../etc/passwd" },
		"bytes that were":    func(m *manifest) { m.Files[0].Size = 1 << 60 },
		"newer ebb":          func(m *manifest) { m.Format = 2 },
		"renamed or copied":  func(m *manifest) { m.Step = 7 },
	} {
		m := good
		m.Files = append([]fileEntry{}, good.Files...)
		change(&m)
		text, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, manifestName), text, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadStep(dir, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

func TestFullDisk(t *testing.T) {
	fs := &smallDisk{OS(), 1 << 20}
	r, _, err := Open(t.TempDir(), Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	err = r.Save(testSnapshot(1, 0))
	var space *SpaceError
	if !errors.As(err, &space) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "1.0 MiB free") {
		t.Error(err)
	}
	fs.free = 1 << 30
	if err := errors.Join(r.Save(testSnapshot(1, 0)), r.Wait()); err != nil {
		t.Error(err)
	}
}

type smallDisk struct {
	FS
	free int64
}

func (d *smallDisk) Free(string) (int64, error) { return d.free, nil }

func TestWriteFileFaults(t *testing.T) {
	for n := 1; ; n++ {
		dir := t.TempDir()
		fs := &faultyFS{FS: OS(), how: noSpace}
		r, _, err := Open(dir, Options{FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		put := func(text string) error {
			return r.WriteFile("config.toml", func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
		}
		if err := put("old"); err != nil {
			t.Fatal(err)
		}
		fs.calls, fs.fail = 0, n
		err = put("new")
		got, readErr := os.ReadFile(filepath.Join(dir, "config.toml"))
		if readErr != nil || string(got) != "new" && (string(got) != "old" || err == nil) {
			t.Fatalf("%s: %q, %v", fs.hit, got, err)
		}
		r.Close()
		if fs.calls < n {
			if n < 5 || err != nil {
				t.Error("only", n, "calls", err)
			}
			return
		}
	}
}
