package ckpt

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/interop/safetensors"
)

func stepsOf(t *testing.T, dir string) []int64 {
	t.Helper()
	all, broken, err := List(dir)
	if err != nil || len(broken) > 0 {
		t.Fatal(broken, err)
	}
	var out []int64
	for _, c := range all {
		out = append(out, c.Step)
	}
	return out
}

func scored(step int64, score float64) Snapshot {
	s := testSnapshot(step, 0)
	s.Score = &score
	return s
}

func TestRetention(t *testing.T) {
	dir := t.TempDir()
	var saved []Saved
	r, _, err := Open(dir, Options{Keep: 2, OnSaved: func(s Saved) { saved = append(saved, s) }})
	if err != nil {
		t.Fatal(err)
	}
	scores := []float64{5, 1, 3, math.MaxFloat64, 2, 1}
	for i, score := range scores {
		if err := r.Save(scored(int64(10*i), score)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if got := stepsOf(t, dir); !slices.Equal(got, []int64{50, 40}) {
		t.Error("left:", got) // 50 ties with 10 and is newer
	}
	if len(saved) != len(scores) || saved[2].Bytes == 0 || !slices.Equal(saved[2].Removed, []int64{0}) || saved[3].Removed != nil {
		t.Errorf("%+v", saved)
	}
	c, err := LoadStep(dir, 50)
	if err != nil || c.Score == nil || *c.Score != 1 {
		t.Error(c, err)
	}
}

func TestBestStays(t *testing.T) {
	dir := t.TempDir()
	r, _, err := Open(dir, Options{Keep: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, score := range []float64{5, 1, 3, 2} {
		if err := r.Save(scored(int64(i), score)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := stepsOf(t, dir); !slices.Equal(got, []int64{3, 1}) {
		t.Error("left:", got)
	}
	if err := r.DropAfter(1); err != nil {
		t.Fatal(err)
	}
	if got := stepsOf(t, dir); !slices.Equal(got, []int64{1}) {
		t.Error("left after the rollback:", got)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestSaveCopies changes the tensors and the state right after Save returned.
func TestSaveCopies(t *testing.T) {
	dir := t.TempDir()
	r, _, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	state := &counters{4, 0}
	s := testSnapshot(4, 0)
	s.State = state
	if err := r.Save(s); err != nil {
		t.Fatal(err)
	}
	state.Version = 99
	for _, g := range s.Groups {
		for _, tensor := range g.Tensors {
			clear(tensor.Data)
		}
	}
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	c, skipped, err := r.Load("weights")
	if err != nil || len(skipped) > 0 {
		t.Fatal(skipped, err)
	}
	if _, err := c.Group("optimizer"); err == nil {
		t.Error("a group that was not asked for is there")
	}
	full, _, err := r.Load()
	if err != nil || same(full, 4, 0) != nil {
		t.Error(err)
	}
	if _, _, err := r.Load("none"); err == nil || !strings.Contains(err.Error(), `"none"`) {
		t.Error(err)
	}
}

func TestSaveRefuses(t *testing.T) {
	dir := t.TempDir()
	r, _, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	tensor := func(d safetensors.DType, n int, data []byte) []safetensors.Tensor {
		return []safetensors.Tensor{{Info: safetensors.Info{Name: "x", DType: d, Shape: []int{n}}, Data: data}}
	}
	nan := float32(math.NaN())
	big := make([]float32, 200_000)
	big[150_000] = float32(math.Inf(-1))
	for want, s := range map[string]Snapshot{
		"must be from 0":      {Step: -1},
		"must be from":        {Step: 1_000_000_000},
		"no JSON form":        {State: math.NaN()},
		"no name for a group": {Groups: []Group{{Name: "../x"}}},
		"occurs twice":        {Groups: []Group{{Name: "w"}, {Name: "w"}}},
		"has 4 bytes":         {Groups: []Group{{"w", tensor(safetensors.F32, 2, make([]byte, 4))}}},
		"element 1 of tensor": {Groups: []Group{{"w", tensor(safetensors.F32, 2, safetensors.Bytes([]float32{1, nan}))}}},
		"element 150000":      {Groups: []Group{{"w", tensor(safetensors.F32, len(big), safetensors.Bytes(big))}}},
		"element 2":           {Groups: []Group{{"w", tensor(safetensors.BF16, 3, safetensors.Bytes([]uint16{1, 2, 0x7f80}))}}},
		"element 0":           {Groups: []Group{{"w", tensor(safetensors.F16, 1, safetensors.Bytes([]uint16{0xfc00}))}}},
		"tensor \"x\" in \"w": {Groups: []Group{{"w", tensor(safetensors.F64, 1, safetensors.Bytes([]float64{math.Inf(1)}))}}},
	} {
		if err := r.Save(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	var bad *NonFiniteError
	err = r.Save(Snapshot{Groups: []Group{{"w", tensor(safetensors.F32, 1, safetensors.Bytes([]float32{nan}))}}})
	if !errors.As(err, &bad) || bad.Tensor != "x" || bad.Group != "w" {
		t.Error(err)
	}
	if _, _, err := Load(dir); !errors.Is(err, ErrNone) {
		t.Error("something was saved:", err)
	}
}

// TestErrorIsReportedOnce lets a save fail in the background.
func TestErrorIsReportedOnce(t *testing.T) {
	fs := &faultyFS{FS: OS(), how: ioError}
	dir := t.TempDir()
	r, _, err := Open(dir, Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	fs.calls, fs.fail = 0, 4
	if err := r.Save(testSnapshot(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := r.Save(testSnapshot(2, 0)); err == nil || !strings.Contains(err.Error(), "step 1 was not saved") {
		t.Error("the failure of step 1 is not reported by the next save:", err)
	}
	if err := r.Close(); err != nil {
		t.Error("reported again:", err)
	}
	if got := stepsOf(t, dir); !slices.Equal(got, []int64{2}) {
		t.Error("saved:", got)
	}
	if err := r.Close(); err != nil {
		t.Error("closing twice:", err)
	}
}

func TestStateIsStrict(t *testing.T) {
	dir := t.TempDir()
	writeRun(t, dir, 1)
	c, err := LoadStep(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	var older struct{ Step int64 }
	if err := c.State(&older); err == nil || !strings.Contains(err.Error(), "Version") {
		t.Error("a field unknown to the program was dropped:", err)
	}
}

func TestOpenTidies(t *testing.T) {
	dir := t.TempDir()
	writeRun(t, dir, 1)
	id := "-0123456789abcdef"
	for _, path := range []string{"checkpoints/.tmp-000000002" + id, "checkpoints/.drop-000000000" + id, "checkpoints/.old-000000001" + id,
		"checkpoints/notes", "checkpoints/.tmp-mine"} {
		if err := os.Mkdir(filepath.Join(dir, path), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{".tmp-000000000" + id, ".tmp-notes", "checkpoints/.tmp-000000002" + id + "/weights.safetensors"} {
		if err := os.WriteFile(filepath.Join(dir, path), []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	r, notices, err := Open(dir, Options{})
	if err != nil || len(notices) != 4 {
		t.Error(notices, err)
	}
	defer r.Close()
	names, err := OS().ReadDir(filepath.Join(dir, "checkpoints"))
	if want := []string{".tmp-mine", "000000001", "notes"}; err != nil || !slices.Equal(names, want) {
		t.Error("left:", names, err)
	}
	if names, err = OS().ReadDir(dir); err != nil || !slices.Equal(names, []string{".lock", ".tmp-notes", "checkpoints"}) {
		t.Error("left:", names, err)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	r, _, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	hello := func(w io.Writer) error { _, err := io.WriteString(w, "hello"); return err }
	if err := r.WriteFile("samples/a b/1.txt", hello); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(filepath.Join(r.Dir(), "samples/a b/1.txt")); err != nil || string(b) != "hello" {
		t.Error(b, err)
	}
	if err := r.WriteFile("../x", hello); err == nil {
		t.Error("wrote outside the run folder")
	}
	if err := r.WriteFile("y", func(io.Writer) error { return errors.New("no picture") }); err == nil || !strings.Contains(err.Error(), "no picture") {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "y")); err == nil {
		t.Error("y was written in spite of the error")
	}
}
