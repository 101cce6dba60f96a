package kernel

//go:generate go -C _gen run ./vector -family transpose -out ../transpose_amd64.s -stubs ../transpose_stubs_amd64.go -pkg kernel

// Movement holds kernels that move floats without computing.
type Movement struct {
	// BroadcastRows repeats each element n times: dst[r·n+i] = s[r] for i < n.
	BroadcastRows func(dst, s []float32, n int)
	// TileRow repeats a row: dst[r·len(row)+c] = row[c]; len(dst) is a multiple of len(row).
	TileRow func(dst, row []float32)
	// Transpose writes dst[j·ldd+i] = src[i·lds+j] for i < rows, j < cols. The two must not overlap.
	Transpose func(dst []float32, ldd int, src []float32, lds, rows, cols int)
	// Copy2D writes dst[i·ldd+j] = src[i·lds+j] for i < rows, j < cols: runs of cols floats gathered or scattered.
	Copy2D func(dst []float32, ldd int, src []float32, lds, rows, cols int)
	// Prefetch asks for a block to be brought into the first cache meanwhile. A program of several passes over a block reads
	// memory in the first only; asking for the next block between passes keeps memory busy.
	Prefetch func(x []float32)
	// Stream copies past the caches: what is far larger than they are costs no reading before it is written, and displaces
	// nothing. Only a Fence by the same goroutine, without a pause, makes it visible to others.
	Stream func(dst, src []float32)
	Fence  func()
}

func movementReference() Movement {
	return Movement{
		BroadcastRows: func(dst, s []float32, n int) {
			for r, v := range s {
				row := dst[r*n : r*n+n]
				for i := range row {
					row[i] = v
				}
			}
		},
		TileRow:   tileRow,
		Transpose: Transpose[float32],
		Copy2D:    Copy2D[float32],
		Prefetch:  func([]float32) {},
		Stream:    func(dst, src []float32) { copy(dst, src) },
		Fence:     func() {},
	}
}

// tileRow doubles what is written already, so that most of the work is long copies.
func tileRow(dst, row []float32) {
	done := copy(dst, row)
	for done > 0 && done < len(dst) {
		done += copy(dst[done:], dst[:done])
	}
}

// transposeTile is the edge of the square in which Transpose works, so that the lines it touches stay in the first cache.
const transposeTile = 16

// Transpose writes dst[j·ldd+i] = src[i·lds+j] for i < rows, j < cols, for elements of any type.
func Transpose[T any](dst []T, ldd int, src []T, lds, rows, cols int) {
	for i0 := 0; i0 < rows; i0 += transposeTile {
		for j0 := 0; j0 < cols; j0 += transposeTile {
			for j := j0; j < min(j0+transposeTile, cols); j++ {
				for i := i0; i < min(i0+transposeTile, rows); i++ {
					dst[j*ldd+i] = src[i*lds+j]
				}
			}
		}
	}
}

// Copy2D writes dst[i·ldd+j] = src[i·lds+j] for i < rows, j < cols, for elements of any type.
func Copy2D[T any](dst []T, ldd int, src []T, lds, rows, cols int) {
	if cols <= 0 {
		return
	}
	for i := range rows {
		copy(dst[i*ldd:i*ldd+cols], src[i*lds:i*lds+cols])
	}
}
