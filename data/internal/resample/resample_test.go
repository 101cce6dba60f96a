package resample

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"testing"
)

type golden struct {
	Filter, Kind    string
	H, W, C, OH, OW int
	Input, Output   []byte
}

// Every case is compared with Pillow bit for bit; testdata/golden.py made them.
func TestPillow(t *testing.T) {
	raw, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []golden }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	filters := map[string]Filter{"lanczos": Lanczos, "bicubic": Bicubic, "bilinear": Bilinear, "box": Box}
	for i, g := range file.Cases {
		got := run(filters[g.Filter], g)
		if string(got) != string(g.Output) {
			t.Errorf("case %d: %s %s %dx%dx%d to %dx%d: %d of %d bytes differ from Pillow", i, g.Kind, g.Filter, g.H, g.W, g.C, g.OH, g.OW,
				differing(got, g.Output), len(g.Output))
		}
	}
	if len(file.Cases) < 40 {
		t.Errorf("only %d cases", len(file.Cases))
	}
}

func run(f Filter, g golden) []byte {
	switch g.Kind {
	case "u8":
		return Bytes(f, g.Input, g.H, g.W, g.C, g.OH, g.OW)
	case "rgba":
		return Unpremultiply(Bytes(f, Premultiply(g.Input, g.C), g.H, g.W, g.C, g.OH, g.OW), g.C)
	}
	size := map[string]int{"u16": 2, "f32": 4}[g.Kind]
	in := make([]float32, len(g.Input)/size)
	for i := range in {
		if size == 2 {
			in[i] = float32(binary.LittleEndian.Uint16(g.Input[2*i:]))
		} else {
			in[i] = math.Float32frombits(binary.LittleEndian.Uint32(g.Input[4*i:]))
		}
	}
	round := Round16
	if size == 4 {
		round = nil
	}
	var out []byte
	for _, v := range Floats(f, in, g.H, g.W, g.C, g.OH, g.OW, round) {
		if size == 2 {
			out = binary.LittleEndian.AppendUint16(out, uint16(v))
		} else {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
	}
	return out
}

func differing(a, b []byte) int {
	n := max(len(a), len(b)) - min(len(a), len(b))
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// A constant picture stays constant whatever the sizes; a fuzz of shapes must not panic.
func FuzzConstant(f *testing.F) {
	f.Add(uint8(3), uint8(4), uint8(9), uint8(1), uint8(2))
	f.Fuzz(func(t *testing.T, h, w, oh, ow, kind uint8) {
		H, W, OH, OW := int(h)%40+1, int(w)%40+1, int(oh)%40+1, int(ow)%40+1
		pix := make([]uint8, H*W*3)
		for i := range pix {
			pix[i] = 200
		}
		for i, v := range Bytes(Filter(kind%4), pix, H, W, 3, OH, OW) {
			if v != 200 {
				t.Fatalf("sample %d is %d after scaling a picture of 200s", i, v)
			}
		}
	})
}
