package event_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/ebb-ml/ebb/event"
)

func Example() {
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "events.jsonl")
	l, err := event.OpenLog(path)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range []event.Event{
		{Step: 0, Body: event.Started{Target: 192, Unit: "images"}},
		{Step: 1, Seen: 64, Body: event.Progress{Loss: 0.9}},
		{Step: 2, Seen: 128, Body: event.Progress{Loss: 0.8}}, // then the process is killed,
		{Step: 1, Seen: 64, Body: event.Started{Resumed: true, Target: 192, Unit: "images"}},
		{Step: 2, Seen: 128, Body: event.Progress{Loss: 0.7}}, // and step 2 is done again
	} {
		if err := l.Write(e); err != nil {
			log.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		log.Fatal(err)
	}

	events, _, err := event.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range event.Timeline(events) {
		if p, ok := e.Body.(event.Progress); ok {
			fmt.Println(e.Seen, p.Loss)
		}
	}
	// Output:
	// 64 0.9
	// 128 0.7
}
