package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// Event is one thing that happened in a run.
type Event struct {
	Time time.Time // when it is zero, a Sink takes the present
	Step int64     // training steps done
	Seen int64     // images or tokens trained on
	Body Body
}

// Sink takes events.
type Sink interface{ Write(Event) error }

// Body says what happened; it is one of the types of this package whose doc comment begins "… is the event".
type Body interface{ kind() string }

// Started is the event of a process that begins to train. The Step and Seen of its event say where: events of later steps that stand
// before it in the log are from an attempt that was given up.
type Started struct {
	Resumed    bool   `json:"resumed"`    // from a checkpoint
	Target     int64  `json:"target"`     // Seen at the end of the run
	Unit       string `json:"unit"`       // what Seen counts: "images" or "tokens"
	Batch      int    `json:"batch"`      // per step
	Parameters int64  `json:"parameters"` // of the model
	Backend    string `json:"backend"`
	Version    string `json:"version"` // of ebb
}

// Progress is the event of steps done, with means over the steps since the last such event.
type Progress struct {
	Loss         Number `json:"loss"`
	GradNorm     Number `json:"grad_norm"` // before clipping
	LearningRate Number `json:"learning_rate"`
	PerSecond    Number `json:"per_second"` // images or tokens
	Remaining    Number `json:"remaining"`  // seconds to the end of the run, estimated
}

// Evaluated is the event of a held-out loss.
type Evaluated struct {
	Weights string  `json:"weights"` // "raw", or the name of an average such as "ema"
	Loss    Number  `json:"loss"`
	Levels  []Level `json:"levels,omitempty"`
	Seconds Number  `json:"seconds,omitempty"`  // that measuring took
	Old     Number  `json:"old_loss,omitempty"` // of a fine-tuned model on held-out data of what it was trained on before

	BitsPerChar Number `json:"bits_per_char,omitempty"` // of text, whose loss is in nats per token
}

// Level is the held-out loss at one noise level.
type Level struct {
	T    Number `json:"t"` // the level as the network is told it: the step of a discrete schedule, ln(sigma)/4 of EDM, 1000·t of flow
	Loss Number `json:"loss"`
}

// Measured is the event of any other metric.
type Measured struct {
	Name  string `json:"name"` // "fid", "psnr"
	Value Number `json:"value"`
	// Low and High bound the 95 % interval, where there is one.
	Low  Number `json:"low,omitempty"`
	High Number `json:"high,omitempty"`
}

// Sampled is the event of a grid or text that was drawn from the model.
type Sampled struct {
	Path string `json:"path"` // in the run folder
	PNG  []byte `json:"-"`    // the picture itself, for sinks that show it; not in the log
}

// Saved is the event of a checkpoint that was published.
type Saved struct {
	Path    string  `json:"path"` // in the run folder
	Bytes   int64   `json:"bytes"`
	Seconds Number  `json:"seconds"`
	Removed []int64 `json:"removed,omitempty"` // steps of the checkpoints that went in return
}

// Warned is the event of something that a person should know.
type Warned struct {
	Alarm   bool   `json:"alarm"` // the run is in danger of being useless: look now
	Message string `json:"message"`
}

// RolledBack is the event of a return to an earlier checkpoint, because numbers went wrong. Events of later steps than ToStep that stand
// before it in the log no longer count.
type RolledBack struct {
	ToStep       int64  `json:"to_step"`
	ToSeen       int64  `json:"to_seen"`
	Reason       string `json:"reason"` // with the first offending tensor
	Attempt      int    `json:"attempt"`
	LearningRate Number `json:"learning_rate"` // from now on
}

// Distribution is the event of a histogram, of weights or gradients.
type Distribution struct {
	Name string `json:"name"`
	Histogram
}

// Finished is the event of the end of a process, whether the run is complete or not.
type Finished struct {
	Complete bool   `json:"complete"`
	Message  string `json:"message"` // why it ended
	Seconds  Number `json:"seconds"` // that this process trained
}

// Unknown stands for an event of a kind that this program does not know: a newer ebb wrote it.
type Unknown struct {
	Kind string
	Line []byte // as it stood in the log
}

