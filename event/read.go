package event

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"
)

// maxLine is the length above which a line is passed over: no event of ours is near it.
const maxLine = 1 << 20

// LineError says that a line of a log is no event. The lines after it can be read.
type LineError struct {
	Line int // the first is 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d of the log: %v", e.Line, e.Err) }

func (e *LineError) Unwrap() error { return e.Err }

// Reader reads events from a log that may still grow.
type Reader struct {
	r    *bufio.Reader
	part []byte // of a line whose end has not come yet
	long bool   // that line is above maxLine, and part is no more than its beginning
	line int
}

// NewReader returns a reader of the log r.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, 64<<10)} }

// Next returns the next event. The error is io.EOF at the end of the last whole line: Next may be called again when the log has grown.
// It is a [*LineError] for a line that is no event, after which Next goes on with the line that follows.
func (r *Reader) Next() (Event, error) {
	for {
		line, err := r.readLine()
		if err != nil {
			return Event{}, err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			return Event{}, &LineError{r.line, err}
		}
		return e, nil
	}
}

// readLine returns the next whole line; it is valid until the next call.
func (r *Reader) readLine() ([]byte, error) {
	for {
		piece, err := r.r.ReadSlice('\n')
		if r.long = r.long || len(r.part)+len(piece) > maxLine; !r.long {
			r.part = append(r.part, piece...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return nil, err
		}
		line, long := r.part, r.long
		r.part, r.long = r.part[:0], false
		r.line++
		if long {
			return nil, &LineError{r.line, fmt.Errorf("is longer than %d bytes", maxLine)}
		}
		return line, nil
	}
}

// ReadFile returns all events of the log at path, and in damaged a [*LineError] for each line that is none. A last line without an end is left out.
func ReadFile(path string) (events []Event, damaged []error, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	r := NewReader(f)
	for {
		e, err := r.Next()
		var bad *LineError
		switch {
		case errors.Is(err, io.EOF):
			return events, damaged, nil
		case errors.As(err, &bad):
			damaged = append(damaged, err)
		case err != nil:
			return events, damaged, err
		default:
			events = append(events, e)
		}
	}
}

// Follow yields the events of the log at path, those there are and then each as it is written, until ctx is done or the loop is left.
// It looks every interval. The log need not exist yet; one that was cut or replaced is read from its beginning again. Lines that are no events
// are yielded as errors of type [*LineError]; any other error ends the sequence.
func Follow(ctx context.Context, path string, interval time.Duration) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		f := follower{path: path}
		defer f.close()
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for f.drain(yield) {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}

// follower is a log that is open while it exists.
type follower struct {
	path   string
	file   *os.File
	reader *Reader
}

// drain yields all events that are there, and reports whether to go on.
func (f *follower) drain(yield func(Event, error) bool) bool {
	if err := f.reopen(); err != nil {
		yield(Event{}, err)
		return false
	}
	for f.file != nil {
		e, err := f.reader.Next()
		var bad *LineError
		switch {
		case errors.Is(err, io.EOF):
			return true
		case err != nil && !errors.As(err, &bad):
			yield(Event{}, err)
			return false
		case !yield(e, err):
			return false
		}
	}
	return true
}

// reopen opens the file if it is there and not the one that is open, or is now shorter than what was read of it.
func (f *follower) reopen() error {
	now, err := os.Stat(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if f.file != nil {
		was, err := f.file.Stat()
		at, seekErr := f.file.Seek(0, io.SeekCurrent)
		if err := errors.Join(err, seekErr); err != nil {
			return err
		}
		if os.SameFile(now, was) && now.Size() >= at {
			return nil
		}
	}
	f.close()
	f.file, err = os.Open(f.path)
	f.reader = NewReader(f.file)
	return err
}

func (f *follower) close() {
	if f.file != nil {
		f.file.Close()
		f.file = nil
	}
}
