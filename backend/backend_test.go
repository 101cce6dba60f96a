package backend_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/backend"
	"github.com/gomlx/gomlx/core/graph"
)

func Example() {
	engine, err := backend.Open(backend.Options{Threads: 2})
	if err != nil {
		panic(err)
	}
	defer engine.Finalize()
	y, err := graph.ExecOnce(engine, func(x *graph.Node) *graph.Node { return graph.ReduceAllSum(graph.Mul(x, x)) }, []float32{3, 4})
	if err != nil {
		panic(err)
	}
	fmt.Println(engine.Name(), y.Value())
	// Output: cpu 25
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for want, o := range map[string]backend.Options{
		`no backend "gpu": choose one of cpu, go, xla`: {Name: "gpu"},
		"-1 threads": {Threads: -1},
	} {
		if _, err := backend.Open(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %q expected", err, want)
		}
	}
	for _, s := range backend.Probe(backend.Options{Plugin: "/nowhere/plugin.so"}) {
		if s.Name == "xla" && s.Err == nil || s.Name != "xla" && s.Err != nil {
			t.Errorf("%s: %v", s.Name, s.Err)
		}
		if s.Name == "xla" && errors.Is(s.Err, backend.ErrAbsent) && !strings.Contains(s.Err.Error(), "-tags xla") {
			t.Error(s.Err)
		}
	}
}
