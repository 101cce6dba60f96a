package kernel

//go:generate go -C _gen run ./winograd -out ../winograd_amd64.s -stubs ../winograd_stubs_amd64.go -pkg kernel

// Winograd holds a tier's transforms for F(4×4,3×3): Y = A^T [(G g G^T) ⊙ (B^T d B)] A turns a tile of 6×6 inputs into
// 4×4 outputs with 36 multiplications a channel pair instead of 144 (Lavin and Gray 2015, arXiv:1509.09308, eq. 8). The
// interpolation points are 0, ±5/8, ±3/2 and infinity, whose rounding error is half that of 0, ±1, ±2.
//
// Transforms are linear and treat each channel alone. The 36 values of a channel in the transformed domain lie xi floats
// apart, in the order of the 6×6 grid's rows; all strides are in floats. c counts channels and is a multiple of lanes.
type Winograd struct {
	lanes int
	// input writes V = B^T d B; each of the 36 pixels has its own pointer to channel 0. Meanwhile the processor may fetch the
	// pixels of next, the table of the tile that follows.
	input func(c int, x, next *[36]*float32, v *float32, xi int)
	// output writes y = A^T m A to 4×4 pixels, px and row apart. It may overwrite m.
	output func(c int, m *float32, xi int, y *float32, px, row int)
	// gradient writes Z = A y A^T, the transposed output transform; next is where the tile that follows begins.
	gradient func(c int, y, next *float32, px, row int, z *float32, xi int)
	// filter writes U = G g G^T for n rows of lanes channels: nine weights tap apart, rows wrow and urow apart.
	filter func(n int, w *float32, tap, wrow int, u *float32, xi, urow int)
	// filterGradient writes w = G^T u G, the transposed filter transform. It may overwrite u.
	filterGradient func(n int, u *float32, xi, urow int, w *float32, tap, wrow int)
}

const winogradRefLanes = 8

func winogradReference() Winograd {
	return Winograd{
		lanes: winogradRefLanes,
		input: refWinogradInput, output: refWinogradOutput, gradient: refWinogradGradient,
		filter: refWinogradFilter, filterGradient: refWinogradFilterGradient,
	}
}

// The finite points besides 0 are ±pointA and ±pointB; the weights are one over the products that normalise the Lagrange
// polynomials at 0, ±pointA and ±pointB.
const (
	pointA = 5.0 / 8
	pointB = 3.0 / 2

	weight0 = 1 / (pointA * pointA * pointB * pointB)
	weightA = 1 / (2 * pointA * pointA * (pointA*pointA - pointB*pointB))
	weightB = 1 / (2 * pointB * pointB * (pointB*pointB - pointA*pointA))
)

// The matrices of the five transforms, row by row.
var (
	winogradBT = func() (m [6][6]float32) {
		const a2, b2 = pointA * pointA, pointB * pointB
		m[0] = [6]float32{a2 * b2, 0, -(a2 + b2), 0, 1, 0}
		m[1] = [6]float32{0, -pointA * b2, -b2, pointA, 1, 0}
		m[2] = [6]float32{0, pointA * b2, -b2, -pointA, 1, 0}
		m[3] = [6]float32{0, -pointB * a2, -a2, pointB, 1, 0}
		m[4] = [6]float32{0, pointB * a2, -a2, -pointB, 1, 0}
		m[5] = [6]float32{0, a2 * b2, 0, -(a2 + b2), 0, 1}
		return m
	}()
	winogradAT = func() (m [4][6]float32) {
		p := [4]float32{1, 1, 1, 1}
		for i := range m {
			m[i] = [6]float32{0, p[0], p[1], p[2], p[3], 0}
			p = [4]float32{p[0] * pointA, p[1] * -pointA, p[2] * pointB, p[3] * -pointB}
		}
		m[0][0], m[3][5] = 1, 1
		return m
	}()
	winogradG = [6][3]float32{
		{weight0, 0, 0},
		{weightA, pointA * weightA, pointA * pointA * weightA},
		{weightA, -pointA * weightA, pointA * pointA * weightA},
		{weightB, pointB * weightB, pointB * pointB * weightB},
		{weightB, -pointB * weightB, pointB * pointB * weightB},
		{0, 0, 1},
	}
)

func refWinogradInput(c int, x, _ *[36]*float32, v *float32, xi int) {
	for ch := range c {
		var d, t [6][6]float32
		for i := range x {
			d[i/6][i%6] = *offset(x[i], ch)
		}
		for r := range d {
			for j := range 6 {
				t[r][j] = dot6(&winogradBT[j], &d[r])
			}
		}
		for j := range 6 {
			column := [6]float32{t[0][j], t[1][j], t[2][j], t[3][j], t[4][j], t[5][j]}
			for i := range 6 {
				*offset(v, (6*i+j)*xi+ch) = dot6(&winogradBT[i], &column)
			}
		}
	}
}

func dot6(a, b *[6]float32) float32 {
	return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] + a[3]*b[3] + a[4]*b[4] + a[5]*b[5]
}

func refWinogradOutput(c int, m *float32, xi int, y *float32, px, row int) {
	for ch := range c {
		var t [4][6]float32
		for r := range 6 {
			var d [6]float32
			for j := range d {
				d[j] = *offset(m, (6*r+j)*xi+ch)
			}
			for j := range t {
				t[j][r] = dot6(&winogradAT[j], &d)
			}
		}
		for j := range t {
			for i := range 4 {
				*offset(y, i*row+j*px+ch) = dot6(&winogradAT[i], &t[j])
			}
		}
	}
}

func refWinogradGradient(c int, y, _ *float32, px, row int, z *float32, xi int) {
	for ch := range c {
		var t [6][4]float32
		for r := range 4 {
			for j := range 6 {
				for i := range 4 {
					t[j][r] += winogradAT[i][j] * *offset(y, r*row+i*px+ch)
				}
			}
		}
		for j := range 6 {
			for i := range 6 {
				var sum float32
				for r := range 4 {
					sum += winogradAT[r][i] * t[j][r]
				}
				*offset(z, (6*i+j)*xi+ch) = sum
			}
		}
	}
}

func refWinogradFilter(n int, w *float32, tap, wrow int, u *float32, xi, urow int) {
	for i := range n * winogradRefLanes {
		n, lane := i/winogradRefLanes, i%winogradRefLanes
		from, to := offset(w, n*wrow+lane), offset(u, n*urow+lane)
		var t [6][3]float32
		for r := range 3 {
			for j := range 6 {
				for k := range 3 {
					t[j][r] += winogradG[j][k] * *offset(from, (3*r+k)*tap)
				}
			}
		}
		for j := range t {
			for i := range 6 {
				g := &winogradG[i]
				*offset(to, (6*i+j)*xi) = g[0]*t[j][0] + g[1]*t[j][1] + g[2]*t[j][2]
			}
		}
	}
}

func refWinogradFilterGradient(n int, u *float32, xi, urow int, w *float32, tap, wrow int) {
	for i := range n * winogradRefLanes {
		n, lane := i/winogradRefLanes, i%winogradRefLanes
		from, to := offset(u, n*urow+lane), offset(w, n*wrow+lane)
		var t [3][6]float32
		for r := range 6 {
			for j := range 3 {
				for k := range 6 {
					t[j][r] += winogradG[k][j] * *offset(from, (6*r+k)*xi)
				}
			}
		}
		for j := range t {
			for i := range 3 {
				var sum float32
				for k := range 6 {
					sum += winogradG[k][i] * t[j][k]
				}
				*offset(to, (3*i+j)*tap) = sum
			}
		}
	}
}
