package data

import "image"

// Go replicates subsampled chroma; every C library and so every other trainer interpolates it. On pictures of 32 x 32
// that is a visible difference in the data, so it is interpolated here too, with libjpeg's arithmetic (jdsample.c,
// "fancy upsampling": each sample is 3/4 of the nearer and 1/4 of the further one, rounding alternately up and down).

// fromYCbCr returns the RGB samples of m. video says that luma spans 16 … 235 (WebP) and not 0 … 255 (JPEG).
func fromYCbCr(m *image.YCbCr, video bool) []byte {
	h, w := m.Rect.Dy(), m.Rect.Dx()
	cb := chroma(m.Cb, m.CStride, m.SubsampleRatio, h, w)
	cr := chroma(m.Cr, m.CStride, m.SubsampleRatio, h, w)
	out := make([]byte, 3*h*w)
	convert := jfif
	if video {
		convert = bt601
	}
	for y := range h {
		luma := m.Y[y*m.YStride:][:w]
		row := out[3*y*w : 3*(y+1)*w]
		for x, l := range luma {
			row[3*x], row[3*x+1], row[3*x+2] = convert(int32(l), int32(cb[y*w+x]), int32(cr[y*w+x]))
		}
	}
	return out
}

// jfif is JFIF 1.02's conversion with 16 fractional bits, rounded as libjpeg's tables are (jdcolor.c).
func jfif(y, cb, cr int32) (r, g, b uint8) {
	cb -= 128
	cr -= 128
	const half = 1 << 15
	return clamp(y + (91881*cr+half)>>16), clamp(y + (-22554*cb-46802*cr+half)>>16), clamp(y + (116130*cb+half)>>16)
}

// bt601 is the limited-range conversion of ITU-R BT.601 with libwebp's 14-bit weights (src/dsp/yuv.h).
func bt601(y, u, v int32) (r, g, b uint8) {
	high := func(x, k int32) int32 { return x * k >> 8 }
	l := high(y, 19077)
	return clamp((l + high(v, 26149) - 14234) >> 6), clamp((l - high(u, 6419) - high(v, 13320) + 8708) >> 6), clamp((l + high(u, 33050) - 17685) >> 6)
}

func clamp(v int32) uint8 { return uint8(min(max(v, 0), 255)) }

// chroma widens one chroma plane to h rows of w samples.
func chroma(pix []uint8, stride int, ratio image.YCbCrSubsampleRatio, h, w int) []uint8 {
	sx, sy := 1, 1
	switch ratio {
	case image.YCbCrSubsampleRatio422:
		sx = 2
	case image.YCbCrSubsampleRatio420:
		sx, sy = 2, 2
	case image.YCbCrSubsampleRatio440:
		sy = 2
	case image.YCbCrSubsampleRatio411:
		sx = 4
	case image.YCbCrSubsampleRatio410:
		sx, sy = 4, 2
	}
	ch, cw := (h+sy-1)/sy, (w+sx-1)/sx
	out := make([]uint8, h*w)
	near, far := make([]int32, cw+2), 0
	for y := range h {
		r := y / sy
		far = r
		if sy == 2 && sx <= 2 {
			far = min(max(r-1+2*(y&1), 0), ch-1)
		}
		a, b := pix[r*stride:][:cw], pix[far*stride:][:cw]
		dst := out[y*w : (y+1)*w]
		switch {
		case sx == 1 && sy == 1:
			copy(dst, a)
		case sx == 1:
			for x := range dst {
				dst[x] = uint8((3*int32(a[x]) + int32(b[x]) + 1 + int32(y&1)) >> 2)
			}
		case sx == 2 && cw > 2:
			widen(dst, a, b, near, sy == 2)
		default:
			for x := range dst {
				dst[x] = a[x/sx]
			}
		}
	}
	return out
}

// widen doubles a row of chroma; far is mixed in first where rows were halved as well. The sums have one guard at each end.
func widen(dst, row, far []uint8, sums []int32, both bool) {
	shift, up, down := 2, int32(1), int32(2)
	if both {
		shift, up, down = 4, 8, 7
	}
	for i, v := range row {
		sums[i+1] = int32(v)
		if both {
			sums[i+1] = 3*int32(v) + int32(far[i])
		}
	}
	n := len(row)
	sums[0], sums[n+1] = sums[1], sums[n]
	for x := range dst {
		i := x/2 + 1
		if x&1 == 0 {
			dst[x] = uint8((3*sums[i] + sums[i-1] + up) >> shift)
		} else {
			dst[x] = uint8((3*sums[i] + sums[i+1] + down) >> shift)
		}
	}
}
