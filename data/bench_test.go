package data

import (
	"context"
	"testing"
)

// Cold decoding against PyTorch's DataLoader with two workers: testdata/dataloader_peer.py on the same archive.
// BenchmarkLoader prints pictures/s; run it with -cpu 2.
func BenchmarkLoader(b *testing.B) {
	zip, err := Open(context.Background(), sharedData(b, "cifar10-train.zip"), OpenOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer zip.Close()
	cache, err := Open(context.Background(), prepared(b, zip, PrepareOptions{}), OpenOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer cache.Close()
	for name, c := range map[string]struct {
		set Set
		pre Preprocess
	}{
		"zip": {zip, Preprocess{FlipX: true}}, "cache": {cache, Preprocess{FlipX: true}}, "cache+augment": {cache, Preprocess{FlipX: true, Augment: 0.12}},
	} {
		b.Run(name, func(b *testing.B) {
			l := newLoader(b, c.set, LoaderConfig{Batch: 64, Seed: 1, Preprocess: c.pre})
			step := int64(0)
			for b.Loop() {
				batch(b, l, step)
				step++
			}
			b.ReportMetric(64*float64(step)/b.Elapsed().Seconds(), "pictures/s")
		})
	}
}
