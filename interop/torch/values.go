package torch

import (
	"errors"
	"fmt"
	"strconv"
)

// Values of a file are nil, bool, int64, *big.Int (beyond int64), float64, complex128, string, []byte, [Tuple], *[List], *[Dict], [DType] and *[Tensor].
// A torch.Size is a Tuple, a torch.device a string, a set a List.

// List is a Python list or set.
type List struct{ Items []any }

// Tuple is a Python tuple.
type Tuple []any

// Dict is a Python dict, in its order.
type Dict struct {
	Entries []Entry
	at      map[any]int // index of the entries whose keys are text or numbers
}

// Entry is a key of a dict with its value.
type Entry struct{ Key, Value any }

// Get returns the value of a key that is text.
func (d *Dict) Get(key string) (any, bool) {
	i, ok := d.at[key]
	if !ok {
		return nil, false
	}
	return d.Entries[i].Value, true
}

// set adds an entry or, as Python does, gives a key that is there a new value. Keys that are tuples are taken as all different.
func (d *Dict) set(key, value any) {
	switch key.(type) {
	case string, int64, float64, bool, nil:
		if i, ok := d.at[key]; ok {
			d.Entries[i].Value = value
			return
		}
		if d.at == nil {
			d.at = map[any]int{}
		}
		d.at[key] = len(d.Entries)
	}
	d.Entries = append(d.Entries, Entry{key, value})
}

// Named is a tensor with the way to it, such as "ema.conv1.weight".
type Named struct {
	Name   string
	Tensor *Tensor
}

const (
	maxDepth   = 64      // of lists in lists
	maxVisited = 1 << 20 // values, counting one that is met twice twice
)

// Tensors returns all tensors in value, a [File]'s Root or a part of it, in their order. Names are the keys on the way joined by dots. It fails on
// values nested deeper than 64 and on keys that are neither text nor whole numbers, where tensors lie behind them.
func Tensors(value any) ([]Named, error) {
	w := walker{left: maxVisited}
	err := w.walk("", value, 0)
	return w.found, err
}

type walker struct {
	found []Named
	left  int
}

func (w *walker) walk(name string, value any, depth int) error {
	if w.left--; w.left < 0 || depth > maxDepth {
		return errors.New("the file's lists contain one another too often to be written out")
	}
	switch v := value.(type) {
	case *Tensor:
		w.found = append(w.found, Named{name, v})
	case *List:
		return w.items(name, v.Items, depth)
	case Tuple:
		return w.items(name, v, depth)
	case *Dict:
		for _, e := range v.Entries {
			before := len(w.found)
			key, ok := keyName(e.Key)
			if err := w.walk(join(name, key), e.Value, depth+1); err != nil {
				return err
			}
			if !ok && len(w.found) > before {
				return fmt.Errorf("%q holds tensors under a key that is neither text nor a whole number", name)
			}
		}
	}
	return nil
}

func (w *walker) items(name string, items []any, depth int) error {
	for i, item := range items {
		if err := w.walk(join(name, strconv.Itoa(i)), item, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func keyName(key any) (string, bool) {
	switch k := key.(type) {
	case string:
		return k, true
	case int64:
		return strconv.FormatInt(k, 10), true
	}
	return "?", false
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "." + b
}
