package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/ebb-ml/ebb/data"
)

// kind is n pictures of 16 x 16 pixels of some channels and bits.
func kind(n, channels int, depth data.Depth) (all []*data.Picture) {
	for i := range n {
		p := &data.Picture{Height: 16, Width: 16, Channels: channels, Depth: depth, Alpha: depth != data.Float32 && channels%2 == 0}
		for j := range 16 * 16 * channels {
			switch v := 100 * (i + j) % 60_000; depth {
			case data.Bits8:
				p.Pix = append(p.Pix, byte(v))
			case data.Bits16:
				p.Pix = binary.LittleEndian.AppendUint16(p.Pix, uint16(v))
			default:
				p.Pix = binary.LittleEndian.AppendUint32(p.Pix, math.Float32bits(float32(v)))
			}
		}
		all = append(all, p)
	}
	return all
}

// What is drawn has the channels and the bits of what was trained on.
func TestSampleKinds(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	for _, k := range []struct {
		channels int
		depth    data.Depth
	}{{1, data.Bits8}, {2, data.Bits16}, {3, data.Float32}} {
		name := fmt.Sprintf("%d-%d", k.channels, k.depth)
		var array bytes.Buffer
		if err := data.WriteNPY(&array, kind(40, k.channels, k.depth)); err != nil {
			t.Fatal(err)
		}
		write(t, name+".npy", array.String())
		said{"train -q --recipe folder --config tiny.toml --images 64 --set held_out.images=0 --set train.sample_every=0 --set train.save_every=0 " +
			"--set sample.rows=1 --set sample.columns=1 --run " + name + " --data " + name + ".npy", 0, "", ""}.check(t)
		said{"sample " + name + " -n 3 --out drawn.npy", 0, "drawn.npy", ""}.check(t)
		set, err := data.Open(t.Context(), "drawn.npy", data.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if p, err := set.Picture(2); err != nil || set.Len() != 3 || p.Channels != k.channels || p.Depth != k.depth {
			t.Errorf("%s: %d pictures like %+v, %v", name, set.Len(), p, err)
		}
		if err := set.Close(); err != nil {
			t.Error(err)
		}
		if k.depth == data.Float32 {
			said{"sample " + name + " --out folder", 2, "", `samples of 3 channels and 32 bits do not fit into PNG files: give --out an .npy file`}.check(t)
			said{"sample " + name + " -n 2 --out look.png", 0, "look.png", ""}.check(t)
			continue
		}
		said{"sample " + name + " -n 2 --out drawn", 0, "drawn/000001.png", ""}.check(t)
		file, err := os.ReadFile("drawn/000001.png")
		if err != nil {
			t.Fatal(err)
		}
		if p, err := data.Decode(file, 1000); err != nil || p.Channels != k.channels || p.Depth != k.depth {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if !bytes.Contains(file, []byte("sampler dpmpp-2m, steps 2")) || !bytes.Contains(file, []byte("spacing trailing")) {
			t.Errorf("%s does not say how it was made", name)
		}
	}
	said{"sample 1-8 --out a.jpg", 2, "", `pictures are written as .png, numbers as .npy`}.check(t)
}

// Data without a recipe is trained on, not passed over; a recipe that makes its own pictures takes none.
func TestDefaultRecipe(t *testing.T) {
	t.Chdir(t.TempDir())
	album(t, "pictures", 40, 0)
	write(t, "texts/a.txt", "what is written\n")
	for _, s := range []said{
		{"train -n --data pictures", 0, `^recipe = 'folder'`, `a U-Net of widths`},
		{"train -n --data pictures --set train.save_every=123 --set data.flip_x=false", 0, `flip_x = false(.*\n)*save_every = 123`, ""},
		{"train -n --recipe points --data pictures", 2, "", `recipe points makes its own pictures; train on yours with --recipe folder`},
		{"data inspect pictures", 0, `4 channels: 40; 8 bits: 40|3 channels: 40; 8 bits: 40(.*\n)*- recipe folder: `, ""},
	} {
		s.check(t)
	}
}
