package main

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
)

func planned(t *testing.T, line string) plan {
	t.Helper()
	code, stdout, stderr := ebb(append([]string{"plan", "--json"}, strings.Fields(line)...)...)
	var p plan
	if err := json.Unmarshal([]byte(stdout), &p); code != 0 || err != nil {
		t.Fatal(code, err, stderr)
	}
	return p
}

// Twice the batch is twice the work, however it is cut in pieces; a checkpoint takes on
// disk what was said.
func TestPlan(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	small := planned(t, "--config tiny.toml --images 64 --steps 0")
	double := planned(t, "--config tiny.toml --images 64 --steps 0 --batch 64")
	pieces := planned(t, "--config tiny.toml --images 64 --steps 0 --batch 64 --set train.parts=2")
	if r := double.Train.FLOPs / small.Train.FLOPs; math.Abs(r-2) > 0.05 {
		t.Errorf("twice the batch is %.3f times the work", r)
	}
	if pieces.Train.FLOPs/double.Train.FLOPs < 0.95 || pieces.Train.FLOPs/double.Train.FLOPs > 1.05 {
		t.Errorf("a batch in two pieces is %g operations, in one %g", pieces.Train.FLOPs, double.Train.FLOPs)
	}
	if pieces.Train.Memory >= double.Train.Memory || double.Train.Memory <= small.Train.Memory || small.HeldOut.Memory <= 0 || small.Sample.Memory <= 0 {
		t.Errorf("memory of a step is %d, of twice the batch %d, of that in two pieces %d; of the others %d and %d",
			small.Train.Memory, double.Train.Memory, pieces.Train.Memory, small.HeldOut.Memory, small.Sample.Memory)
	}
	// A step is forward and twice as much backward; the held-out loss is the forward pass of half the batch.
	if r := small.Train.FLOPs / (2 * small.HeldOut.FLOPs); r < 2.6 || r > 3.2 {
		t.Errorf("a step is %.2f times the work of the forward pass", r)
	}
	said{"train -q --run r --config tiny.toml --images 64", 0, "", ""}.check(t)
	took := int64(0)
	for _, f := range []string{"weights", "optimizer", "ema-sigma-0.1"} {
		info, err := os.Stat("r/checkpoints/000000002/" + f + ".safetensors")
		if err != nil {
			t.Fatal(err)
		}
		took += info.Size()
	}
	if r := float64(small.Checkpoint) / float64(took); r < 0.8 || r > 1.25 {
		t.Errorf("a checkpoint takes %d bytes, %d were planned", took, small.Checkpoint)
	}
	said{"plan --run r", 0, `^time .* a step`, ""}.check(t)
}

// Too little memory is refused before anything is written; the figures and what to change are said.
func TestTooLittleMemory(t *testing.T) {
	if memoryAvailable() == 0 {
		t.Skip("the memory that is available cannot be told on this system")
	}
	t.Chdir(t.TempDir())
	for _, verb := range []string{"plan", "train"} {
		said{verb + " --run r --recipe points --set network.mlp.width=200000", 2, "", `this run needs .* GiB of memory, .* are available: .*choose a smaller network`}.check(t)
		said{verb + " --run r --batch 4000000 --images 4000000", 2, "", `this run needs .* GiB of memory, .* are available: .*train.parts=2`}.check(t)
	}
	if _, err := os.Stat("r"); err == nil {
		t.Error("a run that was refused left a folder")
	}
}

// What does not fit is refused with the figures, and the advice is about what needs most.
func TestMisfits(t *testing.T) {
	const mib = 1 << 20
	fits := plan{Peak: 900 * mib, Available: 1000 * mib, Variables: 100 * mib, Train: need{Memory: 500 * mib}, Disk: 10 * mib, Free: 20 * mib, Checkpoint: 2 * mib}
	if err := fits.check("r"); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*plan){
		"needs 1100.0 MiB of memory, 1000.0 MiB are available: compute batches in pieces": func(p *plan) { p.Peak = 1100 * mib },
		"smaller network": func(p *plan) { p.Peak, p.Variables = 1100*mib, 600*mib },
		"held_out.batch":  func(p *plan) { p.Peak, p.HeldOut.Memory = 1100*mib, 600*mib },
		"sample.batch":    func(p *plan) { p.Peak, p.Sample.Memory = 1100*mib, 600*mib },
		"up to 30.0 MiB to r (5 checkpoints of 2.0 MiB and the model), 20.0 MiB are free there": func(p *plan) { p.Disk = 30 * mib },
	} {
		p := fits
		change(&p)
		err := p.check("r")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %q expected", err, want)
		}
		if wantCode := map[bool]int{true: exitIO, false: exitUsage}[p.Disk > p.Free]; err != nil && codeOf(err) != wantCode {
			t.Errorf("%v: exit code %d", err, codeOf(err))
		}
	}
}
