package event

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ebb-ml/ebb/internal/testkit"
)

// all holds one event of each kind with every field set.
var all = []Body{
	Started{true, 51200, "images", 64, 3778435, "cpu", "0.1"},
	Progress{0.5, 1.25, 1e-4, 312.5, 60},
	Evaluated{Weights: "ema", Loss: 0.25, Levels: []Level{{50, 0.5}, {950, Number(math.Inf(-1))}}, Seconds: 2.5, Old: 0.5, BitsPerChar: 1.5},
	Measured{"fid", 12, 11, 13.5},
	Sampled{"samples/1.png", nil},
	Saved{"checkpoints/000000100", 440 << 20, 0.5, []int64{10, 20}},
	Warned{true, "held-out loss rises"},
	RolledBack{80, 5120, `gradient "conv1.weight" is NaN`, 1, 5e-5},
	Distribution{"w", NewHistogram([]float32{1, 2, 3})},
	Finished{true, "all images seen", 180},
	Unknown{"telepathy", []byte(`{"kind":"telepathy","time":"2026-11-23T12:00:00Z","step":7,"seen":448,"wave":3}`)},
}

func TestRoundTrip(t *testing.T) {
	for _, body := range all {
		want := Event{noon, 7, 448, body}
		line, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Event
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if diff := testkit.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
		for field := range reflect.TypeOf(body).NumField() {
			if _, unknown := body.(Unknown); !unknown && reflect.ValueOf(body).Field(field).IsZero() && body.kind() != "sampled" {
				t.Errorf("%s: field %d is not tested", body.kind(), field)
			}
		}
	}
}

// TestFieldNames: a line is one object of two, whose names must differ.
func TestFieldNames(t *testing.T) {
	for _, body := range all {
		typ := reflect.TypeOf(body)
		for i := range typ.NumField() {
			switch tag, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ","); tag {
			case "kind", "time", "step", "seen":
				t.Errorf("%v.%s is named as a field of the event", typ, typ.Field(i).Name)
			}
		}
	}
}

func TestNumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.Float64().Draw(t, "x")
		b, err := json.Marshal(Number(want))
		if err != nil {
			t.Fatal(err)
		}
		var got Number
		if err := json.Unmarshal(b, &got); err != nil || float64(got) != want {
			t.Fatal(got, err)
		}
	})
	for name, want := range nonFinite {
		b, err := json.Marshal(Number(want))
		if err != nil || string(b) != `"`+name+`"` {
			t.Errorf("%v: %s %v", want, b, err)
		}
		var got Number
		if err := json.Unmarshal(b, &got); err != nil || float64(got) != want && !(math.IsNaN(want) && math.IsNaN(float64(got))) {
			t.Error(got, err)
		}
	}
	var n Number
	if err := json.Unmarshal([]byte(`"many"`), &n); err == nil {
		t.Error("a word taken for a number")
	}
}

// TestTimeline compares with a run that was never interrupted: each step of the last attempt counts once.
func TestTimeline(t *testing.T) {
	step := func(n int64, loss Number) Event { return Event{Step: n, Body: Progress{Loss: loss}} }
	start := func(n int64) Event { return Event{Step: n, Body: Started{Resumed: n > 0}} }
	warn := Event{Step: 3, Body: Warned{}}
	back := Event{Step: 5, Body: RolledBack{ToStep: 3}}
	got := Timeline([]Event{start(0), step(1, 1), step(2, 2), step(3, 3), warn, start(1), step(2, 20), step(3, 30), step(4, 40), back, step(4, 400), start(4), step(5, 5)})
	want := []Event{start(0), step(1, 1), warn, start(1), step(2, 20), step(3, 30), back, step(4, 400), start(4), step(5, 5)}
	if diff := testkit.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHistogram(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		values []float32
		count  int64
		bins   int
	}{
		{nil, 0, 0}, {[]float32{nan, inf}, 0, 0}, {[]float32{2, 2, 2}, 3, 1}, {[]float32{0, 1, nan}, 2, bins},
		{[]float32{math.MaxFloat32, -math.MaxFloat32}, 2, bins}, {[]float32{0, math.SmallestNonzeroFloat32}, 2, bins},
	} {
		h := NewHistogram(c.values)
		n := int64(0)
		for _, x := range h.Counts {
			n += x
		}
		if n != c.count || len(h.Counts) != c.bins || n+h.NonFinite != int64(len(c.values)) {
			t.Errorf("%v: %+v", c.values, h)
		}
		if c.bins == bins && (h.Counts[0] == 0 || h.Counts[bins-1] == 0 || h.edge(bins-1) != float64(h.Max)) {
			t.Errorf("%v: the ends are empty: %+v", c.values, h)
		}
	}
	h := NewHistogram([]float32{0, 0.5, 29, 30, 14.5})
	if h.Counts[0] != 2 || h.Counts[14] != 1 || h.Counts[29] != 2 || h.Sum != 74 || h.SumSquares != 0.25+29*29+900+14.5*14.5 {
		t.Errorf("%+v", h)
	}
}

func TestLogSurvivesAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	for i := range 3 {
		l, err := OpenLog(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Write(Event{Step: int64(i), Body: Warned{Message: "line\nbreak <&>"}}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.file.WriteString(`{"kind":"progress","st`); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	events, damaged, err := ReadFile(path)
	if err != nil || len(events) != 3 || len(damaged) != 2 || !strings.Contains(damaged[0].Error(), "line 2") {
		t.Error(events, damaged, err)
	}
	for i, e := range events {
		if e.Step != int64(i) || e.Body.(Warned).Message != "line\nbreak <&>" || e.Time.IsZero() {
			t.Error(e)
		}
	}
	if b, err := os.ReadFile(path); err != nil || strings.Count(string(b), "\n") != 5 {
		t.Errorf("%q %v", b, err)
	}
}

func TestLogRefusesNothing(t *testing.T) {
	l, err := OpenLog(filepath.Join(t.TempDir(), "e"))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Write(Event{}); err == nil {
		t.Error("an event without a body was logged")
	}
	l.Close()
	if err := l.Write(Event{Body: Warned{}}); err == nil || !strings.Contains(err.Error(), "not logged") {
		t.Error("a closed log:", err)
	}
}
