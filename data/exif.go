package data

import (
	"bytes"
	"encoding/binary"
)

// orientation returns the EXIF orientation of a JPEG, PNG, WebP or TIFF file: 1 (upright) to 8, and 1 where there is none.
func orientation(b []byte) int {
	switch {
	case prefix("\xff\xd8")(b):
		return exifOrientation(jpegExif(b))
	case prefix("\x89PNG")(b):
		return exifOrientation(chunk(b, 8, binary.BigEndian, "eXIf", true))
	case isWebP(b):
		return exifOrientation(bytes.TrimPrefix(chunk(b, 12, binary.LittleEndian, "EXIF", false), []byte("Exif\x00\x00")))
	}
	return exifOrientation(b)
}

// jpegExif returns the body of the first Exif segment.
func jpegExif(b []byte) []byte {
	for at := 2; at+4 <= len(b) && b[at] == 0xff; {
		n := int(b[at+2])<<8 | int(b[at+3])
		if b[at+1] == 0xda || n < 2 || at+2+n > len(b) { // start of scan: no more headers
			return nil
		}
		if body := b[at+4 : at+2+n]; b[at+1] == 0xe1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")) {
			return body[6:]
		}
		at += 2 + n
	}
	return nil
}

// chunk finds a chunk by name in the PNG (length, name, body, sum) or RIFF (name, length, body, padding) layout.
func chunk(b []byte, at int, order binary.ByteOrder, name string, png bool) []byte {
	for at+8 <= len(b) {
		length, kind, tail := b[at+4:at+8], b[at:at+4], 0
		if png {
			length, kind, tail = b[at:at+4], b[at+4:at+8], 4
		}
		n := int64(order.Uint32(length))
		if int64(at)+8+n > int64(len(b)) {
			return nil
		}
		if string(kind) == name {
			return b[at+8 : at+8+int(n)]
		}
		at += 8 + int(n) + tail
		if !png {
			at += int(n & 1)
		}
	}
	return nil
}

// exifOrientation reads tag 274 from the first directory of a TIFF structure.
func exifOrientation(b []byte) int {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case prefix("MM\x00*")(b):
		order = binary.BigEndian
	case !prefix("II*\x00")(b):
		return 1
	}
	if len(b) < 8 {
		return 1
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 1
	}
	for i := range int64(order.Uint16(b[at:])) {
		e := at + 2 + 12*i
		if e+12 > int64(len(b)) {
			break
		}
		if v := order.Uint16(b[e+8:]); order.Uint16(b[e:]) == 274 && v >= 1 && v <= 8 {
			return int(v)
		}
	}
	return 1
}
