package assess_test

import (
	"fmt"

	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/assess"
	"github.com/ebb-ml/ebb/eval/report"
)

// A report whose held-out pictures are also in the training set gets the advice to take them out.
func ExampleAdvise() {
	section := report.Section{Figures: []eval.Figure{{Name: "held-out pictures that are in the training set", Value: 0.05, N: 1000}}}
	for _, a := range assess.Advise([]report.Section{section}, assess.Context{Run: "runs/mine", Data: "train.zip"}) {
		fmt.Println(a.Finding)
		fmt.Println(a.Command)
	}
	// Output:
	// 5.0 % of the held-out pictures are also in the training set: all figures flatter the model.
	// ebb eval leaks train.zip HELD-OUT
}
