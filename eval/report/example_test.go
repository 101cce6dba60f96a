package report_test

import (
	"os"

	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/report"
)

func Example() {
	r := report.Report{Title: "runs/mine", Sections: []report.Section{{Key: "denoising", Title: "Denoising",
		Figures: []eval.Figure{{Name: "eps-MSE", Value: 0.0326, Interval: eval.Interval{Low: 0.031, High: 0.034}, N: 512}}}}}
	_ = r.Table(os.Stdout)
	// Output:
	// Denoising
	//   eps-MSE  0.0326  0.031 … 0.034  n = 512
}
