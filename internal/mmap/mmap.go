// Package mmap reads files as if they were memory. [Open] maps a file on every system that can, and reads it whole on others;
// [Map] only maps, for callers with a better way out. Nothing is read from the disk until it is touched, and memory under
// pressure is given back, so that a file may be larger than memory.
package mmap

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
)

// File is the read-only content of a file. Its bytes are valid until Close.
type File struct {
	data  []byte
	unmap func() error // nil when there is nothing to release
}

// Open maps the whole of the named file. Where the system or the file system cannot map, the file is read into memory.
// Empty files and what is not a regular file are errors.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	m, err := Map(f, info.Size())
	if errors.Is(err, errors.ErrUnsupported) {
		return read(f, info.Size())
	}
	return m, err
}

// Map maps the first size bytes of f, at least one, which the file must have. The mapping outlives f. The error is
// [errors.ErrUnsupported] where the system or the file system cannot map.
func Map(f *os.File, size int64) (*File, error) {
	if size < 1 || int64(int(size)) != size {
		return nil, fmt.Errorf("%s has %d bytes and cannot be mapped", f.Name(), size)
	}
	return mapFile(f, int(size))
}

// read is what Open does without mapping.
func read(f *os.File, size int64) (*File, error) {
	data := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), data); err != nil {
		return nil, &os.PathError{Op: "read", Path: f.Name(), Err: err}
	}
	return &File{data: data}, nil
}

// Bytes is the content of the file. It must not be written to. Reading it after the file was cut short by someone else
// faults; read through Guard where that must not end the program.
func (f *File) Bytes() []byte { return f.data }

// Close removes the mapping; every slice of it becomes invalid. Closing again does nothing.
func (f *File) Close() error {
	unmap := f.unmap
	f.unmap, f.data = nil, nil
	if unmap == nil {
		return nil
	}
	return unmap()
}

// Guard runs fn and turns a fault while reading mapped memory (the file was truncated, the disk failed) into an error.
func Guard(fn func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			fault, ok := r.(interface{ Addr() uintptr })
			if !ok {
				panic(r)
			}
			err = fmt.Errorf("reading mapped memory at %#x failed: the file was cut short or the disk has an error", fault.Addr())
		}
	}()
	return fn()
}
