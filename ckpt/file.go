package ckpt

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"
)

// pieceSize is how much is hashed and then written at once: small enough to stay in the cache of a core between the two.
const pieceSize = 256 << 10

// writeSynced creates the file at path, syncs it, and returns its size and hash, as they were meant to be.
func writeSynced(fs FS, path string, write func(io.Writer) error) (fileEntry, error) {
	f, err := fs.Create(path)
	if err != nil {
		return fileEntry{}, err
	}
	w := &pieces{w: f, sum: sha256.New()}
	err = write(w)
	if err == nil {
		err = w.flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fileEntry{}, fmt.Errorf("%s: %w", path, err)
	}
	return fileEntry{Size: w.size, SHA256: hex.EncodeToString(w.sum.Sum(nil))}, nil
}

// pieces gathers small writes and splits large ones into pieces of pieceSize, hashing each before it is written.
type pieces struct {
	w    io.Writer
	sum  hash.Hash
	size int64
	buf  []byte
}

func (p *pieces) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		if len(p.buf) == 0 && len(b) >= pieceSize { // no need to copy
			if err := p.put(b[:pieceSize]); err != nil {
				return n - len(b), err
			}
			b = b[pieceSize:]
			continue
		}
		take := min(len(b), pieceSize-len(p.buf))
		p.buf, b = append(p.buf, b[:take]...), b[take:]
		if len(p.buf) == pieceSize {
			if err := p.flush(); err != nil {
				return n - len(b), err
			}
		}
	}
	return n, nil
}

func (p *pieces) flush() error {
	err := p.put(p.buf)
	p.buf = p.buf[:0]
	return err
}

func (p *pieces) put(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	p.sum.Write(b)
	p.size += int64(len(b))
	n, err := p.w.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// readEntry reads the file that e describes and compares size and hash with it. With keep it returns the bytes, which are those that were hashed.
func readEntry(fs FS, dir string, e fileEntry, keep bool) ([]byte, error) {
	path := filepath.Join(dir, e.Name)
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	var data []byte
	var n int64
	if keep {
		data, err = readHashed(f, sum, e.Size)
		n = int64(len(data))
	} else {
		n, err = io.CopyBuffer(struct{ io.Writer }{sum}, io.LimitReader(f, e.Size), make([]byte, max(1, min(e.Size, pieceSize))))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if extra, _ := io.ReadFull(f, make([]byte, 1)); n < e.Size || extra > 0 {
		return nil, fmt.Errorf("%s: does not have the %d bytes that were written", path, e.Size)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != e.SHA256 {
		return nil, fmt.Errorf("%s: is damaged: its SHA-256 is %.12s… where %.12s… was written", path, got, e.SHA256)
	}
	return data, nil
}

// readHashed reads up to size bytes, hashing each piece while it is in cache. Memory that a size that lies asks for
// is never touched, and hence costs nothing.
func readHashed(r io.Reader, sum hash.Hash, size int64) ([]byte, error) {
	var data []byte
	for int64(len(data)) < size {
		at := len(data)
		if at == cap(data) {
			data = append(make([]byte, 0, min(size, max(int64(2*at), 1<<30))), data...)
		}
		n, err := r.Read(data[at:min(at+pieceSize, cap(data))])
		data = data[:at+n]
		sum.Write(data[at:])
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return data, nil
}
