package data

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/ebb-ml/ebb/internal/rng"
)

func crcIEEE(b []byte) uint32 { return crc32.ChecksumIEEE(b) }

// memory is a set for tests: random pictures of given shapes, some broken.
type memory struct {
	pics    []*Picture
	labels  []int32
	classes []string
	bad     map[int]bool
}

// randomSet makes n pictures of h x w x c.
func randomSet(n, h, w, c int) *memory {
	m := &memory{classes: []string{"a", "b"}, bad: map[int]bool{}}
	for i := range n {
		s := rng.NewSequence(77, 1, uint64(i))
		p := &Picture{Height: h, Width: w, Channels: c, Depth: Bits8, Alpha: c == 2 || c == 4, Pix: make([]byte, h*w*c)}
		for k := range p.Pix {
			p.Pix[k] = byte(s.Uint32())
		}
		m.pics = append(m.pics, p)
		m.labels = append(m.labels, int32(i%2))
	}
	return m
}

func (m *memory) Len() int          { return len(m.pics) }
func (m *memory) Entry(i int) Entry { return Entry{Name: fmt.Sprintf("p%d", i), Label: m.labels[i]} }
func (m *memory) Classes() []string { return m.classes }
func (m *memory) Notes() []string   { return []string{"in memory"} }
func (m *memory) Close() error      { return nil }
func (m *memory) Picture(i int) (*Picture, error) {
	if m.bad[i] {
		return nil, errors.New("cut short")
	}
	return m.pics[i], nil
}

func (m *memory) Hash(i int) (Hash, error) { return hashSamples(m.pics[i]), nil }

// writeFiles makes a folder of files with the given contents.
func writeFiles(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// smallPNG is a 3 x 2 picture of one colour.
func smallPNG(v byte) []byte {
	m := image.NewRGBA(image.Rect(0, 0, 3, 2))
	for i := range 6 {
		m.Set(i%3, i/3, color.RGBA{v, v / 2, 255 - v, 255})
	}
	var b bytes.Buffer
	png.Encode(&b, m)
	return b.Bytes()
}

// sharedData is the folder of real data beside the checkout.
func sharedData(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "shared", "data", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("real data is not here: %v", err)
	}
	return path
}

// seal gives a prepared cache the right length and checksum of its index.
func seal(b []byte) {
	if len(b) < cacheHeader {
		return
	}
	at := binary.LittleEndian.Uint64(b[8:])
	if at > uint64(len(b)) {
		return
	}
	binary.LittleEndian.PutUint64(b[16:], uint64(len(b))-at)
	sum := sha256.Sum256(b[at:])
	copy(b[24:], sum[:])
}
