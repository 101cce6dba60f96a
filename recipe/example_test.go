package recipe_test

import (
	"context"
	"fmt"
	"os"

	"github.com/ebb-ml/ebb/backend"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/sample"
	"github.com/ebb-ml/ebb/train"
)

// Trains a small model on points in the plane and draws from it.
func Example() {
	ctx := context.Background()
	dir := must(os.MkdirTemp("", "ebb"))
	defer os.RemoveAll(dir)
	config := must(recipe.Preset("points"))
	config.SetBatch(128)
	config.SetImages(64_000)
	config.HeldOut.Images = 0
	sets := must(config.Open(ctx))
	must(config.Resolve(ctx, sets.Train))
	engine := must(backend.Open(backend.Options{}))
	folder, _, err := train.OpenFolder(dir, train.FolderOptions{})
	must(0, err)
	run := must(config.Build(ctx, sets, engine, folder))
	result := must(run.Trainer.Train(ctx))

	m := run.Model
	g := must(sample.New(engine, result.Weights, m.Forward, sample.Model{Precond: m.Precond, Shape: m.Shape, Classed: m.Classed, Null: m.Null}))
	request := sample.Request{Count: 1000, Batch: 500, Sampler: diffusion.NewSampler(diffusion.Heun),
		Levels: must(m.Precond.Schedule.Levels(diffusion.Karras, 18)), Guidance: diffusion.Guidance{Scale: 1}}
	near := 0
	must(0, g.Draw(ctx, request, func(_ int, x []float32) error {
		near += nearMoons(x) // x holds 500 points
		return nil
	}))
	fmt.Println("most points lie on the two half circles:", near > 700)
	must(0, run.Close(ctx))
	must(0, folder.Close())
	// Output: most points lie on the two half circles: true
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
