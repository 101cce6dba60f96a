package parse

import "fmt"

// CIFAR pictures are 32×32 with three channels, stored plane by plane (Krizhevsky 2009, "Learning multiple layers of
// features from tiny images"; layout: the data set's home page).
const (
	CIFARSide  = 32
	cifarBytes = 3 * CIFARSide * CIFARSide
)

// Batch is one file of a CIFAR archive: n pictures in NHWC order (n·32·32·3 bytes) and a label for each.
type Batch struct {
	Pix    []byte
	Labels []int32
}

// CIFARBinary reads one .bin file: records of 1 (CIFAR-10) or 2 (CIFAR-100: coarse, fine) label bytes and 3072 pixel
// bytes. The last label byte of each record is kept.
func CIFARBinary(b []byte, labelBytes int) (Batch, error) {
	record := labelBytes + cifarBytes
	if labelBytes < 1 || labelBytes > 2 || len(b) == 0 || len(b)%record != 0 {
		return Batch{}, fmt.Errorf("cifar: %d bytes are not a whole number of records of %d bytes (truncated?)", len(b), record)
	}
	n := len(b) / record
	out := Batch{Pix: make([]byte, n*cifarBytes), Labels: make([]int32, n)}
	for i := range n {
		r := b[i*record : (i+1)*record]
		out.Labels[i] = int32(r[labelBytes-1])
		interleave(out.Pix[i*cifarBytes:(i+1)*cifarBytes], r[labelBytes:])
	}
	return out, nil
}

// interleave turns three planes into pixels.
func interleave(dst, planes []byte) {
	const plane = CIFARSide * CIFARSide
	for i := range plane {
		dst[3*i], dst[3*i+1], dst[3*i+2] = planes[i], planes[plane+i], planes[2*plane+i]
	}
}

// CIFARPython reads one file of the Python archives: a pickled dictionary with "data" (uint8, n×3072) and "labels"
// (CIFAR-10) or "fine_labels" (CIFAR-100).
func CIFARPython(b []byte) (Batch, error) {
	d, err := pickledDict(b)
	if err != nil {
		return Batch{}, err
	}
	a, ok := d["data"].(*pickleObject)
	if !ok || len(a.shape) != 2 || a.shape[1] != cifarBytes {
		return Batch{}, fmt.Errorf(`cifar: the pickle has no "data" array of uint8 with shape (n, %d)`, cifarBytes)
	}
	list, ok := d["fine_labels"].(*pickleList)
	if !ok {
		list, ok = d["labels"].(*pickleList)
	}
	if !ok || len(list.items) != a.shape[0] {
		return Batch{}, fmt.Errorf(`cifar: the pickle has no "labels" or "fine_labels" list of %d entries`, a.shape[0])
	}
	out := Batch{Pix: make([]byte, len(a.raw)), Labels: make([]int32, len(list.items))}
	for i, v := range list.items {
		label, ok := v.(int64)
		if !ok || label < 0 || label > 1<<16 {
			return Batch{}, fmt.Errorf("cifar: label %d is %v, expected a small integer", i, v)
		}
		out.Labels[i] = int32(label)
		interleave(out.Pix[i*cifarBytes:(i+1)*cifarBytes], []byte(a.raw[i*cifarBytes:(i+1)*cifarBytes]))
	}
	return out, nil
}

// CIFARNames reads the class names of a Python archive (batches.meta or meta).
func CIFARNames(b []byte) ([]string, error) {
	d, err := pickledDict(b)
	if err != nil {
		return nil, err
	}
	list, ok := d["fine_label_names"].(*pickleList)
	if !ok {
		list, ok = d["label_names"].(*pickleList)
	}
	if !ok {
		return nil, fmt.Errorf(`cifar: the pickle has neither "label_names" nor "fine_label_names"`)
	}
	var names []string
	for i, v := range list.items {
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("cifar: class name %d is not a string", i)
		}
		names = append(names, s)
	}
	return names, nil
}
