package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/ebb-ml/ebb/event"
	"github.com/ebb-ml/ebb/train"
	"golang.org/x/term"
)

// screen shows a run: a bar on a terminal, a line now and then elsewhere, JSON lines if asked. It is an event.Sink.
type screen struct {
	mu     sync.Mutex
	out    io.Writer // talk
	json   io.Writer // events, nil if not wanted
	name   string
	tty    bool
	colour bool
	quiet  bool
	width  func() int // of the terminal, which a person may change at any time
	last   time.Time  // of the last bar or line
	drawn  bool       // a bar stands on the current line
	unit   string     // what is counted: images or tokens
}

// How often a bar is drawn, and a line written.
const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 5 * time.Second
)

func newScreen(a *app, name string, asJSON, quiet bool) *screen {
	s := &screen{out: a.stderr, name: name, quiet: quiet, width: func() int { return 80 }}
	if asJSON {
		s.json = a.stdout
	}
	if f, ok := a.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		s.tty, s.colour = true, os.Getenv("NO_COLOR") == ""
		s.width = func() int {
			if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 20 {
				return w
			}
			return 80
		}
	}
	return s
}

// step shows how far training has come.
func (s *screen) step(st train.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unit = st.Unit
	every := lineEvery
	if s.tty {
		every = barEvery
	}
	if s.quiet || s.json != nil || time.Since(s.last) < every && st.Seen < st.Target {
		return
	}
	s.last = time.Now()
	left := "…"
	if st.PerSecond > 0 {
		left = st.Remaining.Round(time.Second).String() + " left"
	}
	facts := fmt.Sprintf("%d/%d %s  loss %.4f  %.0f/s  %s", st.Seen, st.Target, st.Unit, st.Loss, st.PerSecond, left)
	share := min(float64(st.Seen)/float64(st.Target), 1)
	if !s.tty {
		fmt.Fprintf(s.out, "%s %3.0f%%  %s\n", s.name, 100*share, facts)
		return
	}
	fmt.Fprint(s.out, "\r\x1b[K", bar(s.name, facts, share, s.width()))
	s.drawn = true
}

// bar fits name, bar and facts into a width.
func bar(name, facts string, share float64, width int) string {
	room := min(width-len([]rune(name))-len([]rune(facts))-12, 40)
	line := fmt.Sprintf("%s %3.0f%%  %s", name, 100*share, facts)
	if room >= 5 {
		full := int(share * float64(room))
		line = fmt.Sprintf("%s %3.0f%% |%s%s| %s", name, 100*share, strings.Repeat("█", full), strings.Repeat(" ", room-full), facts)
	}
	if r := []rune(line); len(r) >= width {
		line = string(r[:width-1])
	}
	return line
}

// Write implements event.Sink.
func (s *screen) Write(e event.Event) error {
	if s.json != nil {
		if e.Time.IsZero() {
			e.Time = time.Now()
		}
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		_, err = s.json.Write(append(line, '\n'))
		return err
	}
	switch b := e.Body.(type) {
	case event.Started:
		s.unit = b.Unit
		verb := "training"
		if b.Resumed {
			verb = fmt.Sprintf("going on after %d %s:", e.Seen, b.Unit)
		}
		s.say(fmt.Sprintf("%s %d parameters, %d %s, batch %d, backend %s", verb, b.Parameters, b.Target, b.Unit, b.Batch, b.Backend))
	case event.Evaluated:
		line := fmt.Sprintf("after %d %s: held-out loss %.5f", e.Seen, s.unit, float64(b.Loss))
		if b.BitsPerChar > 0 {
			line += fmt.Sprintf(" nats a token, %.4f bits a character", float64(b.BitsPerChar))
		}
		if b.Old > 0 {
			line += fmt.Sprintf(", on the old data %.5f", float64(b.Old))
		}
		s.say(fmt.Sprintf("%s (%s weights, %.1f s)", line, b.Weights, float64(b.Seconds)))
	case event.Sampled:
		s.say(fmt.Sprintf("after %d %s: samples in %s", e.Seen, s.unit, b.Path))
	case event.RolledBack:
		s.alarm(fmt.Sprintf("%s; back to %d %s, learning rate %.3g, attempt %d", b.Reason, b.ToSeen, s.unit, float64(b.LearningRate), b.Attempt))
	case event.Warned:
		if b.Alarm {
			s.alarm(b.Message)
		} else {
			s.say(b.Message)
		}
	}
	return nil
}

// say writes lines that --quiet leaves out.
func (s *screen) say(lines ...string) {
	if !s.quiet && s.json == nil {
		s.print(lines...)
	}
}

// alarm writes a line that must be seen.
func (s *screen) alarm(line string) {
	if s.colour {
		line = "\x1b[1;31m" + line + "\x1b[0m"
	}
	s.print(line)
}

// print writes lines above the bar.
func (s *screen) print(lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range lines {
		if s.drawn {
			fmt.Fprint(s.out, "\r\x1b[K")
			s.drawn = false
		}
		fmt.Fprintln(s.out, l)
	}
}

// done leaves the last bar standing.
func (s *screen) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drawn {
		fmt.Fprintln(s.out)
		s.drawn = false
	}
}

// complete says that a run was complete before, and how to go on.
func (s *screen) complete(dir string, r train.Result, hint string) {
	s.print(fmt.Sprintf("%s is complete: %d %s. Its samples are in %s.", dir, r.Seen, r.Unit, samplesOf(dir)),
		fmt.Sprintf("To train on:    ebb train --run %s --%s %d", dir, r.Unit, 2*r.Seen),
		fmt.Sprintf("To start anew:  ebb train --run %s-2   (or remove the folder)", dir),
		"To draw more:   "+hint)
}
