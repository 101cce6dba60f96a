package safetensors_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/ebb-ml/ebb/interop/safetensors"
)

func Example() {
	weight := safetensors.Tensor{
		Info: safetensors.Info{Name: "weight", DType: safetensors.F32, Shape: []int{2, 2}},
		Data: safetensors.Bytes([]float32{1, 2, 3, 4}),
	}
	var file bytes.Buffer // or a file on disk, which safetensors.Open reads back
	if err := safetensors.Write(&file, map[string]string{"format": "pt"}, []safetensors.Tensor{weight}); err != nil {
		log.Fatal(err)
	}
	f, err := safetensors.Parse(file.Bytes())
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range f.Tensors() {
		v, err := f.Float32s(t.Name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(t.Name, t.DType, t.Shape, v)
	}
	// Output: weight F32 [2 2] [1 2 3 4]
}
