package kernel

import "fmt"

// ConvKind says which of a convolution's three products is computed.
type ConvKind uint8

// The products of a convolution y = x * w. The gradients take the forward convolution's spec and original filter.
const (
	ConvForward        ConvKind = iota // y from x and w
	ConvInputGradient                  // dx from dy and w
	ConvFilterGradient                 // dw from x and dy
)

// String returns the kind's name.
func (k ConvKind) String() string {
	return [...]string{"forward", "input gradient", "filter gradient"}[k]
}

// ConvAlgorithm is a way to compute a convolution.
type ConvAlgorithm uint8

// The algorithms. Direct takes every convolution; Winograd takes 3×3 with stride and dilation 1, one group and at least a
// vector of input and of output channels. Its error is some three times as large (mean) as that of Direct.
const (
	ConvAuto     ConvAlgorithm = iota // the cheapest of [Conv.Costs]
	ConvDirect                        // implicit matrix product over strips of the input
	ConvWinograd                      // F(4×4,3×3)
)

// String returns the algorithm's name.
func (a ConvAlgorithm) String() string { return [...]string{"auto", "direct", "winograd"}[a] }

// Conv is a prepared convolution in float32. It is immutable; Run may be called by several goroutines at once.
//
// Sums are split in a way that depends on the spec, the kind, the algorithm and the tier alone.
type Conv struct {
	spec      ConvSpec
	kind      ConvKind
	algorithm ConvAlgorithm
	costs     []ConvCost
	driver    convDriver // nil if there is nothing to multiply
}

// convDriver is an algorithm prepared for one convolution.
type convDriver interface {
	// scratch returns how many floats run needs.
	scratch(workers int) int
	// prepared returns how many floats prepare writes; 0 for filter gradients.
	prepared() int
	prepare(r Runner, w, prepared []float32)
	// run computes the whole output. The slices have been checked.
	run(r Runner, x *convRun)
}

// convRun is one call of Conv.Run. Either b or prepared is nil if b is a filter.
type convRun struct {
	out, a, b, prepared, scratch []float32
	epilogue                     Epilogue
}

func (x *convRun) finish(worker, row, rows, col, cols int) {
	if x.epilogue != nil && rows > 0 && cols > 0 {
		x.epilogue(worker, row, rows, col, cols)
	}
}

// NewConv prepares a convolution. It returns an error for impossible specs and for an algorithm that cannot compute it.
func NewConv(set *Set, spec ConvSpec, kind ConvKind, algorithm ConvAlgorithm) (*Conv, error) {
	spec, err := spec.normalized()
	if err != nil {
		return nil, err
	}
	if kind > ConvFilterGradient || algorithm > ConvWinograd {
		return nil, fmt.Errorf("kernel: convolution: kind %d, algorithm %d: unknown", kind, algorithm)
	}
	c := &Conv{spec: spec, kind: kind, costs: convCosts(set, &spec, kind)}
	cheapest := c.costs[0]
	for _, x := range c.costs {
		if x.Time < cheapest.Time {
			cheapest = x
		}
		if x.Algorithm == algorithm {
			c.algorithm = algorithm
		}
	}
	if algorithm == ConvAuto {
		c.algorithm = cheapest.Algorithm
	}
	if c.algorithm == ConvAuto {
		return nil, fmt.Errorf("kernel: convolution: %v cannot compute the %v of a %d×%d filter, %d to %d channels, stride %d×%d",
			algorithm, kind, spec.KernelH, spec.KernelW, spec.InC, spec.OutC, spec.StrideH, spec.StrideW)
	}
	if spec.InSize() > 0 && spec.OutSize() > 0 {
		c.driver = newConvDriver(set, &c.spec, kind, c.algorithm)
	}
	return c, nil
}

func newConvDriver(set *Set, s *ConvSpec, kind ConvKind, algorithm ConvAlgorithm) convDriver {
	switch {
	case algorithm == ConvWinograd && kind == ConvFilterGradient:
		return newWinogradFilter(set, s)
	case algorithm == ConvWinograd:
		return newWinogradConv(set, newGather(s, kind))
	}
	if isDepthwise(s) {
		return newDepthwise(set, s, kind)
	}
	if together := mergeGroups(s, kind, &set.Micro); together > 1 {
		return newMergedGroups(set, s, kind, together)
	}
	return newDirectDriver(set, s, kind)
}

