package train

import (
	"errors"
	"path/filepath"
	"sync/atomic"

	"github.com/ebb-ml/ebb/ckpt"
	"github.com/ebb-ml/ebb/event"
)

// Folder is a run folder that belongs to this process: checkpoints, events.jsonl, tensorboard/ and small files.
type Folder struct {
	*ckpt.Run
	sinks []event.Sink
	close []func() error
	batch atomic.Int64 // images or tokens in a step, once training has begun
}

// FolderOptions says how a run folder is kept.
type FolderOptions struct {
	Keep  int          // checkpoints that stay besides the best one; 0 means 3
	Force bool         // take the folder although another host seems to hold it
	Sinks []event.Sink // that are told of events too, such as a screen
	FS    ckpt.FS      // for tests of faults; nil is the operating system
}

// OpenFolder locks the run folder, which it makes if there is none. The notices say what was cleared up in it. The error is a
// *ckpt.LockError if another process has the folder.
func OpenFolder(dir string, o FolderOptions) (f *Folder, notices []string, err error) {
	f = &Folder{}
	f.Run, notices, err = ckpt.Open(dir, ckpt.Options{Keep: o.Keep, Force: o.Force, FS: o.FS, OnSaved: f.saved})
	if err != nil {
		return nil, nil, err
	}
	log, err := event.OpenLog(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		return nil, nil, errors.Join(err, f.Run.Close())
	}
	board, err := event.OpenTensorBoard(filepath.Join(dir, "tensorboard"))
	if err != nil {
		return nil, nil, errors.Join(err, log.Close(), f.Run.Close())
	}
	f.sinks = append([]event.Sink{log, board}, o.Sinks...)
	f.close = []func() error{f.Run.Close, log.Close, board.Close} // the run first: it finishes a save, which is an event
	return f, notices, nil
}

// Emit tells all sinks of an event.
func (f *Folder) Emit(step, seen int64, body event.Body) error {
	var errs []error
	for _, s := range f.sinks {
		errs = append(errs, s.Write(event.Event{Step: step, Seen: seen, Body: body}))
	}
	return errors.Join(errs...)
}

// saved is called by the goroutine that writes checkpoints. A log that cannot be written must not void a checkpoint that was.
func (f *Folder) saved(s ckpt.Saved) {
	path, err := filepath.Rel(f.Dir(), s.Path)
	if err != nil {
		path = s.Path
	}
	_ = f.Emit(s.Step, s.Step*f.batch.Load(), event.Saved{Path: filepath.ToSlash(path), Bytes: s.Bytes, Seconds: event.Number(s.Took.Seconds()), Removed: s.Removed})
}

// Close finishes the save in progress and gives the folder back.
func (f *Folder) Close() error {
	var errs []error
	for _, c := range f.close {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}
