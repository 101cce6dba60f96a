package resample

// Premultiply returns 8-bit samples whose last channel (opacity) has been multiplied into the others, as Pillow does
// before it scales RGBA and LA pictures: otherwise the colour of transparent pixels would bleed into visible ones.
func Premultiply(pix []uint8, c int) []uint8 {
	out := make([]uint8, len(pix))
	for i := 0; i+c <= len(pix); i += c {
		a := uint32(pix[i+c-1])
		for j := i; j < i+c-1; j++ {
			t := uint32(pix[j])*a + 128
			out[j] = uint8((t>>8 + t) >> 8)
		}
		out[i+c-1] = uint8(a)
	}
	return out
}

// Unpremultiply undoes Premultiply up to rounding, in place; fully transparent pixels keep their values.
func Unpremultiply(pix []uint8, c int) []uint8 {
	for i := 0; i+c <= len(pix); i += c {
		a := uint32(pix[i+c-1])
		if a == 0 || a == 255 {
			continue
		}
		for j := i; j < i+c-1; j++ {
			pix[j] = uint8(min(uint32(pix[j])*255/a, 255))
		}
	}
	return pix
}
