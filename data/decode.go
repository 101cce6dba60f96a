package data

import (
	"bytes"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// format is one picture format: how its files start and how they are read.
type format struct {
	name   string
	starts func(b []byte) bool
	config func(r io.Reader) (image.Config, error)
	decode func(r io.Reader) (image.Image, error)
}

func prefix(p ...string) func([]byte) bool {
	return func(b []byte) bool {
		for _, s := range p {
			if strings.HasPrefix(string(b[:min(len(b), 16)]), s) {
				return true
			}
		}
		return false
	}
}

func isWebP(b []byte) bool {
	return len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP"
}

// formats lists what can be read. The content decides, not the name.
func formats() []format {
	return []format{
		{"JPEG", prefix("\xff\xd8\xff"), jpeg.DecodeConfig, jpeg.Decode},
		{"PNG", prefix("\x89PNG\r\n\x1a\n"), png.DecodeConfig, png.Decode},
		{"GIF", prefix("GIF87a", "GIF89a"), gif.DecodeConfig, gif.Decode},
		{"BMP", prefix("BM"), bmp.DecodeConfig, bmp.Decode},
		{"TIFF", prefix("II*\x00", "MM\x00*"), tiff.DecodeConfig, tiff.Decode},
		{"WebP", isWebP, webp.DecodeConfig, webp.Decode},
	}
}

// Decode reads one picture file: JPEG, PNG, GIF, BMP, TIFF or WebP. Its size is taken from the header and refused above
// maxPixels before anything of that size is allocated. A decoder that panics is an error.
func Decode(b []byte, maxPixels int) (p *Picture, err error) {
	for _, f := range formats() {
		if f.starts(b) {
			return f.read(b, maxPixels)
		}
	}
	return nil, fmt.Errorf("not a picture file that can be read (JPEG, PNG, GIF, BMP, TIFF, WebP)")
}

func (f format) read(b []byte, maxPixels int) (p *Picture, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("%s: the decoder gave up: %v", f.name, r)
		}
	}()
	size, err := f.config(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	h, w := size.Height, size.Width
	if f.name == "WebP" { // the canvas size in its header says nothing of the frame, which is what is allocated
		h, w = webpFrame(b, h, w)
	}
	if h <= 0 || w <= 0 || h > maxPixels || w > maxPixels || int64(h)*int64(w) > int64(maxPixels) {
		return nil, fmt.Errorf("%s: the header asks for %d x %d pixels, the limit is %d pixels", f.name, w, h, maxPixels)
	}
	m, err := f.decode(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	p = fromImage(m, f.name, b).orient(orientation(b))
	return p, p.check()
}

// webpFrame returns the larger of the canvas and the size that the first frame of a WebP file claims.
func webpFrame(b []byte, h, w int) (int, int) {
	for at := 12; at+8 <= len(b); {
		n := int(uint32(b[at+4]) | uint32(b[at+5])<<8 | uint32(b[at+6])<<16 | uint32(b[at+7])<<24)
		body := b[at+8:]
		switch string(b[at : at+4]) {
		case "VP8 ":
			if len(body) >= 10 {
				w, h = max(w, int(body[6])|int(body[7]&0x3f)<<8), max(h, int(body[8])|int(body[9]&0x3f)<<8)
			}
		case "VP8L":
			if len(body) >= 5 {
				v := uint32(body[1]) | uint32(body[2])<<8 | uint32(body[3])<<16 | uint32(body[4])<<24
				w, h = max(w, int(v&0x3fff)+1), max(h, int(v>>14&0x3fff)+1)
			}
		}
		if n < 0 || n > len(b) {
			break
		}
		at += 8 + n + n&1
	}
	return h, w
}
