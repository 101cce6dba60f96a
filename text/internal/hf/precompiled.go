package hf

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// charsmap is sentencepiece's table of replacements: a double-array trie over the bytes of what is replaced, and the replacements, each
// ended by a zero byte.
type charsmap struct {
	units []uint32
	words []byte
}

// precompiled reads a table.
func precompiled(encoded string) (normalizer, error) {
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(data) < 4 {
		return nil, errors.Join(errors.New("the normalizer Precompiled has no table of characters"), err)
	}
	size := int(binary.LittleEndian.Uint32(data))
	if data = data[4:]; size%4 != 0 || size > len(data) || size == 0 {
		return nil, errors.New("the normalizer Precompiled has a damaged table of characters")
	}
	m := &charsmap{units: make([]uint32, size/4), words: data[size:]}
	for i := range m.units {
		m.units[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	return m.normalize, nil
}

// maxCluster is how long, in bytes, a cluster of characters is looked up as one.
const maxCluster = 5

func (m *charsmap) normalize(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for s != "" {
		n := cluster(s)
		if n <= maxCluster {
			if to, ok := m.find(s[:n]); ok {
				b.WriteString(to)
				s = s[n:]
				continue
			}
		}
		for _, r := range s[:n] {
			char := string(r)
			if to, ok := m.find(char); ok {
				char = to
			}
			b.WriteString(char)
		}
		s = s[n:]
	}
	return b.String()
}

// find returns the replacement of the shortest beginning of s that has one: of the whole, where s is one character.
func (m *charsmap) find(s string) (string, bool) {
	at := offset(m.units[0])
	for i := range len(s) {
		if s[i] == 0 {
			break
		}
		if at ^= uint32(s[i]); int(at) >= len(m.units) {
			break
		}
		unit := m.units[at]
		if unit&(1<<31|0xFF) != uint32(s[i]) {
			break
		}
		if at ^= offset(unit); unit>>8&1 == 1 && int(at) < len(m.units) {
			from := int(m.units[at] & (1<<31 - 1))
			if from > len(m.words) {
				break
			}
			to, _, _ := bytes.Cut(m.words[from:], []byte{0})
			return string(to), true
		}
	}
	return "", false
}

func offset(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }

// cluster is the length of what a reader sees as one character: with the marks that follow it, a line end of two, a syllable of Hangul. It
// knows as much of Unicode's annex 29 as fits into the few bytes that are looked up as one.
func cluster(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	if r == '\r' && strings.HasPrefix(s[n:], "\n") {
		return n + 1
	}
	if unicode.IsControl(r) {
		return n
	}
	for n < len(s) {
		next, size := utf8.DecodeRuneInString(s[n:])
		if !unicode.In(next, unicode.M) && next != 0x200D && next != 0x200C && !(hangul(r) && hangul(next) && next >= r) {
			break
		}
		r = next
		n += size
	}
	return n
}

// hangul tells letters of syllables, of which a cluster has leading, then vowels, then trailing ones.
func hangul(r rune) bool { return r >= 0x1100 && r <= 0x11FF }
