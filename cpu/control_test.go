package cpu

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/internal/testkit"
)

// scope builds operations in one function; any error ends the test.
type scope struct {
	t *testing.T
	f compute.Function
}

func (s scope) must(v compute.Value, err error) compute.Value {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

func (s scope) param(shape shapes.Shape) compute.Value { return s.must(s.f.Parameter("p", shape, nil)) }

func (s scope) number(x float32) compute.Value { return s.must(s.f.Constant([]float32{x})) }

func (s scope) closure() scope {
	s.t.Helper()
	f, err := s.f.Closure()
	if err != nil {
		s.t.Fatal(err)
	}
	return scope{s.t, f}
}

func (s scope) returns(values ...compute.Value) compute.Function {
	s.t.Helper()
	if err := s.f.Return(values, nil); err != nil {
		s.t.Fatal(err)
	}
	return s.f
}

// execute compiles the builder of a main function that has returned and runs it.
func (s scope) execute(b *Backend, in ...tensor) []any {
	s.t.Helper()
	e, err := s.f.Builder().Compile()
	if err != nil {
		s.t.Fatal(err)
	}
	buffers, err := graphCase{inputs: in}.buffers(b)
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := e.Execute(buffers, nil, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	var flats []any
	for _, o := range out {
		r, err := fetch(o)
		if err != nil {
			s.t.Fatal(err)
		}
		flats = append(flats, r.flat)
	}
	return flats
}

var scalar = shapes.Make(dtypes.Float32)

// TestControlFlow nests closures that capture parameters, values and constants of their ancestors.
func TestControlFlow(t *testing.T) {
	forConfigs(t, func(t *testing.T, b *Backend) {
		main := scope{t, b.Builder("control").Main()}
		x := main.param(scalar)
		two := main.number(2)
		doubled := main.must(main.f.Mul(x, two))

		// while y < limit: y = if y < x { y·y } else { y + doubled }
		cond := main.closure()
		y := cond.param(scalar)
		limit := main.number(100)
		loop := cond.returns(cond.must(cond.f.LessThan(y, limit)))
		body := main.closure()
		y = body.param(scalar)
		square, add := body.closure(), body.closure()
		onTrue := square.returns(square.must(square.f.Mul(y, y)))
		onFalse := add.returns(add.must(add.f.Add(y, doubled)))
		branches, err := body.f.If(body.must(body.f.LessThan(y, x)), onTrue, onFalse)
		if err != nil {
			t.Fatal(err)
		}
		state, err := main.f.While(loop, body.returns(branches...), two)
		if err != nil {
			t.Fatal(err)
		}
		late := main.param(scalar) // parameters may come after operations
		main.returns(state[0], main.must(main.f.Add(late, doubled)))
		got := main.execute(b, of([]float32{10}), of([]float32{1}))
		// 2, 4, 16, 36, 56, 76, 96, 116
		if diff := testkit.Diff([]any{[]float32{116}, []float32{21}}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestNamedFunctions calls a function from main and from another one; it uses a constant of main's.
func TestNamedFunctions(t *testing.T) {
	forConfigs(t, func(t *testing.T, b *Backend) {
		builder := b.Builder("functions")
		main := scope{t, builder.Main()}
		vector := shapes.Make(dtypes.Float32, 3)
		half := main.number(0.5)
		function := func(name string) scope {
			f, err := builder.NewFunction(name)
			if err != nil {
				t.Fatal(err)
			}
			return scope{t, f}
		}
		halve := function("halve")
		v := halve.param(vector)
		wide := halve.must(halve.f.BroadcastInDim(half, vector, nil))
		halve.returns(halve.must(halve.f.Mul(v, wide)), halve.must(halve.f.ReduceSum(v)))
		quarter := function("quarter")
		v = quarter.param(vector)
		once, err := quarter.f.Call(halve.f, v)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := quarter.f.Call(halve.f, once[0])
		if err != nil {
			t.Fatal(err)
		}
		quarter.returns(twice...)
		out, err := main.f.Call(quarter.f, main.param(vector))
		if err != nil {
			t.Fatal(err)
		}
		main.returns(out...)
		if diff := testkit.Diff([]any{[]float32{1, 2, 3}, []float32{12}}, main.execute(b, of([]float32{4, 8, 12}, 3))); diff != "" {
			t.Error(diff)
		}
	})
}

// TestSort sorts two tensors along the first axis by a comparator that captures a value: by distance from it.
func TestSort(t *testing.T) {
	forConfigs(t, func(t *testing.T, b *Backend) {
		main := scope{t, b.Builder("sort").Main()}
		x, labels, centre := main.param(shapes.Make(dtypes.Float32, 4, 2)), main.param(shapes.Make(dtypes.Int32, 4, 2)), main.param(scalar)
		by := main.closure()
		left, right := by.param(scalar), by.param(scalar)
		by.param(shapes.Make(dtypes.Int32))
		by.param(shapes.Make(dtypes.Int32))
		distance := func(v compute.Value) compute.Value { return by.must(by.f.Abs(by.must(by.f.Sub(v, centre)))) }
		nearer := by.returns(by.must(by.f.LessThan(distance(left), distance(right))))
		out, err := main.f.Sort(nearer, 0, true, x, labels)
		if err != nil {
			t.Fatal(err)
		}
		main.returns(out...)
		got := main.execute(b, of([]float32{1, 9, 5, 5, 3, 3, 4, 1}, 4, 2), of([]int32{0, 1, 2, 3, 4, 5, 6, 7}, 4, 2), of([]float32{4}))
		want := []any{[]float32{4, 5, 5, 3, 3, 1, 1, 9}, []int32{6, 3, 2, 5, 4, 7, 0, 1}}
		if diff := testkit.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestScopes wants errors for values and functions used where they cannot be.
func TestScopes(t *testing.T) {
	b := open(t, "")
	builder := b.Builder("scopes")
	main := scope{t, builder.Main()}
	x := main.param(scalar)
	inner := main.closure()
	hidden := inner.must(inner.f.Neg(x))
	named, err := builder.NewFunction("f")
	if err != nil {
		t.Fatal(err)
	}
	boolean := main.closure()
	yes := boolean.returns(boolean.must(boolean.f.Constant([]bool{true})))
	vector := main.closure()
	vectors := vector.returns(vector.must(vector.f.Constant([]float32{1, 2}, 2)))
	truth := main.must(main.f.Constant([]bool{true}))
	for name, err := range map[string]error{
		"a closure's value in its parent":    second(main.f.Neg(hidden)),
		"main's value in a named function":   second(named.Neg(x)),
		"call of an unfinished function":     second(main.f.Call(named, x)),
		"call of main":                       second(main.f.Call(main.f, x)),
		"call with too many arguments":       second(main.f.Call(yes, x)),
		"branches of different shapes":       second(main.f.If(truth, yes, vectors)),
		"predicate that is no boolean":       second(main.f.If(x, yes, yes)),
		"loop whose condition lacks a state": second(main.f.While(yes, yes, x)),
		"a second function of the same name": second(builder.NewFunction("f")),
		"a second main":                      second(builder.NewFunction("main")),
		"compiling before main returns":      second(builder.Compile()),
		"operation after Return":             second(boolean.f.Neg(x)),
		"second Return":                      boolean.f.Return(nil, nil),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	main.returns(x)
	if _, err := builder.Compile(); err != nil {
		t.Errorf("after all refusals: %v", err)
	}
	if _, err := builder.Compile(); err == nil {
		t.Error("compiled twice")
	}
}

func second[T any](_ T, err error) error { return err }
