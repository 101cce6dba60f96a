package sample_test

import (
	"bytes"
	"fmt"
	"image"

	"github.com/ebb-ml/ebb/sample"
)

// Pictures become a grid, which carries how it was made. Package recipe has an example that draws from a network.
func ExampleGrid() {
	pictures := make([]*image.NRGBA, 6)
	for i := range pictures {
		pictures[i] = image.NewNRGBA(image.Rect(0, 0, 32, 32))
	}
	grid, err := sample.Grid(pictures, 3)
	if err != nil {
		panic(err)
	}
	var file bytes.Buffer
	if err := sample.WritePNG(&file, grid, sample.Text{Key: "parameters", Value: "seed 7"}); err != nil {
		panic(err)
	}
	fmt.Println(grid.Bounds().Size())
	// Output: (98,65)
}
