package kernel

func microFor(t Tier) Micro {
	switch t {
	case AVX512:
		return microAVX512()
	case AVX2:
		return microAVX2()
	}
	return microReference()
}

// microAVX512 has a tile of 8×32: rows of A are read where they lie, and eight stay in the first-level cache even when
// they are a multiple of 4 KiB apart (shared/reference/kernels.md §1).
func microAVX512() Micro {
	return Micro{
		MR: 8, NR: 32, peak: peakAVX512, lanes: 16, blocking: wideBlocking(),
		packPanels: packAVX512, packTransposed: packTransposedAVX512, next: microAVX512Next8, copyStrips: copyStripsAVX512, colsCopy: microAVX512Copy8, add: addAVX512,
		Rows: [maxRows + 1]MicroFunc{
			1: microAVX512Rows1, 2: microAVX512Rows2, 3: microAVX512Rows3, 4: microAVX512Rows4,
			5: microAVX512Rows5, 6: microAVX512Rows6, 7: microAVX512Rows7, 8: microAVX512Rows8,
		},
		Cols: [maxRows + 1]MicroFunc{
			1: microAVX512Cols1, 2: microAVX512Cols2, 3: microAVX512Cols3, 4: microAVX512Cols4,
			5: microAVX512Cols5, 6: microAVX512Cols6, 7: microAVX512Cols7, 8: microAVX512Cols8,
		},
	}
}

// microAVX2 has a tile of 6×16, the largest for 16 registers. Blocks are for a first-level cache of 32 KiB, a second-level cache
// of 512 KiB and, of a last-level cache shared with others, 2 MiB.
func microAVX2() Micro {
	return Micro{
		MR: 6, NR: 16, peak: peakAVX2, lanes: 8,
		blocking:   blocking{terms: 256, mostTerms: 512, parts: 4, group: 256 << 10, block: 64 << 10, cols: 256, rows: 96, inPlace: 32, farRow: 6, farCol: 40, segment: 768, tiles: 16, tileCols: 64},
		packPanels: packAVX2, packTransposed: packTransposedAVX2, next: microAVX2Next6, packStrips: packStripsAVX2, colsAsk: microAVX2Ask6, ask: askAVX2, add: addAVX2,
		Rows: [maxRows + 1]MicroFunc{
			1: microAVX2Rows1, 2: microAVX2Rows2, 3: microAVX2Rows3, 4: microAVX2Rows4, 5: microAVX2Rows5, 6: microAVX2Rows6,
		},
		Cols: [maxRows + 1]MicroFunc{
			1: microAVX2Cols1, 2: microAVX2Cols2, 3: microAVX2Cols3, 4: microAVX2Cols4, 5: microAVX2Cols5, 6: microAVX2Cols6,
		},
	}
}
