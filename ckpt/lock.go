package ckpt

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Owner says which process holds a run folder.
type Owner struct {
	Host    string    `json:"host"`
	Boot    string    `json:"boot,omitempty"` // identifies the running kernel: containers of one machine share it under different host names
	PID     int       `json:"pid"`
	Started time.Time `json:"started"` // when the folder was locked
}

// LockError says that another process has the run folder.
type LockError struct {
	Dir   string
	Owner Owner // zero if it could not be read
	stale bool  // the lock may be left over
}

func (e *LockError) Error() string {
	who := "another process"
	if e.Owner.PID != 0 {
		who = fmt.Sprintf("process %d on host %s (since %s)", e.Owner.PID, e.Owner.Host, e.Owner.Started.Format(time.DateTime))
	}
	if e.stale {
		return fmt.Sprintf("%s: was left locked by %s, which may still be running there; if it is not, force the lock", e.Dir, who)
	}
	return fmt.Sprintf("%s: is in use by %s; wait for it, stop it, or choose another folder", e.Dir, who)
}

// folderLock is the locked file .lock of a run folder. It says who holds it, and is empty when it was given back in order.
type folderLock struct{ file *os.File }

// lockFolder locks dir. The kernel's lock decides between processes of one machine, and it is gone with its process. An owner still named
// in a file that could be locked is therefore dead, unless it is on another host, whose locks a network file system may not show:
// that one stands unless force is set. The notice, if any, says whose lock was taken over.
func lockFolder(dir string, force bool) (l *folderLock, notice string, err error) {
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, "", fmt.Errorf("cannot lock the run folder: %w", err)
	}
	l = &folderLock{f}
	if notice, err = l.take(dir, force); err != nil {
		f.Close()
		return nil, "", err
	}
	return l, notice, nil
}

func (l *folderLock) take(dir string, force bool) (notice string, err error) {
	locked, err := tryLock(l.file)
	if err != nil && !force {
		return "", fmt.Errorf("%s: the file system offers no locks (%w); force the lock if no other process uses the folder", dir, err)
	}
	old, me := readOwner(l.file), thisProcess()
	switch {
	case !locked && err == nil:
		return "", &LockError{Dir: dir, Owner: old}
	case old.PID != 0 && !old.sameMachine(me) && !force:
		return "", &LockError{Dir: dir, Owner: old, stale: true}
	case old.PID != 0:
		notice = fmt.Sprintf("took over the lock of process %d on host %s, which ended without giving it back", old.PID, old.Host)
	}
	text, err := json.Marshal(me)
	if err != nil {
		return "", err
	}
	return notice, errors.Join(l.file.Truncate(0), writeAt0(l.file, text), l.file.Sync())
}

func writeAt0(f *os.File, text []byte) error {
	_, err := f.WriteAt(text, 0)
	return err
}

// Close empties the file and gives the lock back.
func (l *folderLock) Close() error { return errors.Join(l.file.Truncate(0), l.file.Close()) }

// readOwner returns the zero Owner if the file is empty or does not parse.
func readOwner(f *os.File) Owner {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 4096))
	var o Owner
	if err != nil || json.Unmarshal(text, &o) != nil {
		return Owner{}
	}
	return o
}

func thisProcess() Owner {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // Linux alone has it; without it the host name decides
	return Owner{Host: host, Boot: strings.TrimSpace(string(boot)), PID: os.Getpid(), Started: time.Now().Round(time.Second)}
}

func (o Owner) sameMachine(p Owner) bool { return o.Host == p.Host || o.Boot != "" && o.Boot == p.Boot }
