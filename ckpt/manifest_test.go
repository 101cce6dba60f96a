package ckpt

import (
	"bytes"
	"testing"
	"time"
)

func FuzzManifest(f *testing.F) {
	score := 0.5
	text, err := manifest{Format: 1, Step: 3, Parent: -1, Score: &score, Created: time.Unix(0, 0).UTC(), Files: []fileEntry{{"state.json", 2, "00"}}}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeManifest(b)
		if err != nil {
			return
		}
		if again, err := m.encode(); err != nil || !bytes.Equal(again, b) {
			t.Fatal("a manifest that would be written otherwise was taken:", err)
		}
	})
}
