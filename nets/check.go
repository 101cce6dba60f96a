package nets

import "fmt"

// checkConditions panics unless cNoise and class are [batch], and there if and only if wanted;
// cNoise may be there in vain, since every denoiser has one to give.
func checkConditions(net string, batch int, cNoise *Node, wantNoise bool, class *Node, wantClass bool) {
	if wantNoise && (cNoise == nil || cNoise.Rank() != 1 || cNoise.Shape().Dimensions[0] != batch || !cNoise.DType().IsFloat()) {
		panic(fmt.Errorf("%s: the noise level must be floating point [%d], not %s", net, batch, describe(cNoise)))
	}
	switch {
	case !wantClass && class != nil:
		panic(fmt.Errorf("%s: a class was given, but the network has no classes", net))
	case wantClass && (class == nil || class.Rank() != 1 || class.Shape().Dimensions[0] != batch || !class.DType().IsInt()):
		panic(fmt.Errorf("%s: the network has classes and wants integers [%d], not %s", net, batch, describe(class)))
	}
}

func describe(n *Node) string {
	if n == nil {
		return "nothing"
	}
	return n.Shape().String()
}

// positive returns an error naming the first value that is not positive.
func positive(net string, fields []field) error {
	for _, f := range fields {
		if f.value <= 0 {
			return fmt.Errorf("%s: %s is %d, must be at least 1", net, f.name, f.value)
		}
	}
	return nil
}

type field struct {
	name  string
	value int
}

// rate returns an error unless 0 <= v < 1.
func rate(net, name string, v float64) error {
	if v >= 0 && v < 1 {
		return nil
	}
	return fmt.Errorf("%s: %s is %v, must be at least 0 and below 1", net, name, v)
}