func (Started) kind() string      { return "started" }
func (Progress) kind() string     { return "progress" }
func (Evaluated) kind() string    { return "evaluated" }
func (Measured) kind() string     { return "measured" }
func (Sampled) kind() string      { return "sampled" }
func (Saved) kind() string        { return "saved" }
func (Warned) kind() string       { return "warned" }
func (RolledBack) kind() string   { return "rolled_back" }
func (Distribution) kind() string { return "distribution" }
func (Finished) kind() string     { return "finished" }
func (u Unknown) kind() string    { return u.Kind }

// head is what all lines have in common; a line is its JSON and the body's in one object.
type head struct {
	Kind string    `json:"kind"`
	Time time.Time `json:"time"`
	Step int64     `json:"step"`
	Seen int64     `json:"seen"`
}

// MarshalJSON returns the event as it stands in a log, without the line's end.
func (e Event) MarshalJSON() ([]byte, error) {
	if e.Body == nil {
		return nil, fmt.Errorf("the event of step %d has no body", e.Step)
	}
	if u, ok := e.Body.(Unknown); ok {
		return u.Line, nil
	}
	a, err := json.Marshal(head{e.Body.kind(), e.Time.UTC().Truncate(time.Millisecond), e.Step, e.Seen})
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(e.Body)
	if err != nil {
		return nil, err
	}
	return append(append(a[:len(a)-1], ','), b[1:]...), nil
}

// UnmarshalJSON reads an event of a log. Fields it does not know are left out.
func (e *Event) UnmarshalJSON(line []byte) error {
	var h head
	if err := json.Unmarshal(line, &h); err != nil {
		return err
	}
	body, err := decodeBody(h.Kind, line)
	*e = Event{h.Time, h.Step, h.Seen, body}
	return err
}

func decodeBody(kind string, line []byte) (Body, error) {
	switch kind {
	case "":
		return nil, fmt.Errorf("is no event: it has no kind")
	case Started{}.kind():
		return decodeAs[Started](line)
	case Progress{}.kind():
		return decodeAs[Progress](line)
	case Evaluated{}.kind():
		return decodeAs[Evaluated](line)
	case Measured{}.kind():
		return decodeAs[Measured](line)
	case Sampled{}.kind():
		return decodeAs[Sampled](line)
	case Saved{}.kind():
		return decodeAs[Saved](line)
	case Warned{}.kind():
		return decodeAs[Warned](line)
	case RolledBack{}.kind():
		return decodeAs[RolledBack](line)
	case Distribution{}.kind():
		return decodeAs[Distribution](line)
	case Finished{}.kind():
		return decodeAs[Finished](line)
	}
	return Unknown{kind, bytes.Clone(line)}, nil
}

func decodeAs[T Body](line []byte) (Body, error) {
	var body T
	err := json.Unmarshal(line, &body)
	return body, err
}

// Timeline returns the events of the attempt that counts, in their order: without those of steps that a later [Started] or [RolledBack] went back
// behind. What is told about the run itself (starts, warnings, rollbacks, ends) stays.
func Timeline(events []Event) []Event {
	var out []Event
	for _, e := range events {
		switch body := e.Body.(type) {
		case Started:
			out = dropAfter(out, e.Step)
		case RolledBack:
			out = dropAfter(out, body.ToStep)
		}
		out = append(out, e)
	}
	return out
}

func dropAfter(events []Event, step int64) []Event {
	return slices.DeleteFunc(events, func(e Event) bool {
		switch e.Body.(type) {
		case Started, Warned, RolledBack, Finished:
			return false
		}
		return e.Step > step
	})
}

// Number is a float64 that has a JSON form whatever its value: NaN and the infinities are the strings "NaN", "Infinity" and "-Infinity".
type Number float64

var nonFinite = map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	switch f := float64(n); {
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	case math.IsInf(f, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(f, -1):
		return []byte(`"-Infinity"`), nil
	default:
		return json.Marshal(f)
	}
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		f, ok := nonFinite[string(bytes.Trim(b, `"`))]
		if !ok {
			return fmt.Errorf("%s is not a number", b)
		}
		*n = Number(f)
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}
