package bytepair

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Long words go another way, which must agree with the plain one.
func TestLongWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []Rule
		for id := int32(4); id < 40; id++ {
			list = append(list, Rule{rapid.Int32Range(0, id-1).Draw(t, "left"), rapid.Int32Range(0, id-1).Draw(t, "right"), id})
		}
		r := New(list)
		ids := rapid.SliceOfN(rapid.Int32Range(0, 3), 0, 150).Draw(t, "word")
		heap := r.applyLong(slices.Clone(ids), &Scratch{})
		for {
			best, place := len(list), 0
			for i := range max(0, len(ids)-1) {
				k := slices.IndexFunc(list, func(m Rule) bool { return m.Left == ids[i] && m.Right == ids[i+1] })
				if k >= 0 && k < best {
					best, place = k, i
				}
			}
			if best == len(list) {
				break
			}
			ids[place] = list[best].ID
			ids = slices.Delete(ids, place+1, place+2)
		}
		if !slices.Equal(heap, ids) {
			t.Fatalf("%v by heap, %v by search", heap, ids)
		}
	})
}
