package block

import "fmt"

// TorchShape is the parameter's shape in a PyTorch file.
func (p *Param) TorchShape() []int {
	s := p.Shape
	switch p.Layout {
	case Matrix:
		return []int{s[1], s[0]}
	case Kernel:
		return []int{s[3], s[2], s[0], s[1]}
	default:
		return s
	}
}

// FromTorch reorders src, the values of p in PyTorch's order, into ours.
func FromTorch[T any](p *Param, src []T) ([]T, error) {
	out, middle, in, err := p.axes(len(src))
	if err != nil {
		return nil, err
	}
	return swapOuter(src, out, middle, in), nil
}

// ToTorch is the inverse of FromTorch.
func ToTorch[T any](p *Param, src []T) ([]T, error) {
	out, middle, in, err := p.axes(len(src))
	if err != nil {
		return nil, err
	}
	return swapOuter(src, in, middle, out), nil
}

// axes sees PyTorch's tensor as [first, middle, last]; ours is [last, middle, first]:
// [out, in] to [in, out], and [out, in, kh·kw] to [kh·kw, in, out].
func (p *Param) axes(n int) (first, middle, last int, err error) {
	if n != p.Size() {
		return 0, 0, 0, fmt.Errorf("weight %q has %d values, not %d", p.Name, p.Size(), n)
	}
	s := p.Shape
	switch p.Layout {
	case Matrix:
		return s[1], 1, s[0], nil
	case Kernel:
		return s[3], s[2], s[0] * s[1], nil
	default:
		return 1, 1, n, nil
	}
}

// swapOuter turns src [a, m, b] into [b, m, a].
func swapOuter[T any](src []T, a, m, b int) []T {
	out := make([]T, len(src))
	for i := range a {
		for j := range m {
			for k := range b {
				out[(k*m+j)*a+i] = src[(i*m+j)*b+k]
			}
		}
	}
	return out
}
