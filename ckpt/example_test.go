package ckpt_test

import (
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/ebb-ml/ebb/ckpt"
	"github.com/ebb-ml/ebb/interop/safetensors"
)

func Example() {
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	run, _, err := ckpt.Open(dir, ckpt.Options{Keep: 2})
	if err != nil {
		log.Fatal(err)
	}
	if _, _, err := run.Load(); errors.Is(err, ckpt.ErrNone) {
		fmt.Println("starting at step 0")
	}
	type state struct{ Images int64 }
	weight := safetensors.Tensor{
		Info: safetensors.Info{Name: "w", DType: safetensors.F32, Shape: []int{3}},
		Data: safetensors.Bytes([]float32{1, 2, 3}),
	}
	err = run.Save(ckpt.Snapshot{
		Step:   100,
		State:  state{Images: 6400},
		Groups: []ckpt.Group{{Name: "weights", Tensors: []safetensors.Tensor{weight}}},
	})
	if err := errors.Join(err, run.Close()); err != nil {
		log.Fatal(err)
	}

	c, skipped, err := ckpt.Load(dir)
	if err != nil {
		log.Fatal(err)
	}
	var s state
	if err := c.State(&s); err != nil {
		log.Fatal(err)
	}
	weights, err := c.Group("weights")
	if err != nil {
		log.Fatal(err)
	}
	w, err := weights.Float32s("w")
	fmt.Println("going on at step", c.Step, "with", s.Images, "images seen,", len(skipped), "damaged; w =", w, err)
	// Output:
	// starting at step 0
	// going on at step 100 with 6400 images seen, 0 damaged; w = [1 2 3] <nil>
}
