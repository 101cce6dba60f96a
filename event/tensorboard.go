package event

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// TensorBoard writes the events that have numbers or pictures for TensorBoard, whose steps are what Seen counts: images or tokens.
// Several goroutines may write at once.
//
// The tags are train/loss, train/grad_norm, train/learning_rate and train/per_second of [Progress]; eval/loss_W and, by noise level, eval_by_level/W_T
// of [Evaluated] with weights W, eval/old_loss_W where it has an old one; eval/NAME of [Measured]; samples of [Sampled]; and the name of a [Distribution].
// Started and RolledBack start a session, by which TensorBoard drops the later steps of the one before. Other events are passed over.
//
// Sources: protocol buffers event.proto and summary.proto of https://github.com/tensorflow/tensorboard (tensorboard/compat/proto),
// framing of https://www.tensorflow.org/tutorials/load_data/tfrecord.
type TensorBoard struct {
	mu   sync.Mutex
	file *os.File
	size int64 // of whole records
}

var eventFile = regexp.MustCompile(`^events\.out\.tfevents\.(\d+)\.`)

// OpenTensorBoard begins a new file of events in the folder dir, which is made if there is none. TensorBoard reads the files of a folder
// in the order of their names, which begin with a time: where the clock went back, the new file is still named as the last.
func OpenTensorBoard(dir string) (*TensorBoard, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	at := time.Now().Unix()
	for _, e := range entries {
		if m := eventFile.FindStringSubmatch(e.Name()); m != nil {
			last, _ := strconv.ParseInt(m[1], 10, 64)
			at = max(at, last+1)
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	name := fmt.Sprintf("events.out.tfevents.%010d.%s.%d", at, host, os.Getpid())
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	t := &TensorBoard{file: f}
	if err := t.begin(time.Now()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return t, nil
}

// begin writes the record that every file begins with.
func (t *TensorBoard) begin(now time.Time) error {
	return t.record(message{}.double(1, seconds(now)).text(3, "brain.Event:2"))
}

// Close syncs and closes the file.
func (t *TensorBoard) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Join(t.file.Sync(), t.file.Close())
}

// Write writes the event if it has something to show.
func (t *TensorBoard) Write(e Event) error {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	switch body := e.Body.(type) {
	case Started:
		return t.session(e.Time, e.Seen)
	case RolledBack:
		return t.session(e.Time, body.ToSeen)
	}
	values, err := summaryOf(e.Body)
	if err != nil || len(values) == 0 {
		return err
	}
	return t.record(message{}.double(1, seconds(e.Time)).varint(2, e.Seen).bytes(5, values))
}

// session writes SessionLog.START, on which TensorBoard drops steps at or above the event's, unless it is the first.
func (t *TensorBoard) session(at time.Time, seen int64) error {
	const start = 1
	return t.record(message{}.double(1, seconds(at)).varint(2, seen+1).bytes(7, message{}.varint(1, start)))
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

// summaryOf returns the Summary message of an event, empty if it has nothing to show.
func summaryOf(body Body) (message, error) {
	var m message
	switch b := body.(type) {
	case Progress:
		m = m.scalar("train/loss", b.Loss).scalar("train/grad_norm", b.GradNorm)
		m = m.scalar("train/learning_rate", b.LearningRate).scalar("train/per_second", b.PerSecond)
	case Evaluated:
		m = m.scalar("eval/loss_"+b.Weights, b.Loss)
		if b.Old != 0 {
			m = m.scalar("eval/old_loss_"+b.Weights, b.Old)
		}
		for _, l := range b.Levels {
			m = m.scalar(fmt.Sprintf("eval_by_level/%s_%g", b.Weights, float64(l.T)), l.Loss)
		}
	case Measured:
		m = m.scalar("eval/"+b.Name, b.Value)
	case Distribution:
		m = m.value(b.Name, 5, b.proto())
	case Sampled:
		if len(b.PNG) == 0 {
			return nil, nil
		}
		return m.picture("samples", b.PNG)
	}
	return m, nil
}

// value appends a Summary.Value: its tag, and the given field of its oneof.
func (m message) value(tag string, field int, content message) message {
	return m.bytes(1, message{}.text(1, tag).bytes(field, content))
}

func (m message) scalar(tag string, v Number) message {
	return m.bytes(1, message{}.text(1, tag).float(2, float32(v)))
}

func (m message) picture(tag string, picture []byte) (message, error) {
	c, err := png.DecodeConfig(bytes.NewReader(picture))
	if err != nil {
		return nil, fmt.Errorf("a sample for TensorBoard is no PNG: %w", err)
	}
	channels := int64(4)
	if c.ColorModel == color.GrayModel || c.ColorModel == color.Gray16Model {
		channels = 1
	}
	image := message{}.varint(1, int64(c.Height)).varint(2, int64(c.Width)).varint(3, channels).bytes(4, picture)
	return m.value(tag, 4, image), nil
}

// proto returns the HistogramProto message.
func (h Histogram) proto() message {
	limits, counts, total := make([]float64, len(h.Counts)), make([]float64, len(h.Counts)), 0.0
	for i, n := range h.Counts {
		limits[i], counts[i] = h.edge(i), float64(n)
		total += counts[i]
	}
	m := message{}.double(1, float64(h.Min)).double(2, float64(h.Max)).double(3, total)
	return m.double(4, float64(h.Sum)).double(5, float64(h.SumSquares)).doubles(6, limits).doubles(7, counts)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record appends a message in the TFRecord framing: its length and its bytes, each followed by a masked CRC-32C. Readers end a file
// at a record in pieces, so one that did not fit on the disk is taken back, and a stop can break no other than the last.
func (t *TensorBoard) record(m message) error {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(m)))
	b = binary.LittleEndian.AppendUint32(b, maskedCRC(b))
	b = append(b, m...)
	b = binary.LittleEndian.AppendUint32(b, maskedCRC(m))
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := t.file.WriteAt(b, t.size); err != nil {
		return fmt.Errorf("an event was not written for TensorBoard: %w", errors.Join(err, t.file.Truncate(t.size)))
	}
	t.size += int64(len(b))
	return nil
}

// maskedCRC is the CRC of TFRecord, rotated and shifted so that the CRC of data that holds CRCs is no trivial one.
func maskedCRC(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}
