package ckpt

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// FS is the file system as this package needs it: each call is a place where a test can make a save fail or stop. [OS] is the real one.
type FS interface {
	MkdirAll(dir string) error
	Create(name string) (File, error) // a new file; fails if the name is taken
	Open(name string) (io.ReadCloser, error)
	ReadDir(dir string) ([]string, error) // names, sorted
	Rename(from, to string) error         // replaces a file, never a folder with something in it
	Remove(name string) error             // a file or an empty folder
	SyncDir(dir string) error             // makes the folder's entries survive a loss of power
	Free(dir string) (int64, error)       // bytes that this user may still write there
}

// File is a file being written. After an error of any method its content is worthless.
type File interface {
	io.WriteCloser
	Sync() error
}

// OS returns the operating system's file system.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) MkdirAll(dir string) error { return os.MkdirAll(dir, 0o777) }

func (osFS) Create(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (osFS) Open(name string) (io.ReadCloser, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (osFS) ReadDir(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

func (osFS) Rename(from, to string) error   { return os.Rename(from, to) }
func (osFS) Remove(name string) error       { return os.Remove(name) }
func (osFS) SyncDir(dir string) error       { return syncDir(dir) }
func (osFS) Free(dir string) (int64, error) { return freeSpace(dir) }

// removeFolder removes a folder of files, one call each. What is gone already is no error.
func removeFolder(fs FS, dir string) error {
	names, err := fs.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, name := range names {
		if err := fs.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return errors.Join(err, fs.Remove(dir))
}

// publish renames and makes the new name durable.
func publish(fs FS, from, to string) error {
	if err := fs.Rename(from, to); err != nil {
		return err
	}
	return fs.SyncDir(filepath.Dir(to))
}
