package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ebb-ml/ebb/event"
	"github.com/ebb-ml/ebb/train"
)

// A bar fills up and is never as wide as the terminal, which would break it over two lines.
func TestBar(t *testing.T) {
	const facts = "12345/57600 images  loss 0.0312  1022/s  45s left"
	for width := 21; width < 200; width++ {
		for _, share := range []float64{0, 0.333, 0.999, 1} {
			if got := []rune(bar("glyphs", facts, share, width)); len(got) >= width {
				t.Fatalf("a bar of %d in a terminal of %d: %s", len(got), width, string(got))
			}
		}
	}
	for share, full := range map[float64]int{0: 0, 0.5: 20, 1: 40} {
		if got := strings.Count(bar("n", "facts", share, 150), "█"); got != full {
			t.Errorf("%v of a bar of 40 is %d", share, got)
		}
	}
}

// A terminal gets a bar that lines are written above; elsewhere lines come now and then, without control characters; --quiet leaves
// alarms, --json events alone.
func TestScreen(t *testing.T) {
	status := train.Status{Seen: 50, Target: 100, Unit: "images", Loss: 0.5, PerSecond: 10, Remaining: 5 * time.Second}
	show := func(change func(*screen)) (talk, events string) {
		var out, lines bytes.Buffer
		s := &screen{out: &out, name: "n", width: func() int { return 100 }}
		change(s)
		if s.json != nil {
			s.json = &lines
		}
		s.step(status)
		for _, b := range []event.Body{event.Sampled{Path: "p.png"}, event.Warned{Alarm: true, Message: "fire"}} {
			if err := s.Write(event.Event{Seen: 50, Body: b}); err != nil {
				t.Fatal(err)
			}
		}
		s.done()
		return out.String(), lines.String()
	}
	const said = "after 50 images: samples in p.png\n"
	for _, c := range []struct {
		change       func(*screen)
		talk, events string
	}{
		{func(s *screen) {}, "n  50%  50/100 images  loss 0.5000  10/s  5s left\n" + said + "fire\n", ""},
		{func(s *screen) { s.quiet = true }, "fire\n", ""},
		{func(s *screen) { s.tty = true }, "\r\x1b[K" + bar("n", "50/100 images  loss 0.5000  10/s  5s left", 0.5, 100) + "\r\x1b[K" + said + "fire\n", ""},
		{func(s *screen) { s.quiet, s.tty, s.colour = true, true, true }, "\x1b[1;31mfire\x1b[0m\n", ""},
		{func(s *screen) { s.json = &bytes.Buffer{} }, "", `"kind":"sampled"`},
	} {
		talk, events := show(c.change)
		if talk != c.talk {
			t.Errorf("%q is shown, %q expected", talk, c.talk)
		}
		if !strings.Contains(events, c.events) || c.events != "" && strings.Count(events, "\n") != 2 {
			t.Errorf("the events are %q", events)
		}
	}
}
