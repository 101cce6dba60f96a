package block

import "github.com/gomlx/gomlx/core/graph"

// Upsample doubles height and width of [B, H, W, C] by repeating pixels (nearest
// neighbour). Reshape, broadcast, reshape: GoMLX's Interpolate gathers, is slower, and its
// gradient is wrong on the stock backend.
func Upsample(x *Node) *Node {
	d := x.Shape().Dimensions
	b, h, w, c := d[0], d[1], d[2], d[3]
	x = graph.Reshape(x, b, h, 1, w, 1, c)
	x = graph.BroadcastToDims(x, b, h, 2, w, 2, c)
	return graph.Reshape(x, b, 2*h, 2*w, c)
}

// AveragePool halves height and width of [B, H, W, C], both even, by the mean of 2×2 pixels.
func AveragePool(x *Node) *Node {
	d := x.Shape().Dimensions
	x = graph.Reshape(x, d[0], d[1]/2, 2, d[2]/2, 2, d[3])
	return graph.MulScalar(graph.ReduceSum(x, 2, 4), 0.25)
}

// Patches cuts [B, H, W, C] into squares of p×p pixels: [B, (H/p)·(W/p), p·p·C], row by row.
func Patches(x *Node, p int) *Node {
	d := x.Shape().Dimensions
	b, h, w, c := d[0], d[1]/p, d[2]/p, d[3]
	x = graph.TransposeAllAxes(graph.Reshape(x, b, h, p, w, p, c), 0, 1, 3, 2, 4, 5)
	return graph.Reshape(x, b, h*w, p*p*c)
}

// Unpatch is the inverse of Patches: [B, h·w, p·p·C] to [B, h·p, w·p, C].
func Unpatch(x *Node, p, h, w int) *Node {
	d := x.Shape().Dimensions
	b, c := d[0], d[2]/(p*p)
	x = graph.TransposeAllAxes(graph.Reshape(x, b, h, w, p, p, c), 0, 1, 3, 2, 4, 5)
	return graph.Reshape(x, b, h*p, w*p, c)
}
