package kernel_test

import (
	"fmt"

	"github.com/ebb-ml/ebb/cpu/internal/kernel"
)

// A layer's weights are packed once and used for many batches; the bias is added while the result is in cache.
func ExampleGemm() {
	set := kernel.ForTier(kernel.BestTier())
	layer, err := kernel.NewGemm(set, kernel.GemmSpec{M: 2, N: 2, K: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	weights := []float32{1, 0, 0, 1, 1, 1} // [3, 2]
	packed := make([]float32, layer.PackSize())
	x := []float32{1, 2, 3, 4, 5, 6} // [2, 3]
	y := make([]float32, 4)
	var workers kernel.Serial
	bias := func(_, row, rows, col, cols int) {
		for r := row; r < row+rows; r++ {
			for c := col; c < col+cols; c++ {
				y[r*2+c] += 100
			}
		}
	}
	if err := layer.Pack(workers, weights, packed); err != nil {
		fmt.Println(err)
		return
	}
	if err := layer.RunPacked(workers, x, packed, y, make([]float32, layer.Scratch(1)), bias); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(y)
	// Output: [104 105 110 111]
}
