package ckpt

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"runtime"
	"time"
)

// Options says how a run folder is kept. The zero value is right for most runs.
type Options struct {
	Keep    int         // how many of the newest checkpoints stay, besides the one of the lowest score; 0 means 3
	Force   bool        // take the lock although a process on another host seems to hold it
	OnSaved func(Saved) // called from the writing goroutine after each checkpoint that was published; may be nil
	FS      FS          // for tests of faults; nil means [OS]
}

// Saved describes a checkpoint that was published.
type Saved struct {
	Info
	Took    time.Duration // from the call of Save on
	Removed []int64       // steps of the checkpoints that went in return
}

// Run is a run folder that belongs to this process until it is closed. Its methods must be called from one goroutine at a time,
// except WriteFile, which several may call for different files.
type Run struct {
	dir   string
	opt   Options
	fs    FS
	store *store
	lock  *folderLock
	arena []byte
	jobs  chan job
	done  chan error // answers each job
	busy  bool       // a job is unanswered
	err   error      // the answer to the last job, until it is reported
}

type job struct {
	frozen
	asked time.Time
}

// Open locks the run folder dir, which it makes if there is none, and clears up what a killed run left in it; the notices say what
// was done. The error is a [*LockError] if another process has the folder.
func Open(dir string, opt Options) (r *Run, notices []string, err error) {
	if opt.FS == nil {
		opt.FS = OS()
	}
	if opt.Keep <= 0 {
		opt.Keep = 3
	}
	r = &Run{dir: dir, opt: opt, fs: opt.FS}
	r.store = &store{fs: opt.FS, dir: filepath.Join(dir, "checkpoints"), keep: opt.Keep, parent: -1}
	if err := r.fs.MkdirAll(r.store.dir); err != nil {
		return nil, nil, fmt.Errorf("cannot make the run folder: %w", err)
	}
	lock, notice, err := lockFolder(dir, opt.Force)
	if err != nil {
		return nil, nil, err
	}
	r.lock = lock
	notices, err = r.tidy()
	if notice != "" {
		notices = append([]string{notice}, notices...)
	}
	if err != nil {
		return nil, notices, errors.Join(err, lock.Close())
	}
	return r, notices, nil
}

// tidy makes the folders durable and removes what a killed run left in them.
func (r *Run) tidy() ([]string, error) {
	for _, dir := range []string{r.dir, filepath.Dir(r.dir)} {
		if err := r.fs.SyncDir(dir); err != nil {
			return nil, err
		}
	}
	notices, err := r.store.sweep()
	if err != nil {
		return notices, err
	}
	names, err := r.fs.ReadDir(r.dir)
	for _, name := range names {
		if leftoverFile.MatchString(name) {
			path := filepath.Join(r.dir, name)
			notices = append(notices, "removed "+path+", left by a run that was stopped")
			err = errors.Join(err, r.fs.Remove(path))
		}
	}
	return notices, err
}

// Dir returns the folder's path as given to Open.
func (r *Run) Dir() string { return r.dir }

// Load is the function [Load] for this run. The checkpoints saved from now on name the loaded one as their parent.
func (r *Run) Load(groups ...string) (c *Checkpoint, skipped []error, err error) {
	r.finish()
	c, skipped, err = newest(r.fs, r.store.dir, groups)
	if err == nil {
		r.store.parent = c.Step
	}
	return c, skipped, err
}

// Save copies the snapshot's tensors and state and has them written in the background; the caller may change them as soon as Save returns.
// It first waits for the save before it, if that one is still being written.
//
// The error tells what kept this snapshot from being taken (a [*NonFiniteError], a [*SpaceError], tensors that do not fit their shapes),
// joined with what went wrong with the save before, unless Wait reported that already. A failed save leaves the older checkpoints as they were,
// and the next one starts afresh. The copy is kept for the next save: a run that saves holds its checkpoint's size in memory.
func (r *Run) Save(s Snapshot) error {
	asked := time.Now()
	before := r.Wait()
	f, err := s.check()
	if err == nil {
		err = r.store.checkSpace(f.bytes)
	}
	if err == nil {
		r.arena, err = f.copyInto(r.arena)
	}
	if err == nil {
		if r.jobs == nil {
			r.jobs, r.done = make(chan job), make(chan error, 1)
			go r.writer()
		}
		r.jobs <- job{f, asked}
		r.busy = true
	}
	return errors.Join(before, err)
}

// writer saves until there are no more jobs. All calls of the file system come from one thread, so that a test with strace can count them.
func (r *Run) writer() {
	runtime.LockOSThread()
	for j := range r.jobs {
		r.done <- r.write(j)
	}
	close(r.done)
}

func (r *Run) write(j job) error {
	m, err := r.store.write(j.frozen)
	if err != nil {
		return err
	}
	removed, err := r.store.retain()
	if r.opt.OnSaved != nil {
		info := m.info(filepath.Join(r.store.dir, stepName(m.Step)))
		r.opt.OnSaved(Saved{Info: info, Took: time.Since(j.asked), Removed: removed})
	}
	if err != nil {
		return fmt.Errorf("checkpoint of step %d is saved, but older ones could not be removed: %w", m.Step, err)
	}
	return nil
}

// Wait returns when nothing is being written any more, with the error of the last save if it has not been reported yet.
func (r *Run) Wait() error {
	r.finish()
	err := r.err
	r.err = nil
	return err
}

// finish waits for the answer to the last job.
func (r *Run) finish() {
	if r.busy {
		r.err = <-r.done
		r.busy = false
	}
}

// DropAfter removes the checkpoints of all steps above step, the future that a rollback to step has abandoned: otherwise a run stopped
// soon after would resume from one of them. A save in progress is finished first.
func (r *Run) DropAfter(step int64) error { return errors.Join(r.Wait(), r.store.dropAfter(step)) }

// Close finishes the save in progress, reports its error, and gives the folder back.
func (r *Run) Close() error {
	if r.lock == nil {
		return nil
	}
	err := r.Wait()
	if r.jobs != nil {
		close(r.jobs)
		<-r.done
	}
	r.arena, r.jobs = nil, nil
	err = errors.Join(err, r.lock.Close())
	r.lock = nil
	return err
}

var leftoverFile = regexp.MustCompile(`^\.tmp-000000000-[0-9a-f]{16}$`)

// WriteFile replaces the file of the given name in the run folder by what write writes: a reader, and a machine that stops, see the old file or the new.
// The name may lead into folders (samples/000100.png), which are made.
func (r *Run) WriteFile(name string, write func(io.Writer) error) error {
	if !filepath.IsLocal(name) {
		return fmt.Errorf("%q does not lie in the run folder", name)
	}
	final, tmp := filepath.Join(r.dir, name), filepath.Join(r.dir, asideName("tmp", 0))
	if err := r.fs.MkdirAll(filepath.Dir(final)); err != nil {
		return err
	}
	_, err := writeSynced(r.fs, tmp, write)
	if err == nil {
		err = publish(r.fs, tmp, final)
	}
	if err != nil {
		r.fs.Remove(tmp) // a leftover does no harm
		return fmt.Errorf("%s was not written: %w", final, err)
	}
	return nil
}