func newDirectDriver(set *Set, s *ConvSpec, kind ConvKind) convDriver {
	switch {
	case kind == ConvFilterGradient && narrowFilter(s):
		return newDirectNarrow(set, s)
	case kind == ConvFilterGradient:
		return newDirectFilter(set, s)
	}
	g := newGather(s, kind)
	if fewOutputs(g, &set.Micro) {
		return newDirectFew(set, g)
	}
	return newDirect(set, g)
}

// Algorithm returns what was chosen.
func (c *Conv) Algorithm() ConvAlgorithm { return c.algorithm }

// Costs returns the estimates by which [ConvAuto] chooses, for the algorithms that can compute this convolution.
func (c *Conv) Costs() []ConvCost { return c.costs }

// Scratch returns how many floats of scratch memory Run and RunPrepared need.
func (c *Conv) Scratch(workers int) int {
	if c.driver == nil {
		return 0
	}
	return c.driver.scratch(workers)
}

// PreparedSize returns how many floats PrepareFilter writes; 0 for a filter gradient, which has no filter.
func (c *Conv) PreparedSize() int {
	if c.driver == nil {
		return 0
	}
	return c.driver.prepared()
}

// sizes returns the lengths of the operands and the output in floats.
func (c *Conv) sizes() (a, b, out int) {
	x, w, y := c.spec.InSize(), c.spec.FilterSize(), c.spec.OutSize()
	switch c.kind {
	case ConvInputGradient:
		return y, w, x
	case ConvFilterGradient:
		return x, y, w
	}
	return x, w, y
}

// Run computes out: y from a = x and b = w, or dx from a = dy and b = w, or dw from a = x and b = dy. Activations are
// [Batch][H][W][C], filters [KernelH][KernelW][InC/Groups][OutC]. Operands must not overlap out, and nobody may use
// scratch meanwhile. The epilogue may be nil; the rows of its regions are pixels, counted over batch, height and width,
// its columns are channels. Filter gradients have no epilogue. Scratch that begins on a cache line is faster.
func (c *Conv) Run(r Runner, out, a, b, scratch []float32, epilogue Epilogue) error {
	if _, size, _ := c.sizes(); len(b) < size {
		return fmt.Errorf("kernel: %v of a convolution: second operand has %d floats, %d needed", c.kind, len(b), size)
	}
	return c.run(r, &convRun{out: out, a: a, b: b, scratch: scratch, epilogue: epilogue})
}

// PrepareFilter brings a filter that stays the same over many calls into the form that RunPrepared wants.
func (c *Conv) PrepareFilter(r Runner, w, prepared []float32) error {
	if c.kind == ConvFilterGradient {
		return fmt.Errorf("kernel: a filter gradient has no filter to prepare")
	}
	if len(w) < c.spec.FilterSize() || len(prepared) < c.PreparedSize() {
		return fmt.Errorf("kernel: preparing a filter: %d floats into %d: need %d and %d",
			len(w), len(prepared), c.spec.FilterSize(), c.PreparedSize())
	}
	if c.driver != nil {
		c.driver.prepare(r, w, prepared[:c.PreparedSize()])
	}
	return nil
}

// RunPrepared is Run with a filter from PrepareFilter.
func (c *Conv) RunPrepared(r Runner, out, a, prepared, scratch []float32, epilogue Epilogue) error {
	if c.kind == ConvFilterGradient || len(prepared) < c.PreparedSize() {
		return fmt.Errorf("kernel: %v of a convolution: prepared filter has %d floats, %d needed", c.kind, len(prepared), c.PreparedSize())
	}
	return c.run(r, &convRun{out: out, a: a, prepared: prepared, scratch: scratch, epilogue: epilogue})
}

func (c *Conv) run(r Runner, x *convRun) error {
	a, _, out := c.sizes()
	if need := c.Scratch(r.Workers()); len(x.a) < a || len(x.out) < out || len(x.scratch) < need {
		return fmt.Errorf("kernel: %v of a convolution: %d, %d and %d floats of operand, output and scratch: need %d, %d and %d",
			c.kind, len(x.a), len(x.out), len(x.scratch), a, out, need)
	}
	x.out = x.out[:out]
	if c.driver == nil {
		clear(x.out)
		if c.kind != ConvFilterGradient {
			x.finish(0, 0, out/c.outChannels(), 0, c.outChannels())
		}
		return nil
	}
	c.driver.run(r, x)
	return nil
}

func (c *Conv) outChannels() int { return pick(c.kind == ConvInputGradient, c.spec.InC, c.spec.OutC) }
