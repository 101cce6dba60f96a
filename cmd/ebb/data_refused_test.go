package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image/color"
	"strings"
	"testing"
)

// bomb is a PNG file of a few bytes whose header asks for ten thousand million pixels.
func bomb() string {
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	chunk := append([]byte("IHDR"), 0, 1, 134, 160, 0, 1, 134, 160, 8, 2, 0, 0, 0) // 100,000 x 100,000, RGB
	_ = binary.Write(&b, binary.BigEndian, uint32(len(chunk)-4))                   // a Buffer takes everything
	b.Write(chunk)
	_ = binary.Write(&b, binary.BigEndian, crc32.ChecksumIEEE(chunk))
	return b.String()
}

// A damaged picture among a thousand is passed over and named, since it is no more than the share that may be; with a smaller share it
// is refused.
func TestBrokenAmongMany(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	album(t, "many", 1000, 1)
	line := strings.Replace(tinyPictures, "--images 64", "--images 1024 --batch 128", 1) + "many"
	for _, s := range []said{
		{line, 0, "", `1 of the pictures could not be used; others took their place: picture 0000.png: PNG: `},
		{line + " --run s --set data.max_broken=0", 3, "", `1 of 1000 pictures cannot be used, 0 % may be skipped; picture 0000.png: .*remove them or allow a larger share`},
	} {
		s.check(t)
	}
}

// A bomb is refused from its header, by name.
func TestBomb(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	album(t, "pictures", 40, 0)
	write(t, "pictures/0050.png", bomb())
	said{tinyPictures + "pictures", 3, "", `0050.png: PNG: the header asks for 100000 x 100000 pixels, the limit is \d+ pixels`}.check(t)
}

// A run that goes on must find the classes that it was made for.
func TestOtherClasses(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	album(t, "p/cat", 20, 0)
	album(t, "p/dog", 20, 0)
	line := "train -q --run r --recipe cifar10-small --config tiny.toml --set held_out.images=0 --set train.sample_every=0 --set sample.rows=1 " +
		"--set sample.columns=1 --set sample.batch=1 --data p --images "
	said{line + "64", 0, "", ""}.check(t)
	paint(t, "p/emu/1.png", 16, 16, func(int, int) color.Color { return color.White })
	said{line + "128", 2, "", `the data has the classes cat, dog, emu, the run was made for cat, dog`}.check(t)
}
