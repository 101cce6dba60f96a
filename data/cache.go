package data

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/ebb-ml/ebb/internal/mmap"
)

// The layout is described in the package's documentation (doc.go).
const (
	cacheMagic  = "EBBDATA1"
	cacheHeader = 64
	cacheRecord = 76
	cacheAlign  = 64

	flagAlpha  = 1
	flagBroken = 2
)

// cacheMeta is the JSON part of the index.
type cacheMeta struct {
	Classes []string `json:"classes"`
	Notes   []string `json:"notes"`
}

// record is one picture's line in the index.
type record struct {
	offset               uint64
	height, width        uint32
	channels             uint16
	bits, flags          uint8
	label                int32
	sum                  uint32
	strings, nName, nTxt uint32
	hash                 Hash
}

func (r *record) append(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint64(b, r.offset)
	b = le.AppendUint32(b, r.height)
	b = le.AppendUint32(b, r.width)
	b = le.AppendUint16(b, r.channels)
	b = append(b, r.bits, r.flags)
	for _, v := range []uint32{uint32(r.label), r.sum, r.strings, r.nName, r.nTxt} {
		b = le.AppendUint32(b, v)
	}
	b = append(b, r.hash[:]...)
	return le.AppendUint32(b, 0) // room for a later field
}

func parseRecord(b []byte) record {
	le := binary.LittleEndian
	r := record{
		offset: le.Uint64(b), height: le.Uint32(b[8:]), width: le.Uint32(b[12:]), channels: le.Uint16(b[16:]), bits: b[18], flags: b[19],
		label: int32(le.Uint32(b[20:])), sum: le.Uint32(b[24:]), strings: le.Uint32(b[28:]), nName: le.Uint32(b[32:]), nTxt: le.Uint32(b[36:]),
	}
	copy(r.hash[:], b[40:72])
	return r
}

func (r *record) picture() *Picture {
	return &Picture{Height: int(r.height), Width: int(r.width), Channels: int(r.channels), Depth: Depth(r.bits), Alpha: r.flags&flagAlpha != 0}
}

// bytes is the length of the samples.
func (r *record) bytes() uint64 {
	return uint64(r.height) * uint64(r.width) * uint64(r.channels) * uint64(r.bits/8)
}

// cacheSet is a Set read from a prepared cache.
type cacheSet struct {
	file    *mmap.File
	n       int
	records []byte // in the file
	strings []byte
	meta    cacheMeta
	table   *crc32.Table
}

func openCache(path string) (Set, error) {
	f, err := mmap.Open(path)
	if err != nil {
		return nil, err
	}
	var s *cacheSet
	err = mmap.Guard(func() error {
		s, err = parseCache(f.Bytes())
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepared cache is damaged: %w; delete it and prepare it again", err), f.Close())
	}
	s.file = f
	return s, nil
}

// parseCache checks the header and the index of a cache.
func parseCache(b []byte) (*cacheSet, error) {
	le := binary.LittleEndian
	if len(b) < cacheHeader || string(b[:8]) != cacheMagic {
		return nil, fmt.Errorf("it does not start with %s", cacheMagic)
	}
	at, n, count := le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint64(b[56:])
	if at < cacheHeader || at > uint64(len(b)) || n != uint64(len(b))-at {
		return nil, fmt.Errorf("its header names %d bytes, it has %d", at+n, len(b))
	}
	index := b[at:]
	if sum := sha256.Sum256(index); !bytes.Equal(sum[:], b[24:56]) {
		return nil, fmt.Errorf("the checksum of its index is wrong")
	}
	if n < 8 || count > (n-8)/cacheRecord {
		return nil, fmt.Errorf("its index is too short for %d pictures", count)
	}
	s := &cacheSet{n: int(count), records: index[:count*cacheRecord], table: crc32.MakeTable(crc32.Castagnoli)}
	rest := index[count*cacheRecord : n-8]
	size := le.Uint64(index[n-8:])
	if size > uint64(len(rest)) {
		return nil, fmt.Errorf("its index is inconsistent")
	}
	s.strings = rest[:uint64(len(rest))-size]
	if err := json.Unmarshal(rest[uint64(len(rest))-size:], &s.meta); err != nil {
		return nil, fmt.Errorf("its index is unreadable: %w", err)
	}
	return s, s.check(b[:at])
}

// check holds every record against the samples' part of the file.
func (s *cacheSet) check(body []byte) error {
	for i := range s.n {
		r := s.record(i)
		if uint64(r.strings)+uint64(r.nName)+uint64(r.nTxt) > uint64(len(s.strings)) || int(r.label) >= len(s.meta.Classes) || r.label < -1 {
			return fmt.Errorf("record %d is inconsistent", i)
		}
		if r.flags&flagBroken != 0 {
			continue
		}
		if r.height > 1<<30 || r.width > 1<<30 || uint64(r.height)*uint64(r.width) > 1<<40 || r.offset > uint64(len(body)) || r.bytes() > uint64(len(body))-r.offset {
			return fmt.Errorf("record %d points outside the file", i)
		}
		p := r.picture()
		p.Pix = body[r.offset : r.offset+r.bytes()]
		if err := p.check(); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	return nil
}

func (s *cacheSet) record(i int) record { return parseRecord(s.records[i*cacheRecord:]) }

func (s *cacheSet) Len() int          { return s.n }
func (s *cacheSet) Classes() []string { return s.meta.Classes }
func (s *cacheSet) Notes() []string   { return s.meta.Notes }
func (s *cacheSet) Close() error      { return s.file.Close() }

func (s *cacheSet) Entry(i int) Entry {
	r := s.record(i)
	text := s.strings[r.strings:]
	e := Entry{Name: string(text[:r.nName]), Label: r.label}
	if r.flags&flagBroken == 0 {
		e.Text = string(text[r.nName : r.nName+r.nTxt])
	}
	return e
}

func (s *cacheSet) Hash(i int) (Hash, error) {
	r := s.record(i)
	if r.flags&flagBroken != 0 && r.hash == (Hash{}) { // not even its bytes could be read
		return r.hash, errors.New("it could not be read when the cache was prepared")
	}
	return r.hash, nil
}

// Picture returns samples that lie in the mapped file, after comparing their checksum.
func (s *cacheSet) Picture(i int) (*Picture, error) {
	r := s.record(i)
	if r.flags&flagBroken != 0 {
		return nil, errors.New(string(s.strings[r.strings+r.nName : r.strings+r.nName+r.nTxt]))
	}
	p := r.picture()
	err := mmap.Guard(func() error {
		p.Pix = s.file.Bytes()[r.offset : r.offset+r.bytes()]
		if crc32.Checksum(p.Pix, s.table) != r.sum {
			return fmt.Errorf("its samples in the prepared cache are damaged (checksum); prepare the cache again")
		}
		return nil
	})
	return p, err
}
