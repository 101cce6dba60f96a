package ir

import "fmt"

// Verify checks what every pass must keep: each value is defined once and before its use, and indices are in range.
func (g *Graph) Verify() error {
	defined := make([]bool, len(g.Shapes))
	define := func(v Value, where string) error {
		if v < 0 || int(v) >= len(defined) {
			return fmt.Errorf("ir: %s: %s defines unknown value v%d", g.Name, where, v)
		}
		if defined[v] {
			return fmt.Errorf("ir: %s: %s defines v%d again", g.Name, where, v)
		}
		defined[v] = true
		return nil
	}
	for _, p := range g.Params {
		if err := define(p, "a parameter"); err != nil {
			return err
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for _, v := range n.Inputs {
			if v != None && (int(v) >= len(defined) || v < 0 || !defined[v]) {
				return fmt.Errorf("ir: %s: node %d %s uses v%d before its definition", g.Name, i, n.Op, v)
			}
		}
		for _, v := range n.Outputs {
			if err := define(v, n.Op.String()); err != nil {
				return err
			}
		}
	}
	for _, v := range g.Outputs {
		if v < 0 || int(v) >= len(defined) || !defined[v] {
			return fmt.Errorf("ir: %s: output v%d is not defined", g.Name, v)
		}
	}
	return nil
}
