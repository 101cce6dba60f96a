package text

import (
	"archive/zip"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Source is what a path holds, as far as text goes.
type Source int

const (
	NoText   Source = iota // pictures, numbers, nothing: not for this package
	RawText                // Open reads it
	Prepared               // PrepareFolder wrote it
)

// otherData are the endings of files that other packages read.
const otherData = " .png .jpg .jpeg .gif .webp .bmp .tif .tiff .npy .npz .ppm .pgm .ebb .tar .bin "

// enoughNames is how many files are looked at to tell what a folder holds.
const enoughNames = 2000

// Recognise tells by names, and of a prepared one by its beginning, whether a path holds text. A folder or .zip does if it has more files of
// known text endings than pictures and arrays, so that a folder of pictures with captions is no text.
func Recognise(name string) Source {
	if _, ok := preparedFile(name); ok {
		return Prepared
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return NoText
	case info.IsDir():
		return mostly(os.DirFS(name))
	case strings.EqualFold(path.Ext(name), ".zip"):
		z, err := zip.OpenReader(name)
		if err != nil {
			return NoText
		}
		defer z.Close()
		return mostly(z)
	}
	if _, known := formatOf(name); known {
		return RawText
	}
	return NoText
}

// mostly counts the files of a tree.
func mostly(fsys fs.FS) Source {
	texts, others := 0, 0
	fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || texts+others > enoughNames {
			return fs.SkipAll
		}
		if _, known := formatOf(name); known {
			texts++
		} else if strings.Contains(otherData, " "+strings.ToLower(path.Ext(name))+" ") {
			others++
		}
		return nil
	})
	if texts > others {
		return RawText
	}
	return NoText
}
