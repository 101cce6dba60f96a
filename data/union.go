package data

import (
	"errors"
	"fmt"
)

// Union is several sets one after the other, as Concat makes it.
type Union struct {
	sets    []Set
	first   []int     // index of each set's first picture
	labels  [][]int32 // class of each set's classes in the union
	classes []string
	n       int
}

// Concat joins sets in the order given. Classes with the same name become one, the others keep the order in which they
// come. The union owns the sets: closing it closes them.
func Concat(sets ...Set) *Union {
	u := &Union{sets: sets}
	index := map[string]int32{}
	for _, s := range sets {
		u.first = append(u.first, u.n)
		u.n += s.Len()
		var to []int32
		for _, c := range s.Classes() {
			if _, known := index[c]; !known {
				index[c] = int32(len(u.classes))
				u.classes = append(u.classes, c)
			}
			to = append(to, index[c])
		}
		u.labels = append(u.labels, to)
	}
	return u
}

// Sizes lists how many pictures each set has.
func (u *Union) Sizes() []int {
	out := make([]int, len(u.sets))
	for i, s := range u.sets {
		out[i] = s.Len()
	}
	return out
}

// find returns the set of picture i and its index there.
func (u *Union) find(i int) (k, j int) {
	for k = len(u.first) - 1; u.first[k] > i; k-- {
	}
	return k, i - u.first[k]
}

// Len implements Set.
func (u *Union) Len() int { return u.n }

// Classes implements Set.
func (u *Union) Classes() []string { return u.classes }

// Entry implements Set.
func (u *Union) Entry(i int) Entry {
	k, j := u.find(i)
	e := u.sets[k].Entry(j)
	if e.Label >= 0 {
		e.Label = u.labels[k][e.Label]
	}
	return e
}

// Picture implements Set.
func (u *Union) Picture(i int) (*Picture, error) {
	k, j := u.find(i)
	return u.sets[k].Picture(j)
}

// Hash implements Set.
func (u *Union) Hash(i int) (Hash, error) {
	k, j := u.find(i)
	return u.sets[k].Hash(j)
}

// Notes implements Set.
func (u *Union) Notes() []string {
	var out []string
	for i, s := range u.sets {
		for _, n := range s.Notes() {
			out = append(out, fmt.Sprintf("source %d: %s", i+1, n))
		}
	}
	return out
}

// Close implements Set.
func (u *Union) Close() error {
	var err error
	for _, s := range u.sets {
		err = errors.Join(err, s.Close())
	}
	return err
}
