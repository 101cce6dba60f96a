// Package bunzip decompresses bzip2 files that consist of many streams, such as Wikipedia's "multistream" dumps, on all cores. Other
// bzip2 files are decompressed one stream after the other.
package bunzip

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/ebb-ml/ebb/internal/inorder"
)

const (
	maxPiece  = 4 << 20   // compressed bytes without the start of a stream, after which the rest is read sequentially
	maxOutput = 512 << 20 // decompressed bytes of one piece
	chunk     = 1 << 20
)

// blockMagic opens the first block of a stream, after "BZh" and a digit. Streams, unlike blocks, begin at whole bytes.
var blockMagic = []byte{0x31, 0x41, 0x59, 0x26, 0x53, 0x59}

// piece is some whole streams, or the whole rest of the file to read in order.
type piece struct {
	data []byte
	rest io.Reader
}

// NewReader decompresses r on the given number of goroutines. Close it to stop them before the end.
func NewReader(r io.Reader, workers int) io.ReadCloser {
	next, stop := iter.Pull2(inorder.Map(workers, pieces(r), decompress))
	return &reader{next: next, stop: stop}
}

type reader struct {
	next func() (io.Reader, error, bool)
	stop func()
	now  io.Reader
	err  error
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	for r.err == nil {
		if r.now == nil {
			now, err, ok := r.next()
			if !ok {
				err = io.EOF
			}
			r.now, r.err = now, err
			continue
		}
		n, err := r.now.Read(p)
		if err == io.EOF {
			r.now, err = nil, nil
		}
		r.err = err
		if n > 0 {
			return n, nil
		}
	}
	return 0, r.err
}

// Close ends the goroutines.
func (r *reader) Close() error {
	r.stop()
	if r.err == nil {
		r.err = errors.New("bzip2: read after Close")
	}
	return nil
}

// decompress returns what a piece holds. A piece that is the rest of the file is decompressed as it is read.
func decompress(p piece) (io.Reader, error) {
	if p.rest != nil {
		return bzip2.NewReader(p.rest), nil
	}
	out, err := io.ReadAll(io.LimitReader(bzip2.NewReader(bytes.NewReader(p.data)), maxOutput+1))
	if err != nil {
		return nil, err
	}
	if len(out) > maxOutput {
		return nil, fmt.Errorf("bzip2: %d compressed bytes hold more than %d", len(p.data), maxOutput)
	}
	return bytes.NewReader(out), nil
}

// pieces cuts a file before the starts of its streams.
func pieces(r io.Reader) iter.Seq2[piece, error] {
	return func(yield func(piece, error) bool) {
		in := bufio.NewReaderSize(r, chunk)
		var held []byte
		for {
			n := len(held)
			held = append(held, make([]byte, chunk)...)
			got, err := io.ReadFull(in, held[n:])
			held = held[:n+got]
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				yield(piece{}, err)
				return
			}
			if err != nil {
				if len(held) > 0 {
					yield(piece{data: held}, nil)
				}
				return
			}
			cut := lastStart(held)
			if cut > 0 {
				if !yield(piece{data: held[:cut:cut]}, nil) {
					return
				}
				held = bytes.Clone(held[cut:])
			} else if len(held) >= maxPiece {
				yield(piece{rest: io.MultiReader(bytes.NewReader(held), in)}, nil)
				return
			}
		}
	}
}

// lastStart finds the last place where a stream begins. A chance match would need ten given bytes in compressed data: one in 2^77.
func lastStart(b []byte) int {
	for end := len(b); ; {
		i := bytes.LastIndex(b[:end], blockMagic)
		if i < 4 {
			return 0
		}
		if bytes.HasPrefix(b[i-4:], []byte("BZh")) && b[i-1] >= '1' && b[i-1] <= '9' {
			return i - 4
		}
		end = i + len(blockMagic) - 1
	}
}
