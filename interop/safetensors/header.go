package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	metadataKey   = "__metadata__"
	maxHeaderSize = 100_000_000 // the reference implementation's cap
)

// header is what stands before a file's data.
type header struct {
	metadata map[string]string
	tensors  []Info // in file order
	size     int64  // bytes before the data: the length field and the JSON
}

// readHeader reads and checks the header of a file of the given size.
func readHeader(r io.ReaderAt, fileSize int64) (header, error) {
	var length [8]byte
	if fileSize < 8 {
		return header{}, fmt.Errorf("not a safetensors file: %d bytes are too few", fileSize)
	}
	if _, err := r.ReadAt(length[:], 0); err != nil {
		return header{}, err
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeaderSize {
		return header{}, fmt.Errorf("not a safetensors file: a header of %d bytes is above the limit of %d", n, maxHeaderSize)
	}
	if int64(n) > fileSize-8 {
		return header{}, fmt.Errorf("truncated: the header needs %d bytes and the file has %d", n, fileSize-8)
	}
	text := make([]byte, n)
	if _, err := r.ReadAt(text, 8); err != nil && !errors.Is(err, io.EOF) {
		return header{}, err
	}
	h, err := parseHeader(text)
	if err != nil {
		return header{}, fmt.Errorf("header: %w", err)
	}
	h.size = 8 + int64(n)
	return h, checkCover(h.tensors, fileSize-h.size)
}

// parseHeader reads the JSON token by token, because encoding/json's decoding into maps would let the last of two equal keys win.
func parseHeader(text []byte) (header, error) {
	if !utf8.Valid(text) {
		return header{}, errors.New("is not UTF-8")
	}
	if len(text) == 0 || text[0] != '{' {
		return header{}, errors.New("does not begin with '{'")
	}
	p := parser{text: text, dec: json.NewDecoder(bytes.NewReader(text))}
	p.dec.UseNumber()
	var h header
	err := p.object(func(name string) (err error) {
		if name == metadataKey {
			h.metadata, err = p.metadata()
			return err
		}
		t, err := p.tensor(name)
		h.tensors = append(h.tensors, t)
		return err
	})
	if err != nil {
		return header{}, err
	}
	if _, err := p.dec.Token(); err != io.EOF {
		return header{}, errors.New("goes on after its last brace")
	}
	return h, nil
}

// parser reads the few shapes of JSON that a header has.
type parser struct {
	text []byte
	dec  *json.Decoder
}

// object calls field for each key of the object that comes next; field must read the value.
func (p parser) object(field func(key string) error) error {
	if err := p.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for p.dec.More() {
		key, err := p.string()
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("key %q occurs twice", key)
		}
		seen[key] = true
		if err := field(key); err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
	}
	return p.delim('}')
}

func (p parser) metadata() (map[string]string, error) {
	m := map[string]string{}
	err := p.object(func(key string) (err error) {
		m[key], err = p.string()
		return err
	})
	return m, err
}

func (p parser) tensor(name string) (Info, error) {
	t := Info{Name: name}
	missing := 3
	err := p.object(func(key string) (err error) {
		missing--
		switch key {
		case "dtype":
			t.DType, err = p.dtype()
		case "shape":
			t.Shape, err = p.numbers()
		case "data_offsets":
			t.Begin, t.End, err = p.offsets()
		default:
			err = errors.New("unknown field (known are dtype, shape, data_offsets)")
		}
		return err
	})
	if err == nil && missing != 0 {
		err = errors.New("needs dtype, shape and data_offsets")
	}
	return t, err
}

func (p parser) dtype() (DType, error) {
	name, err := p.string()
	if err != nil {
		return 0, err
	}
	return ParseDType(name)
}

func (p parser) offsets() (begin, end int64, err error) {
	v, err := p.numbers()
	if err == nil && (len(v) != 2 || v[0] > v[1]) {
		err = fmt.Errorf("%v is not a begin and an end", v)
	}
	if err != nil {
		return 0, 0, err
	}
	return int64(v[0]), int64(v[1]), nil
}

// numbers reads an array of whole numbers from 0 to the largest int.
func (p parser) numbers() ([]int, error) {
	if err := p.delim('['); err != nil {
		return nil, err
	}
	out := []int{}
	for p.dec.More() {
		token, err := p.dec.Token()
		if err != nil {
			return nil, err
		}
		number, ok := token.(json.Number)
		n, err := strconv.ParseUint(number.String(), 10, 64)
		if !ok || err != nil || n > math.MaxInt {
			return nil, fmt.Errorf("%v is not a whole number that fits", token)
		}
		out = append(out, int(n))
	}
	return out, p.delim(']')
}

func (p parser) string() (string, error) {
	from := p.dec.InputOffset()
	token, err := p.dec.Token()
	if err != nil {
		return "", err
	}
	s, ok := token.(string)
	if !ok {
		return "", fmt.Errorf("found %v in place of a string", token)
	}
	// encoding/json turns half of a surrogate pair into U+FFFD, by which two different names could become one.
	raw := string(p.text[from:p.dec.InputOffset()])
	if strings.Count(s, "\ufffd") > strings.Count(raw, "\ufffd")+strings.Count(strings.ToLower(raw), `\ufffd`) {
		return "", fmt.Errorf("%s holds half of a surrogate pair", strings.TrimLeft(raw, " \t\r\n,:"))
	}
	return s, nil
}

func (p parser) delim(want json.Delim) error {
	token, err := p.dec.Token()
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("found %v in place of %v", token, want)
	}
	return nil
}
