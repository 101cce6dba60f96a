package ckpt

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"sync"

	"github.com/ebb-ml/ebb/interop/safetensors"
)

// Snapshot is what a checkpoint is made of.
type Snapshot struct {
	Step   int64    // training steps done, 0 to 999,999,999; names the checkpoint
	Score  *float64 // a held-out loss: the checkpoint of the lowest is kept; nil if there is none
	State  any      // encoded as JSON; [Checkpoint.State] decodes it
	Groups []Group
}

// Group is the content of one safetensors file of a checkpoint.
type Group struct {
	Name    string // the file's name without .safetensors: letters, digits, '_', '-' and '.', such as "weights", "ema-0.05", "optimizer"
	Tensors []safetensors.Tensor
}

// NonFiniteError says that a tensor to be saved holds a NaN or an infinity.
type NonFiniteError struct {
	Step          int64
	Group, Tensor string
	Index         int // of the first such element
}

func (e *NonFiniteError) Error() string {
	return fmt.Sprintf("step %d is not saved: element %d of tensor %q in %q is NaN or infinite", e.Step, e.Index, e.Tensor, e.Group)
}

const maxStep = 999_999_999

var groupName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$`)

// metadata is what diffusers and transformers expect of a file that they load.
var metadata = map[string]string{"format": "pt"}

// frozen is a snapshot that the trainer can no longer change.
type frozen struct {
	Snapshot
	state []byte
	bytes int64 // of all files but the manifest
}

// check refuses what could not be written or read back, and encodes the state.
func (s Snapshot) check() (frozen, error) {
	if s.Step < 0 || s.Step > maxStep {
		return frozen{}, fmt.Errorf("step %d cannot name a checkpoint: it must be from 0 to %d", s.Step, maxStep)
	}
	state, err := json.MarshalIndent(s.State, "", "  ")
	if err != nil {
		return frozen{}, fmt.Errorf("step %d: the state has no JSON form: %w", s.Step, err)
	}
	f := frozen{Snapshot: s, state: append(state, '\n'), bytes: int64(len(state) + 1)}
	seen := map[string]bool{}
	for _, g := range s.Groups {
		if !groupName.MatchString(g.Name) || seen[g.Name] {
			return frozen{}, fmt.Errorf("step %d: %q is no name for a group of tensors, or occurs twice", s.Step, g.Name)
		}
		seen[g.Name] = true
		n, err := g.size()
		if err != nil {
			return frozen{}, fmt.Errorf("step %d: %s: %w", s.Step, g.Name, err)
		}
		f.bytes += n
	}
	return f, nil
}

// size returns how large the group's file will be, or why it cannot be written.
func (g Group) size() (int64, error) {
	infos := make([]safetensors.Info, len(g.Tensors))
	n := int64(0)
	for i, t := range g.Tensors {
		infos[i] = t.Info
		if size, err := t.Size(); err == nil && size != int64(len(t.Data)) {
			return 0, fmt.Errorf("tensor %q has %d bytes where shape %v of %v needs %d", t.Name, len(t.Data), t.Shape, t.DType, size)
		}
		n += int64(len(t.Data))
	}
	head, err := safetensors.HeaderSize(metadata, infos)
	return head + n, err
}

// copyInto moves the snapshot's tensors into the arena, which it grows and returns, on all cores: training waits for this and nothing else.
// It fails on the first tensor, in their order, that holds a NaN or an infinity.
func (f *frozen) copyInto(arena []byte) ([]byte, error) {
	const align = 64
	at := 0
	for _, g := range f.Groups {
		for _, t := range g.Tensors {
			at += (len(t.Data) + align - 1) / align * align
		}
	}
	if cap(arena) < at {
		arena = make([]byte, at)
	}
	arena, at = arena[:at], 0
	var jobs []func() error
	groups := make([]Group, len(f.Groups))
	for i, g := range f.Groups {
		groups[i] = Group{g.Name, make([]safetensors.Tensor, len(g.Tensors))}
		for j, t := range g.Tensors {
			dst := arena[at : at+len(t.Data) : at+len(t.Data)]
			groups[i].Tensors[j] = safetensors.Tensor{Info: t.Info, Data: dst}
			jobs = append(jobs, func() error { return f.copyTensor(dst, g.Name, t) })
			at += (len(t.Data) + align - 1) / align * align
		}
	}
	err := parallel(jobs)
	f.Groups = groups
	return arena, err
}

// copyTensor copies and checks in pieces that stay in cache between the two.
func (f *frozen) copyTensor(dst []byte, group string, t safetensors.Tensor) error {
	const piece = 256 << 10
	for at := 0; at < len(dst); at += piece {
		end := min(at+piece, len(dst))
		copy(dst[at:end], t.Data[at:end])
		if i := nonFinite(t.DType, dst[at:end]); i >= 0 {
			return &NonFiniteError{f.Step, group, t.Name, i + at*8/t.DType.Bits()}
		}
	}
	return nil
}

// nonFinite returns the index of the first number in b that is NaN or infinite, that is, whose exponent bits are all set; -1 if there is none.
func nonFinite(d safetensors.DType, b []byte) int {
	switch d {
	case safetensors.F64:
		return masked[uint64](b, 0x7ff<<52)
	case safetensors.F32:
		return masked[uint32](b, 0xff<<23)
	case safetensors.BF16:
		return masked[uint16](b, 0xff<<7)
	case safetensors.F16:
		return masked[uint16](b, 0x1f<<10)
	}
	return -1
}

func masked[T uint16 | uint32 | uint64](b []byte, mask T) int {
	v, err := safetensors.Values[T](b)
	if err != nil {
		return 0
	}
	for i, x := range v {
		if x&mask == mask {
			return i
		}
	}
	return -1
}

// parallel runs the jobs on all cores and joins their errors in the order of the jobs.
func parallel(jobs []func() error) error {
	errs := make([]error, len(jobs))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		wg.Go(func() {
			for i := range next {
				errs[i] = jobs[i]()
			}
		})
	}
	for i := range jobs {
		next <- i
	}
	close(next)
	wg.Wait()
	return errors.Join(errs...)
}
