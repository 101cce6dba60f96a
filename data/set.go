package data

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Set is an ordered list of pictures. The order is part of its identity: batches name pictures by their index.
// Its methods may be called from several goroutines; no picture may be used after Close.
type Set interface {
	// Len is the number of pictures, broken ones included.
	Len() int
	// Entry describes picture i without decoding it.
	Entry(i int) Entry
	// Picture decodes picture i.
	Picture(i int) (*Picture, error)
	// Hash identifies the content of picture i as it is stored (the bytes of its file, or its samples).
	// A prepared cache keeps the hashes of what it was made from.
	Hash(i int) (Hash, error)
	// Classes lists the class names; labels are indices into it. It is empty where there are no labels.
	Classes() []string
	// Notes says in plain words how the source was understood and what looked odd.
	Notes() []string
	Close() error
}

// Entry is what is known of a picture before it is decoded.
type Entry struct {
	Name  string // path inside its source, with slashes
	Label int32  // index into Classes, -1 without a label
	Text  string // caption, where there is one
}

// Hash is a SHA-256 sum of a picture's content.
type Hash [sha256.Size]byte

// hashSamples is the hash of a picture that is not a file: its shape and samples.
func hashSamples(p *Picture) Hash {
	head := binary.LittleEndian.AppendUint32(nil, uint32(p.Height))
	head = binary.LittleEndian.AppendUint32(head, uint32(p.Width))
	head = binary.LittleEndian.AppendUint32(head, uint32(p.Channels)<<8|uint32(p.Depth))
	h := sha256.New()
	h.Write(head)
	h.Write(p.Pix)
	return Hash(h.Sum(nil))
}

// ItemError is a picture that cannot be used.
type ItemError struct {
	Name string // of the picture inside its source
	Err  error
}

func (e *ItemError) Error() string { return fmt.Sprintf("picture %s: %v", e.Name, e.Err) }

// Unwrap returns the cause.
func (e *ItemError) Unwrap() error { return e.Err }

// TooManyBrokenError says that more pictures are broken than was allowed.
type TooManyBrokenError struct {
	Broken  []*ItemError // in the order of the set, or in the order they were met while training
	Total   int          // pictures in the set
	Allowed float64      // share that may be skipped
}

func (e *TooManyBrokenError) Error() string {
	s := fmt.Sprintf("%d of %d pictures cannot be used, %.3g %% may be skipped", len(e.Broken), e.Total, 100*e.Allowed)
	for i, b := range e.Broken {
		if i == 5 {
			return s + fmt.Sprintf("; and %d more", len(e.Broken)-5)
		}
		s += "; " + b.Error()
	}
	return s + " (remove them or allow a larger share)"
}

// Unwrap returns the items.
func (e *TooManyBrokenError) Unwrap() []error {
	out := make([]error, len(e.Broken))
	for i, b := range e.Broken {
		out[i] = b
	}
	return out
}
