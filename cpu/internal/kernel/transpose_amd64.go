package kernel

func movementAVX512() Movement {
	return Movement{
		BroadcastRows: broadcastRows(16, spreadAVX512, fillRowsAVX512), TileRow: tileRow,
		Transpose: transposeStrips(16, transposeStripAVX512), Copy2D: copy2DAVX512,
		Prefetch: prefetchAVX512, Stream: streamLines(streamAVX512), Fence: fenceAVX512,
	}
}

func movementAVX2() Movement {
	return Movement{
		BroadcastRows: broadcastRows(8, spreadAVX2, fillRowsAVX2), TileRow: tileRow,
		Transpose: transposeStrips(8, transposeStripAVX2), Copy2D: copy2DAVX2,
		Prefetch: prefetchAVX2, Stream: streamLines(streamAVX2), Fence: fenceAVX2,
	}
}

// broadcastRows takes as many elements as a vector has lanes at a time where n is small enough, the others one by one.
func broadcastRows(lanes int, spread, fill func(dst, s []float32, n int)) func(dst, s []float32, n int) {
	return func(dst, s []float32, n int) {
		if n > 1 && n <= lanes {
			whole := len(s) &^ (lanes - 1)
			spread(dst, s[:whole], n)
			dst, s = dst[whole*n:], s[whole:]
		}
		fill(dst, s, n)
	}
}

// transposeStrips transposes as many rows as a vector has lanes at a time.
func transposeStrips(lanes int, strip func(dst []float32, ldd int, src []float32, lds, rows, cols int)) func(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	return func(dst []float32, ldd int, src []float32, lds, rows, cols int) {
		if cols <= 0 {
			return
		}
		for i := 0; i < rows; i += lanes {
			strip(dst[i:], ldd, src[i*lds:], lds, min(lanes, rows-i), cols)
		}
	}
}

// streamLines copies what the kernel leaves in the ordinary way.
func streamLines(stream func(dst, src []float32) int) func(dst, src []float32) {
	return func(dst, src []float32) {
		done := stream(dst, src)
		copy(dst[done:], src[done:])
	}
}
