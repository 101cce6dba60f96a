package main

import (
	"math"
	"testing"

	"github.com/ebb-ml/ebb/ckpt"
	"github.com/ebb-ml/ebb/train"
)

// Gradient checkpointing takes less memory and, up to rounding, learns the same.
func TestRecompute(t *testing.T) {
	tinyModel(t) // r, without
	const recompute = " --config tiny.toml --images 64 --set held_out.images=0 --set network.recompute=true"
	plain, less := planned(t, "--steps 0 --config tiny.toml --images 64"), planned(t, "--steps 0"+recompute)
	if r := float64(less.Train.Memory) / float64(plain.Train.Memory); r > 0.85 {
		t.Errorf("a step takes %.2f of the memory that it takes without recomputing", r)
	}
	said{"train -q --run again" + recompute, 0, "", ""}.check(t)
	a, _, err1 := ckpt.Load("r", train.GroupWeights)
	b, _, err2 := ckpt.Load("again", train.GroupWeights)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	x, err1 := a.Group(train.GroupWeights)
	y, err2 := b.Group(train.GroupWeights)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	defer x.Close()
	defer y.Close()
	for _, info := range x.Tensors() {
		p, err1 := x.Float32s(info.Name)
		q, err2 := y.Float32s(info.Name)
		if err1 != nil || err2 != nil || len(p) != len(q) {
			t.Fatal(info.Name, err1, err2, len(p), len(q))
		}
		for i := range p {
			if d := math.Abs(float64(p[i] - q[i])); !(d <= 1e-6) {
				t.Fatalf("number %d of %s is %v, recomputed %v", i, info.Name, p[i], q[i])
			}
		}
	}
}
