package ckpt

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/interop/safetensors"
)

type counters struct{ Step, Version int64 }

// testSnapshot has content that depends on step and version, in three files.
func testSnapshot(step, version int64) Snapshot {
	vector := func(name string, n int) safetensors.Tensor {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(step) + float32(version)/8 + float32(i)
		}
		return safetensors.Tensor{Info: safetensors.Info{Name: name, DType: safetensors.F32, Shape: []int{n}}, Data: safetensors.Bytes(v)}
	}
	return Snapshot{Step: step, State: counters{step, version}, Groups: []Group{
		{"weights", []safetensors.Tensor{vector("a", 5), vector("b", 3)}},
		{"optimizer", []safetensors.Tensor{vector("m", 8)}},
	}}
}

// same reports whether c is the checkpoint of testSnapshot(step, version).
func same(c *Checkpoint, step, version int64) error {
	var s counters
	if err := c.State(&s); err != nil {
		return err
	}
	if s != (counters{step, version}) {
		return fmt.Errorf("found %+v, want step %d version %d", s, step, version)
	}
	for _, g := range testSnapshot(step, version).Groups {
		f, err := c.Group(g.Name)
		if err != nil {
			return err
		}
		for _, want := range g.Tensors {
			if got, err := f.Bytes(want.Name); err != nil || !slices.Equal(got, want.Data) {
				return fmt.Errorf("%s of step %d differs: %v", want.Name, step, err)
			}
		}
	}
	return nil
}

func memStore(fs FS, keep int) *store {
	return &store{fs: fs, dir: "run/checkpoints", keep: keep, parent: -1}
}

func save(s *store, step, version int64) error {
	f, err := testSnapshot(step, version).check()
	if err == nil {
		_, err = s.write(f)
	}
	if err == nil {
		_, err = s.retain()
	}
	return err
}

// content is one checkpoint of a test: its step and version.
type content [2]int64

// scenario is a save onto a folder that holds something already.
type scenario struct {
	name   string
	keep   int
	before []content
	save   content
	drop   int64 // instead of a save, drop after this step if it is not 0
}

var scenarios = []scenario{
	{name: "the first save", keep: 3, save: content{1, 0}},
	{name: "the second", keep: 3, before: []content{{1, 0}}, save: content{2, 0}},
	{name: "one that pushes another out", keep: 1, before: []content{{1, 0}}, save: content{2, 0}},
	{name: "two out", keep: 1, before: []content{{1, 0}}, save: content{3, 0}},
	{name: "the same step again", keep: 2, before: []content{{1, 0}, {2, 0}}, save: content{2, 1}},
	{name: "the only one again", keep: 1, before: []content{{2, 0}}, save: content{2, 1}},
	{name: "below a higher step", keep: 3, before: []content{{1, 0}, {5, 0}}, save: content{3, 1}},
	{name: "a rollback", keep: 3, before: []content{{1, 0}, {2, 0}, {3, 0}}, drop: 1},
}

func (sc scenario) start(t *testing.T) *memFS {
	fs := newMemFS()
	if err := fs.MkdirAll("run/checkpoints"); err != nil {
		t.Fatal(err)
	}
	fs.SyncDir("run")
	fs.SyncDir("")
	for _, c := range sc.before {
		if err := save(memStore(fs, sc.keep), c[0], c[1]); err != nil {
			t.Fatal(err)
		}
	}
	return fs
}

func (sc scenario) run(fs FS) error {
	if sc.drop != 0 {
		return memStore(fs, sc.keep).dropAfter(sc.drop)
	}
	return save(memStore(fs, sc.keep), sc.save[0], sc.save[1])
}

// recovered checks what a new process finds: an intact checkpoint from before or the new one (none only if there was none), whatever is
// in the folder; and that it can save.
func (sc scenario) recovered(fs *memFS) error {
	s := memStore(fs, sc.keep)
	if _, err := s.sweep(); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	c, _, err := newest(fs, s.dir, nil)
	if errors.Is(err, ErrNone) && len(sc.before) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	ok := false
	for _, want := range append(slices.Clone(sc.before), sc.save) {
		ok = ok || same(c, want[0], want[1]) == nil
	}
	if !ok {
		return fmt.Errorf("the checkpoint of step %d is none of those saved", c.Step)
	}
	// Going back further than to the last one would lose training time.
	if last := sc.before; len(last) > 0 && c.Step < last[len(last)-1][0] && sc.drop == 0 {
		return fmt.Errorf("fell back to step %d", c.Step)
	}
	if err := save(s, 9, 0); err != nil {
		return fmt.Errorf("the next save: %w", err)
	}
	names, err := fs.ReadDir(s.dir)
	if i := slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(n, ".") }); i >= 0 {
		return fmt.Errorf("%s is left over", names[i])
	}
	return err
}

// TestStopAnywhere stops a save at every call, write and sync, in every way a process or a machine stops: with all it had written,
// with only what was synced, or with a random part of the rest.
func TestStopAnywhere(t *testing.T) {
	states := 0
	for _, sc := range scenarios {
		for stop := 1; ; stop++ {
			fs := sc.start(t)
			fs.calls, fs.stop, fs.log = 0, stop, nil
			err := sc.run(fs)
			for i := range 64 {
				rng := rand.New(rand.NewPCG(uint64(i), uint64(stop)))
				states++
				after := fs.crash(i > 0, float64(i-1)/62, rng)
				if err := sc.recovered(after); err != nil {
					t.Fatalf("%s, stopped at call %d (%s), variant %d: %v", sc.name, stop, fs.log[len(fs.log)-1], i, err)
				}
			}
			if !fs.dead {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
		}
	}
	t.Log(states, "states after a stop, all recovered")
	if states < 10_000 {
		t.Errorf("only %d states: the sweep has lost its calls", states)
	}
}
