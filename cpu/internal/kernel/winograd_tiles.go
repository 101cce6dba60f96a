package kernel

// tiling cuts a 3×3 convolution with stride 1 into tiles of 4×4 output pixels, which see 6×6 input pixels. Tiles are
// counted along rows, rows of tiles over the batch.
type tiling struct {
	*gather
	top, left    int // input coordinate of the first tile's first pixel
	high, wide   int // tiles of an image
	lines, tiles int // rows of tiles and tiles in the whole batch
}

const (
	tileSize = 4
	grid     = 36 // values of a transformed tile
)

func newTiling(g *gather) tiling {
	t := tiling{
		gather: g,
		top:    g.rows[0].taps[0].offset, left: g.cols[0].taps[0].offset,
		high: ceilDiv(g.outH, tileSize), wide: ceilDiv(g.outW, tileSize),
	}
	t.lines = g.batch * t.high
	t.tiles = t.lines * t.wide
	return t
}

// pixels fills table with pointers to the tile's input pixels, to zero where the image has none.
func (t *tiling) pixels(x, zero []float32, tile int, table *[grid]*float32) {
	line := tile / t.wide
	y := line%t.high*tileSize + t.top
	first := tile%t.wide*tileSize + t.left
	at := ((line/t.high*t.inH+y)*t.inW + first) * t.inC
	inside := first >= 0 && first+6 <= t.inW
	for r := range 6 {
		row := table[6*r : 6*r+6 : 6*r+6]
		switch {
		case y < 0 || y >= t.inH:
			for i := range row {
				row[i] = &zero[0]
			}
		case inside:
			p := &x[at : at+5*t.inC+1][0]
			for i := range row {
				row[i] = offset(p, i*t.inC)
			}
		default:
			for i := range row {
				row[i] = &zero[0]
				if c := first + i; c >= 0 && c < t.inW {
					row[i] = &x[at+i*t.inC]
				}
			}
		}
		y++
		at += t.inW * t.inC
	}
}

// inputs transforms the first n channels of x in tiles [first, end) into rows of v, ldv apart. Channels that do not fill a
// vector are done in one that begins earlier.
func (t *tiling) inputs(w *Winograd, x, zero []float32, n, first, end int, v []float32, ldv, xi int) {
	var tables [2][grid]*float32
	whole := n - n%w.lanes
	t.pixels(x, zero, first, &tables[first&1])
	for tile := first; tile < end; tile++ {
		table, next := &tables[tile&1], &tables[1-tile&1]
		t.pixels(x, zero, min(tile+1, t.tiles-1), next)
		to := &v[(tile-first)*ldv]
		w.input(whole, table, next, to, xi)
		if whole == n {
			continue
		}
		for i, p := range table {
			table[i] = offset(p, n-w.lanes)
		}
		w.input(w.lanes, table, next, offset(to, n-w.lanes), xi)
	}
}

// place returns where a tile's output begins and how many rows and columns of it exist.
func (t *tiling) place(tile int) (at, rows, cols int) {
	line := tile / t.wide
	y, x := line%t.high*tileSize, tile%t.wide*tileSize
	at = ((line/t.high*t.outH+y)*t.outW + x) * t.outC
	return at, min(tileSize, t.outH-y), min(tileSize, t.outW-x)
}

// output writes a tile's channels [col, col+n) from m. edge holds a tile of as many channels, rounded up to a vector.
func (t *tiling) output(w *Winograd, m *float32, xi int, y []float32, tile, col, n int, edge []float32) {
	at, rows, cols := t.place(tile)
	at += col
	if rows == tileSize && cols == tileSize && n%w.lanes == 0 {
		w.output(n, m, xi, &y[at], t.outC, t.outW*t.outC)
		return
	}
	width := ceilDiv(n, w.lanes) * w.lanes
	w.output(width, m, xi, &edge[0], width, tileSize*width)
	for r := range rows {
		for c := range cols {
			copy(y[at+(r*t.outW+c)*t.outC:][:n], edge[(r*tileSize+c)*width:])
		}
	}
}

// gradient transforms a tile's channels [col, col+n) of dy into width values, zeros beyond n. edge holds a tile of width
// channels.
func (t *tiling) gradient(w *Winograd, y []float32, tile, col, n, width int, z *float32, xi int, edge []float32) {
	at, rows, cols := t.place(tile)
	at += col
	if rows == tileSize && cols == tileSize && n == width {
		next, _, _ := t.place(min(tile+1, t.tiles-1))
		w.gradient(n, &y[at], &y[next+col], t.outC, t.outW*t.outC, z, xi)
		return
	}
	edge = edge[:tileSize*tileSize*width]
	clear(edge)
	for r := range rows {
		for c := range cols {
			copy(edge[(r*tileSize+c)*width:][:n], y[at+(r*t.outW+c)*t.outC:])
		}
	}
	w.gradient(width, &edge[0], &edge[0], width, tileSize*width, z, xi)
}

// finishLines reports the output of rows of tiles as final, channels [col, col+n).
func (t *tiling) finishLines(x *convRun, worker, first, end, col, n int) {
	for line := first; line < end; line++ {
		y := line % t.high * tileSize
		row := (line/t.high*t.outH + y) * t.outW
		x.finish(worker, row, min(tileSize, t.outH-y)*t.outW, col, n)
	}
}

// carve takes slices off a block of scratch memory.
type carve []float32

func (c *carve) take(n int) []float32 {
	x := (*c)[:n:n]
	*c = (*c)[n:]
	return x
}
