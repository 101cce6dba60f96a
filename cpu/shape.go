package cpu

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// largestTensor is the most bytes that a tensor may have: what a 64-bit process can address.
const largestTensor = 1 << 46

// checkShape refuses shapes that are invalid, have dynamic axes, dtypes that the engine lacks, or sizes that no machine has,
// without overflow.
func checkShape(s shapes.Shape) error {
	if !s.Ok() || s.IsTuple() {
		return fmt.Errorf("cpu: invalid shape %s", s)
	}
	if !supportedDTypes[s.DType] {
		return fmt.Errorf("cpu: dtype %s is not supported (shape %s)", s.DType, s)
	}
	bytes := uint64(1)
	if !s.DType.IsPacked() {
		bytes = uint64(s.DType.Size())
	}
	empty := slices.Contains(s.Dimensions, 0)
	for axis, d := range s.Dimensions {
		if d == shapes.DynamicDim {
			return fmt.Errorf("cpu: axis %d of shape %s is dynamic: compile the graph for a fixed size", axis, s)
		}
		if d < 0 || d > largestTensor {
			return fmt.Errorf("cpu: axis %d of shape %s has an impossible size", axis, s)
		}
		if empty {
			continue
		}
		if uint64(d) > largestTensor/bytes {
			return fmt.Errorf("cpu: shape %s takes more than %d bytes, the most that this engine can address", s, largestTensor)
		}
		bytes *= uint64(d)
	}
	return nil
}

// plain drops axis names: without dynamic axes they say nothing.
func plain(s shapes.Shape) shapes.Shape {
	return shapes.Shape{DType: s.DType, Dimensions: slices.Clone(s.Dimensions)}
}

// checkWindow refuses windows, dilations and paddings along an axis that overflow what follows from them.
func checkWindow(dim int, factors ...int) error {
	extent := float64(dim)
	for _, f := range factors {
		if f < -largestTensor || f > largestTensor {
			return fmt.Errorf("cpu: impossible window, stride, dilation or padding %d", f)
		}
		if extent *= max(float64(f), 1); extent > largestTensor {
			return fmt.Errorf("cpu: an axis of size %d grows beyond %d by window, dilation or padding", dim, largestTensor)
		}
	}
	return nil
}

// supportedDTypes are the dtypes that the engine computes with.
var supportedDTypes = map[dtypes.DType]bool{
	dtypes.Bool: true,
	dtypes.Int2: true, dtypes.Int4: true, dtypes.Uint2: true, dtypes.Uint4: true,
	dtypes.Int8: true, dtypes.Int16: true, dtypes.Int32: true, dtypes.Int64: true,
	dtypes.Uint8: true, dtypes.Uint16: true, dtypes.Uint32: true, dtypes.Uint64: true,
	dtypes.Float16: true, dtypes.BFloat16: true, dtypes.Float32: true, dtypes.Float64: true,
	dtypes.Complex64: true, dtypes.Complex128: true,
}
