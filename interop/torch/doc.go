// Package torch reads the files that PyTorch's torch.save writes (.pt, .pth, .bin, .ckpt), without Python and without running anything.
//
// Such a file is a pickle: a program for a small stack machine that may call any function of any Python module. This package runs
// only the instructions that build tensors, dictionaries, lists, tuples, numbers and text, and calls nothing: the handful of
// names that torch.save uses for those are known, and a file with any other is refused with that name. Memory, depth and counts are bounded by
// the file's size.
//
// Both formats are read: the zip archive (since PyTorch 1.6) and the stream of pickles before it. Strides and offsets are honoured, so that
// views come out as the tensors they are. Checkpoints of whole modules (torch.save(model)) need the module's Python code and are refused:
// save model.state_dict() instead.
package torch
