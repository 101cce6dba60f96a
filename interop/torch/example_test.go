package torch_test

import (
	"fmt"
	"log"

	"github.com/ebb-ml/ebb/interop/torch"
)

func Example() {
	f, err := torch.Open("testdata/good-state-zip.pt") // of torch.save(model.state_dict(), …)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	tensors, err := torch.Tensors(f.Root)
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range tensors {
		data, err := t.Tensor.Bytes()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(t.Name, t.Tensor.DType, t.Tensor.Shape, len(data), "bytes")
	}
	// Output:
	// 0.weight float32 [3 2 3 3] 216 bytes
	// 0.bias float32 [3] 12 bytes
	// 1.weight float32 [3] 12 bytes
	// 1.bias float32 [3] 12 bytes
	// 2.weight bfloat16 [2 3] 12 bytes
	// 2.bias bfloat16 [2] 4 bytes
}
