package ckpt

import (
	"testing"
	"time"

	"github.com/ebb-ml/ebb/interop/safetensors"
)

// BenchmarkSave saves 440 MB in three groups of 300 tensors. ms/call is what training waits for; the rest is written beside it.
func BenchmarkSave(b *testing.B) {
	var groups []Group
	for _, name := range []string{"weights", "ema", "optimizer"} {
		g := Group{Name: name}
		for i := range 300 {
			t := safetensors.Info{Name: string(rune('a' + i)), DType: safetensors.F32, Shape: []int{122_222}}
			g.Tensors = append(g.Tensors, safetensors.Tensor{Info: t, Data: make([]byte, 4*122_222)})
		}
		groups = append(groups, g)
	}
	dir := b.TempDir()
	r, _, err := Open(dir, Options{Keep: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	var call, write time.Duration
	step := int64(0)
	for b.Loop() {
		step++
		start := time.Now()
		if err := r.Save(Snapshot{Step: step, Groups: groups}); err != nil {
			b.Fatal(err)
		}
		call += time.Since(start)
		if err := r.Wait(); err != nil {
			b.Fatal(err)
		}
		write += time.Since(start)
	}
	b.ReportMetric(float64(call.Milliseconds())/float64(step), "ms/call")
	b.ReportMetric(float64(write.Milliseconds())/float64(step), "ms/save")
	start := time.Now()
	if _, _, err := Load(dir); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms/load")
}
