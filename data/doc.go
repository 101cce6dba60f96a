// Package data turns pictures on disk into batches for training.
//
// A [Set] is an ordered list of labelled pictures. [Open] makes one from a folder, an archive (.zip, .tar, .tar.gz,
// .tar.zst) or a published format (CIFAR, MNIST's IDX, NumPy arrays); [NewGlyphs] and [NewPoints] draw one from nothing.
// [Subset], [Split] and [Concat] make sets of sets. [Inspect] tells what is in a set before anything is trained on it;
// [Prepare] decodes it once into a file that is mapped into memory; [Get] fetches a named set from its publishers.
//
// A [Loader] yields batches. A batch is a pure function of the configuration, the seed and the step: neither the number
// of workers, nor a prepared cache, nor a stop and resume changes a bit of it. There is no position to save.
//
// Pictures have 1 to 4 channels of 8 or 16 bits, or any number of float32 ones, and any size; nothing is forced to RGB.
// Policies that would otherwise be silent: the EXIF orientation is applied; only the first frame of an animation is
// used; a palette becomes RGB (RGBA with transparent entries, grey if all are grey); CMYK becomes RGB; opacity is kept
// while the model has a channel for it, else the picture is laid over [Preprocess.Background].
//
// # The prepared cache
//
// Prepare writes one file, all numbers little-endian:
//
//	offset 0   magic "EBBDATA1"
//	       8   uint64 offset of the index, uint64 its length
//	      24   SHA-256 of the index
//	      56   uint64 number of pictures
//	      64   samples of the pictures, each starting at a multiple of 64: rows of pixels of interleaved channels
//	           (uint8, uint16 or float32)
//	index      for each picture a record of 76 bytes:
//	             uint64 offset of the samples; uint32 height, width; uint16 channels; uint8 bits; uint8 flags
//	             (1 last channel is opacity, 2 broken: no samples); int32 label; uint32 CRC-32C of the samples;
//	             uint32 offset of its strings, length of name, length of text (of the reason, if broken);
//	             32 bytes SHA-256 of what it was made from; 4 zero bytes
//	           then the strings, UTF-8
//	           then a JSON object {"classes": […], "notes": […]} and its length, uint64
//
// The index is checked when the file is opened, each picture's samples whenever they are read.
package data
