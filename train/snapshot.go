package train

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/ebb-ml/ebb/interop/safetensors"
	"github.com/ebb-ml/ebb/optim"
)

const snapshotFolder = "snapshots"

// Snapshot is an average of the weights at some point of a run, kept so that averages of other widths can be made of several (Karras et
// al. 2024, section 3.2).
type Snapshot struct {
	Path    string
	Profile optim.Profile
}

// Snapshots lists those of a run folder, by time.
func Snapshots(run string) ([]Snapshot, error) {
	dir := filepath.Join(run, snapshotFolder)
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	var all []Snapshot
	for _, e := range entries {
		var seen int64
		var sigma float64
		if n, _ := fmt.Sscanf(e.Name(), "%d-ema-sigma-%f.safetensors", &seen, &sigma); n == 2 {
			all = append(all, Snapshot{filepath.Join(dir, e.Name()), optim.Profile{Time: float64(seen), SigmaRel: sigma}})
		}
	}
	return all, err // ReadDir sorts by name, which begins with the time
}

// snapshotsDue says whether the averages are to be kept now.
func (t *Trainer) snapshotsDue() bool {
	n := int64(t.Config.Snapshots)
	return n > 0 && t.due(max(t.Config.Target()/n, 1))
}

// snapshot keeps the power-function averages as they are now. It is done when it returns: a checkpoint after it proves that it is there,
// and a run that goes on from one before it writes the same again.
func (t *Trainer) snapshot() error {
	for _, e := range t.Config.Averages {
		if e.SigmaRel == 0 {
			continue
		}
		tensors, err := Tensors(Averages(t.store, e))
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%s/%012d-%s.safetensors", snapshotFolder, t.state.Seen, e)
		meta := map[string]string{"step": strconv.FormatInt(t.state.Step, 10)}
		err = t.Folder.WriteFile(name, func(w io.Writer) error { return safetensors.Write(w, meta, tensors) })
		if err != nil { // a run is worth more than a snapshot
			t.warn(true, fmt.Sprintf("no snapshot of step %d: %v", t.state.Step, err))
		}
	}
	return nil
}

// checkSnapshots says what is wrong with train.snapshots.
func (c Config) checkSnapshots() error {
	if c.Snapshots < 0 {
		return fmt.Errorf("train.snapshots is %d, must not be negative", c.Snapshots)
	}
	if c.Snapshots > 0 && !slices.ContainsFunc(c.Averages, func(e optim.EMA) bool { return e.SigmaRel > 0 }) {
		return fmt.Errorf("train.snapshots is %d, but none of train.averages has a sigma_rel: set two, such as 0.05 and 0.10", c.Snapshots)
	}
	return nil
}
