package event

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata/tensorboard anew; run testdata/check.py afterwards")

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func picture(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 3, 2))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// twoAttempts are the events of a run that was killed after step 3, and went on from step 2.
func twoAttempts(t *testing.T) [2][]Event {
	at := func(step int64, body Body) Event {
		return Event{Time: noon.Add(time.Duration(step) * time.Second), Step: step, Seen: 64 * step, Body: body}
	}
	return [2][]Event{{
		at(0, Started{}),
		at(1, Progress{Loss: 1, GradNorm: 2, LearningRate: 0.5, PerSecond: 100}),
		at(2, Progress{Loss: 0.5, GradNorm: Number(math.Inf(1)), LearningRate: 0.25, PerSecond: 90}),
		at(2, Evaluated{Weights: "ema", Loss: 0.75, Levels: []Level{{50, 0.5}, {950.5, 1}}}),
		at(2, Distribution{"weights/conv1", NewHistogram([]float32{-1, 0, 0, 1, 2})}),
		at(2, Sampled{Path: "samples/2.png", PNG: picture(t)}),
		at(2, Saved{}), at(2, Warned{}),
		at(3, Progress{Loss: Number(math.NaN())}),
	}, {
		at(2, Started{Resumed: true}),
		at(3, Progress{Loss: 0.25, GradNorm: 1, LearningRate: 0.125, PerSecond: 80}),
		at(3, Measured{Name: "fid", Value: 12.5}),
		at(4, Progress{Loss: -1, GradNorm: 1}),
		at(4, RolledBack{ToStep: 3, ToSeen: 192}),
	}}
}

// TestTensorBoardFiles writes a run with a kill in the midst of a record, and compares with the files that real TensorBoard has read (check.py).
func TestTensorBoardFiles(t *testing.T) {
	dir := t.TempDir()
	for i, events := range twoAttempts(t) {
		name := []string{"events.out.tfevents.1000000000.host.1", "events.out.tfevents.1000000001.host.2"}[i]
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		tb := &TensorBoard{file: f}
		err = tb.begin(noon)
		for _, e := range events {
			err = errors.Join(err, tb.Write(e))
		}
		if i == 0 {
			err = errors.Join(err, f.Truncate(tb.size-5))
		}
		if err = errors.Join(err, tb.Close()); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", "tensorboard", name)
		if *update {
			if err := os.WriteFile(golden, got, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(golden); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes are not the %d that TensorBoard was shown: %v", name, len(got), len(want), err)
		}
	}
}

// TestTensorBoardShows checks what real TensorBoard said about those files.
func TestTensorBoardShows(t *testing.T) {
	text, err := os.ReadFile("testdata/tensorboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var shown map[string]struct {
		Plugin string
		Events []struct {
			Step  int64
			Time  float64
			Value any
		}
	}
	if err := json.Unmarshal(text, &shown); err != nil {
		t.Fatal(err)
	}
	scalars := map[string][]any{ // by step: 64, 128, 192
		"train/loss":              {1.0, 0.5, 0.25}, // step 256 was rolled back, step 192 of the killed attempt replaced
		"train/grad_norm":         {2.0, "inf", 1.0},
		"train/learning_rate":     {0.5, 0.25, 0.125},
		"train/per_second":        {100.0, 90.0, 80.0},
		"eval/loss_ema":           {0.75},
		"eval_by_level/ema_50":    {0.5},
		"eval/fid":                {12.5},
		"eval_by_level/ema_950.5": {1.0},
	}
	if len(shown) != len(scalars)+2 {
		t.Error(len(shown), "tags")
	}
	for tag, want := range scalars {
		var got []any
		for i, e := range shown[tag].Events {
			got = append(got, e.Value)
			if len(want) == 3 && (e.Step != int64(64*(i+1)) || e.Time != float64(noon.Unix()+int64(i+1))) {
				t.Error(tag, e)
			}
		}
		if !reflect.DeepEqual(got, want) || shown[tag].Plugin != "scalars" {
			t.Errorf("%s: %v %v, want %v", shown[tag].Plugin, tag, got, want)
		}
	}
	if h := shown["weights/conv1"]; h.Plugin != "histograms" || len(h.Events) != 1 || len(h.Events[0].Value.([]any)) != bins {
		t.Error("histogram:", h)
	} else if first := h.Events[0].Value.([]any)[0].([]any); !slices.Equal(first, []any{-1.0, float64(float32(-0.9)), 1.0}) {
		t.Error("the first bin:", first)
	}
	s := shown["samples"]
	if want := []any{"3", "2"}; s.Plugin != "images" || !reflect.DeepEqual(s.Events[0].Value.([]any)[:2], want) {
		t.Error("image:", s)
	}
}

// TestRecords reads the framing back.
func TestRecords(t *testing.T) {
	b, err := os.ReadFile("testdata/tensorboard/events.out.tfevents.1000000001.host.2")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; len(b) > 0; n++ {
		size := binary.LittleEndian.Uint64(b)
		if binary.LittleEndian.Uint32(b[8:]) != maskedCRC(b[:8]) || binary.LittleEndian.Uint32(b[12+size:]) != maskedCRC(b[12:12+size]) {
			t.Fatal("record", n, "has a wrong CRC")
		}
		b = b[16+size:]
	}
	if n != 6 {
		t.Error(n, "records")
	}
	// CRC-32C of this text is 0xe3069283 (the check value of RFC 3720's polynomial); masked as TFRecord says it is
	if c := maskedCRC([]byte("123456789")); c != 0xc78ab0e5 {
		t.Errorf("%#x", c)
	}
}

// TestFilesAreOrdered opens files while the clock stands, and behind one from the future.
func TestFilesAreOrdered(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tb")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	future := "events.out.tfevents.4000000000.host.1"
	if err := os.WriteFile(filepath.Join(dir, future), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	var opened []string
	for range 3 {
		tb, err := OpenTensorBoard(dir)
		if err != nil {
			t.Fatal(err)
		}
		opened = append(opened, filepath.Base(tb.file.Name()))
		if err := tb.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if all := append([]string{future}, opened...); !slices.IsSorted(all) || !strings.Contains(opened[2], "4000000003") {
		t.Error(all)
	}
}

func TestTensorBoardRefusesNoPNG(t *testing.T) {
	tb, err := OpenTensorBoard(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer tb.Close()
	if err := tb.Write(Event{Body: Sampled{PNG: []byte("JFIF")}}); err == nil || !strings.Contains(err.Error(), "PNG") {
		t.Error(err)
	}
	if err := tb.Write(Event{Body: Sampled{Path: "x.txt"}}); err != nil {
		t.Error("text:", err)
	}
}
