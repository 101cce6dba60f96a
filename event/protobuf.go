package event

import (
	"encoding/binary"
	"math"
)

// message is a protocol buffer message being written: https://protobuf.dev/programming-guides/encoding. Fields whose value is the default
// are written as well, which readers take alike.
type message []byte

const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

func (m message) key(field, wire int) message {
	return binary.AppendUvarint(m, uint64(field)<<3|uint64(wire))
}

func (m message) varint(field int, v int64) message {
	return binary.AppendUvarint(m.key(field, wireVarint), uint64(v))
}

func (m message) double(field int, v float64) message {
	return binary.LittleEndian.AppendUint64(m.key(field, wireFixed64), math.Float64bits(v))
}

func (m message) float(field int, v float32) message {
	return binary.LittleEndian.AppendUint32(m.key(field, wireFixed32), math.Float32bits(v))
}

func (m message) bytes(field int, b []byte) message {
	return append(binary.AppendUvarint(m.key(field, wireBytes), uint64(len(b))), b...)
}

func (m message) text(field int, s string) message { return m.bytes(field, []byte(s)) }

// doubles writes a packed repeated field.
func (m message) doubles(field int, v []float64) message {
	var packed []byte
	for _, x := range v {
		packed = binary.LittleEndian.AppendUint64(packed, math.Float64bits(x))
	}
	return m.bytes(field, packed)
}
