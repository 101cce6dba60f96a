package cpu_test

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	_ "github.com/ebb-ml/ebb/cpu"
)

// Importing the package is all that a GoMLX program needs; this one speaks to the backend directly.
func Example() {
	backend, err := compute.NewWithConfig("cpu:threads=2")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer backend.Finalize()

	builder := backend.Builder("hypotenuse")
	main := builder.Main()
	x, _ := main.Parameter("x", shapes.Make(dtypes.Float32, 2), nil)
	squares, _ := main.Mul(x, x)
	sum, _ := main.ReduceSum(squares, 0)
	root, _ := main.Sqrt(sum)
	if err := main.Return([]compute.Value{root}, nil); err != nil {
		fmt.Println(err)
		return
	}
	program, err := builder.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	in, _ := backend.BufferFromFlatData(0, []float32{3, 4}, shapes.Make(dtypes.Float32, 2))
	out, err := program.Execute([]compute.Buffer{in}, nil, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	length, _ := out[0].Data()
	fmt.Println(length)
	// Output: [5]
}
