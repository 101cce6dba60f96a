package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Log appends events to a file. Several goroutines may write at once.
type Log struct {
	mu   sync.Mutex
	file *os.File
	torn bool // the file does not end with a whole line
}

// OpenLog opens the log at path, which is made if there is none. What is in it stays.
func OpenLog(path string) (*Log, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, fmt.Errorf("cannot open the log of events: %w", err)
	}
	torn, err := endsInLine(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot read the log of events: %w", err)
	}
	return &Log{file: f, torn: torn}, nil
}

// endsInLine reports whether the last byte of f belongs to a line without an end, as a kill leaves it.
func endsInLine(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], info.Size()-1)
	return last[0] != '\n', err
}

// Write appends the event in one call of the operating system.
func (l *Log) Write(e Event) error {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := l.file.Write(line)
	switch {
	case err == nil:
		l.torn = false
	case n > 0:
		l.torn = true
	}
	if err != nil {
		return fmt.Errorf("an event was not logged: %w", err)
	}
	return nil
}

// Sync waits until all events are on the disk, to survive a loss of power. A stop of the process alone loses none.
func (l *Log) Sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Sync()
}

// Close syncs and closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.file.Sync(), l.file.Close())
}
