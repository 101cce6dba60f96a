// Package safetensors reads and writes the safetensors file format: named tensors in one file, laid out so that they can be used where they lie.
//
// A file is an 8-byte little-endian length N, N bytes of JSON (the header), and the tensors' bytes one after another, row-major and
// little-endian. The header maps each tensor's name to its element type, shape and byte range, and "__metadata__" to a map of strings:
//
//	{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}
//
// [Open] maps a file into memory and [Parse] takes bytes that are already there; both check the whole header before they return,
// so that nothing in a [File] can point outside it. [Write] writes tensors that are in memory, [NewWriter] streams those that are not.
// Files are byte for byte those of the reference implementation (PyPI safetensors 0.8, https://github.com/huggingface/safetensors).
//
// The reader is stricter than the reference where only damaged or hostile files notice: it refuses a name that occurs twice, an unknown field
// in a tensor's description, a header that does not begin with '{', metadata that is null, and a dimension beyond an int beside a zero.
// The format holds no checksum: a flipped bit among the data loads without a word. Package ckpt adds one.
package safetensors
