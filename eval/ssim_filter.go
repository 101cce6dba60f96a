package eval

// filter computes local statistics of two planes under a separable symmetric window, row by row, where the window fits inside.
type filter struct {
	half    []float64    // weights 0 … centre of the window
	column  [4][]float64 // statistics of the window's rows in each column
	moments [4][]float64 // those of whole windows, for one row of places
	maps    [4][]float64 // x, y, x²+y² and xy
}

func newFilter(weights []float64, width int) *filter {
	f := &filter{half: weights[:len(weights)/2+1]}
	for i := range f.column {
		f.column[i] = make([]float64, width)
		f.moments[i] = make([]float64, width)
	}
	return f
}

// similarity returns the means of SSIM's map and of its contrast-and-structure part alone, over the places where the window fits.
// Wang et al. 2004, equation 13: S = (2·mx·my + C1)(2·sxy + C2) / ((mx² + my² + C1)(sx² + sy² + C2)).
func (f *filter) similarity(x, y []float64, width int, covariance float64) (ssim, contrast float64) {
	f.products(x, y)
	size := 2*len(f.half) - 1
	rows, columns := len(x)/width-size+1, width-size+1
	for row := range rows {
		for i := range f.maps {
			blend(f.column[i], f.maps[i][row*width:], f.half, width)
			blend(f.moments[i][:columns], f.column[i], f.half, 1)
		}
		mx, my, ms, mc := f.moments[0][:columns], f.moments[1][:columns], f.moments[2][:columns], f.moments[3][:columns]
		for i, a := range mx {
			b := my[i]
			squares, cross := a*a+b*b, a*b
			cs := (2*covariance*(mc[i]-cross) + ssimC2) / (covariance*(ms[i]-squares) + ssimC2)
			contrast += cs
			ssim += cs * (2*cross + ssimC1) / (squares + ssimC1)
		}
	}
	n := float64(rows * columns)
	return ssim / n, contrast / n
}

// products fills the maps. Only the sum of both variances is needed, so x² and y² share a map.
func (f *filter) products(x, y []float64) {
	f.maps[0], f.maps[1] = x, y
	for i := 2; i < 4; i++ {
		if len(f.maps[i]) != len(x) {
			f.maps[i] = make([]float64, len(x))
		}
	}
	squares, cross := f.maps[2][:len(x)], f.maps[3][:len(x)]
	y = y[:len(x)]
	for i, a := range x {
		b := y[i]
		squares[i] = a*a + b*b
		cross[i] = a * b
	}
}

// blend sets dst[i] to the window's sum over src[i], src[i+step], …: along a column for a step of one row, along a row for a step of 1.
// Symmetric weights halve the products.
func blend(dst, src, half []float64, step int) {
	if len(half) == 6 {
		blend11(dst, src, half, step)
		return
	}
	n, last := len(dst), 2*(len(half)-1)
	centre := half[len(half)-1]
	mid := src[(len(half)-1)*step:][:n]
	for i, v := range mid {
		dst[i] = centre * v
	}
	for k, w := range half[:len(half)-1] {
		a, b := src[k*step:][:n], src[(last-k)*step:][:n]
		for i, v := range a {
			dst[i] += w * (v + b[i])
		}
	}
}

// blend11 is blend for the 11 taps of the usual window, in one pass: SSIM of many small pictures is nothing else.
func blend11(dst, src, half []float64, step int) {
	n := len(dst)
	var s [11][]float64
	for k := range s {
		s[k] = src[k*step:][:n]
	}
	s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10 := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9], s[10]
	w0, w1, w2, w3, w4, w5 := half[0], half[1], half[2], half[3], half[4], half[5]
	for i := range dst {
		near := w5*s5[i] + w4*(s4[i]+s6[i]) + w3*(s3[i]+s7[i])
		dst[i] = near + (w2*(s2[i]+s8[i]) + w1*(s1[i]+s9[i]) + w0*(s0[i]+s10[i]))
	}
}
