package cpu

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"syscall"
	"testing"

	"github.com/gomlx/compute/support/backendtest"
)

func TestConformance(t *testing.T) {
	forConfigs(t, func(t *testing.T, b *Backend) { backendtest.RunAll(t, b, nil) })
}

// conformanceSkips are the tests of the conformance suite that this backend skips, 16 where the stock backend skips 31.
var conformanceSkips = map[string]string{
	"BinaryOps/Add/DynamicShapesBroadcasting":                  "graphs are compiled for fixed shapes",
	"SpecialOps/DynamicReshape":                                "graphs are compiled for fixed shapes",
	"SpecialOps/Reduce/DynamicShapeReduction":                  "graphs are compiled for fixed shapes",
	"SpecialOps/Concatenate/DynamicNonConcatAxis":              "graphs are compiled for fixed shapes",
	"SpecialOps/Slice/DynamicShapeFullAxis":                    "graphs are compiled for fixed shapes",
	"FusedOps/FusedSoftmax":                                    "GoMLX would build the decomposition beside it; the passes fuse that",
	"FusedOps/FusedGelu":                                       "GoMLX would build the decomposition beside it; the passes fuse that",
	"FusedOps/FusedLayerNorm":                                  "GoMLX would build the decomposition beside it; the passes fuse that",
	"FusedOps/FusedAttentionQKVProjection":                     "GoMLX would build the decomposition beside it; the passes fuse that",
	"FusedOps/FusedScaledDotProductAttention/BHSD_Causal_BF16": "fused attention is float32 only",
	"FusedOps/FusedScaledDotProductAttention/BHSD_Causal_F16":  "fused attention is float32 only",
	"FusedOps/FusedScaledDotProductAttention/BSHD_Causal_BF16": "fused attention is float32 only",
	"FusedOps/FusedScaledDotProductAttention/BSHD_Causal_F16":  "fused attention is float32 only",
	"FusedOps/FusedScaledDotProductAttention/Bias_BF16":        "fused attention is float32 only",
	"FusedOps/FusedScaledDotProductAttention/Bias":             "attention with a bias is decomposed",
	"FusedOps/FusedScaledDotProductAttention/BiasWithCausal":   "attention with a bias is decomposed",
}

// TestConformanceSkips runs the suite in a process of its own to see which tests it skips.
func TestConformanceSkips(t *testing.T) {
	out, err := exec.Command(os.Args[0], "-test.run=^TestConformance$/^interpreter$", "-test.v").CombinedOutput()
	if errors.Is(err, syscall.ENOEXEC) {
		t.Skip("the test cannot start itself: it seems to run under an emulator")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got []string
	for _, m := range regexp.MustCompile(`--- SKIP: TestConformance/interpreter/(\S+)`).FindAllSubmatch(out, -1) {
		got = append(got, string(m[1]))
	}
	slices.Sort(got)
	if want := slices.Sorted(maps.Keys(conformanceSkips)); !slices.Equal(got, want) {
		t.Errorf("skipped tests are\n%q\nwant\n%q", got, want)
	}
}
