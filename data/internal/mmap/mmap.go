// Package mmap maps files into memory for reading, on every system that Go supports here.
package mmap

import (
	"fmt"
	"os"
	"runtime/debug"
)

// File is a read-only mapping. Its bytes are valid until Close.
type File struct {
	data  []byte
	unmap func() error
}

// Open maps the whole of the named file.
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
	if info.Size() == 0 || int64(int(info.Size())) != info.Size() {
		return nil, fmt.Errorf("%s has %d bytes and cannot be mapped", path, info.Size())
	}
	return mapFile(f, int(info.Size()))
}

// Bytes is the mapped file. It must not be written to. Reading it after the file was cut short by someone else faults;
// read through Guard where that must not end the program.
func (f *File) Bytes() []byte { return f.data }

// Close removes the mapping; every slice of it becomes invalid.
func (f *File) Close() error {
	if f.unmap == nil {
		return nil
	}
	unmap := f.unmap
	f.unmap, f.data = nil, nil
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
