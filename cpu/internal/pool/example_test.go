package pool_test

import (
	"fmt"

	"github.com/ebb-ml/ebb/cpu/internal/pool"
)

// Squares are computed in parallel, each task writing its own element.
func Example() {
	p, err := pool.New(2)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	squares := make([]int, 5)
	p.Run(len(squares), func(worker, task int) { squares[task] = task * task })
	fmt.Println(squares)
	// Output: [0 1 4 9 16]
}
