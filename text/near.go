package text

import (
	"github.com/ebb-ml/ebb/internal/rng"
)

const (
	sketchBins  = 32
	bandBins    = 4       // that two texts must share to be compared at all
	shingle     = 5       // words
	nearShare   = 0.75    // of the bins equal: about the share of common shingles
	fewBins     = 24      // filled: texts of less are too short to be called near each other
	nearLimit   = 200_000 // documents compared; a sketch of each is kept
	emptyBin    = 0
	nearExample = 5
)

// sketch is what is kept of a text to find those that are nearly the same: the least hash in each of 32 bins of the hashes of all
// sequences of five words (MinHash by one permutation: Li, Owen & Zhang 2012, NIPS).
type sketch struct {
	bins [sketchBins]uint32
	ring [shingle]uint64 // hashes of the last words
	word uint64          // of the present word so far; 0 between words
	seen int             // words
}

// add goes through a text or a part of one. Case and punctuation at the ends of words count; white space does not.
func (s *sketch) add(b []byte) {
	for _, c := range b {
		if asciiSpace(c) {
			s.endWord()
			continue
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		s.word = (s.word^uint64(c))*0x100000001B3 + 0x9E3779B97F4A7C15
	}
}

func (s *sketch) endWord() {
	if s.word == 0 {
		return
	}
	s.ring[s.seen%shingle] = s.word
	s.word = 0
	if s.seen++; s.seen < shingle {
		return
	}
	h := uint64(0)
	for i := range uint64(shingle) {
		h = h*0x9E3779B97F4A7C15 + s.ring[(s.seen+int(i))%shingle]
	}
	h = rng.Mix64(h)
	bin, v := h>>59, uint32(h)|1 // never emptyBin
	if old := s.bins[bin]; old == emptyBin || v < old {
		s.bins[bin] = v
	}
}

// like is the share of equal bins among those that either text has.
func like(a, b *[sketchBins]uint32) float64 {
	equal, filled := 0, 0
	for i := range a {
		if a[i] != emptyBin || b[i] != emptyBin {
			filled++
			if a[i] == b[i] {
				equal++
			}
		}
	}
	if filled < fewBins {
		return 0
	}
	return float64(equal) / float64(filled)
}

// nearIndex finds earlier texts that are nearly the same.
type nearIndex struct {
	sketches [][sketchBins]uint32
	names    []string
	bands    map[uint64]int32 // of four bins → the first text with them
}

// find returns the name of an earlier text like this one, and adds it.
func (n *nearIndex) find(name string, s *sketch) (twin string, found bool) {
	if len(n.names) >= nearLimit {
		return "", false
	}
	if n.bands == nil {
		n.bands = map[uint64]int32{}
	}
	this := int32(len(n.names))
	n.sketches, n.names = append(n.sketches, s.bins), append(n.names, name)
	for band := 0; band < sketchBins; band += bandBins {
		h := uint64(band)
		for _, v := range s.bins[band : band+bandBins] {
			h = rng.Mix64(h ^ uint64(v))
		}
		other, taken := n.bands[h]
		if !taken {
			n.bands[h] = this
		} else if !found && like(&n.sketches[other], &s.bins) >= nearShare {
			twin, found = n.names[other], true
		}
	}
	return twin, found
}
