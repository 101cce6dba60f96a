package torch

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxValues caps what one pickle may make, so that a file of a few bytes per value cannot fill the memory. Large checkpoints have 200,000.
const maxValues = 4 << 20

// source is the bytes of a pickle; a length that lies is refused before memory is asked for.
type source struct {
	r    *bufio.Reader
	left int64
}

func newSource(r io.ReaderAt, from, size int64) *source {
	return &source{bufio.NewReader(io.NewSectionReader(r, from, size)), size}
}

func (s *source) take(n int64) ([]byte, error) {
	if n < 0 || n > s.left {
		return nil, fmt.Errorf("truncated: %d bytes are needed and %d are left", n, s.left)
	}
	s.left -= n
	b := make([]byte, n)
	_, err := io.ReadFull(s.r, b)
	return b, err
}

func (s *source) line() (string, error) {
	b, err := s.r.ReadSlice('\n')
	if err != nil {
		return "", errors.New("truncated, or a name without end")
	}
	s.left -= int64(len(b))
	return string(b[:len(b)-1]), nil
}

// machine is the stack machine of a pickle. The instructions are those of Python's pickletools, protocols 2 to 5.
type machine struct {
	src     *source
	stack   []any
	marks   []int // heights of the stack at each MARK
	memo    map[uint32]any
	made    int
	storage func(id Tuple) (any, error) // resolves a persistent id
}

// unpickle runs one pickle and returns the value it leaves.
func unpickle(src *source, storage func(Tuple) (any, error)) (any, error) {
	m := &machine{src: src, memo: map[uint32]any{}, storage: storage}
	for {
		op, err := src.take(1)
		if err != nil {
			return nil, err
		}
		if op[0] == '.' {
			return m.pop()
		}
		do := instructions[op[0]]
		if do == nil {
			return nil, fmt.Errorf("instruction 0x%02x is not one that torch.save uses for tensors and plain values", op[0])
		}
		if err := do(m); err != nil {
			return nil, err
		}
	}
}

// count stands before all that costs memory.
func (m *machine) count() error {
	if m.made++; m.made > maxValues {
		return fmt.Errorf("makes more than %d values", maxValues)
	}
	return nil
}

func (m *machine) push(v any) error {
	m.stack = append(m.stack, v)
	return m.count()
}

func (m *machine) base() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1]
}

func (m *machine) pop() (any, error) {
	v, err := m.top()
	if err == nil {
		m.stack = m.stack[:len(m.stack)-1]
	}
	return v, err
}

func (m *machine) top() (any, error) {
	if len(m.stack) <= m.base() {
		return nil, errors.New("takes a value from an empty stack")
	}
	return m.stack[len(m.stack)-1], nil
}

func (m *machine) popMark() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, errors.New("takes a list that was not begun")
	}
	items := slices.Clone(m.stack[m.base():])
	m.stack = m.stack[:m.base()]
	m.marks = m.marks[:len(m.marks)-1]
	return items, nil
}

func (m *machine) popN(n int) ([]any, error) {
	if len(m.stack)-n < m.base() {
		return nil, errors.New("takes a value from an empty stack")
	}
	items := slices.Clone(m.stack[len(m.stack)-n:])
	m.stack = m.stack[:len(m.stack)-n]
	return items, nil
}

// number reads an unsigned number of n bytes, little-endian.
func (m *machine) number(n int64) (uint64, error) {
	b, err := m.src.take(n)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(append(b, make([]byte, 8-n)...)), nil
}

// sized reads n bytes behind their length, which has width bytes.
func (m *machine) sized(width int64) ([]byte, error) {
	n, err := m.number(width)
	if err != nil {
		return nil, err
	}
	return m.src.take(int64(min(n, math.MaxInt64)))
}

func (m *machine) pushText(width int64) error {
	b, err := m.sized(width)
	if err != nil {
		return err
	}
	if !utf8.Valid(b) {
		return errors.New("text is not UTF-8")
	}
	return m.push(string(b))
}

func (m *machine) pushBytes(width int64) error {
	b, err := m.sized(width)
	if err != nil {
		return err
	}
	return m.push(b)
}

// pushLong reads a whole number in two's complement, little-endian, of up to 255 bytes.
func (m *machine) pushLong() error {
	b, err := m.sized(1)
	if err != nil {
		return err
	}
	slices.Reverse(b)
	v := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	if v.IsInt64() {
		return m.push(v.Int64())
	}
	return m.push(v)
}

func (m *machine) pushFloat() error {
	b, err := m.src.take(8)
	if err != nil {
		return err
	}
	return m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
}

func (m *machine) put(index uint64) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	m.memo[uint32(index)] = v
	return m.count()
}

func (m *machine) get(index uint64) error {
	v, ok := m.memo[uint32(index)]
	if !ok {
		return fmt.Errorf("recalls value %d, which was not kept", index)
	}
	return m.push(v)
}

// extend adds items to the list or set under them.
func (m *machine) extend(items []any) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	l, ok := v.(*List)
	if !ok {
		return fmt.Errorf("adds items to a %T", v)
	}
	l.Items = append(l.Items, items...)
	return nil
}

// update adds keys and values, in turn, to the dict under them.
func (m *machine) update(items []any) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	d, ok := v.(*Dict)
	if !ok || len(items)%2 != 0 {
		return fmt.Errorf("sets %d keys and values of a %T", len(items), v)
	}
	for i := 0; i < len(items); i += 2 {
		d.set(items[i], items[i+1])
	}
	return nil
}

// build gives an object attributes, which the values we build do not have. Only dicts and tensors get them in files of torch.save
// (a state dict's _metadata); they are dropped.
func (m *machine) build() error {
	if _, err := m.pop(); err != nil {
		return err
	}
	v, err := m.top()
	if err != nil {
		return err
	}
	switch v.(type) {
	case *Dict, *Tensor:
		return nil
	}
	return fmt.Errorf("sets the state of a %T", v)
}

// call replaces a name and its arguments by the value that the name would make of them.
func (m *machine) call() error {
	args, err := m.pop()
	if err != nil {
		return err
	}
	f, err := m.pop()
	if err != nil {
		return err
	}
	tuple, ok := args.(Tuple)
	name, named := f.(global)
	if !ok || !named {
		return fmt.Errorf("calls a %T with a %T", f, args)
	}
	v, err := name.call(tuple)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return m.push(v)
}

func (m *machine) persistent() error {
	v, err := m.pop()
	if err != nil {
		return err
	}
	id, ok := v.(Tuple)
	if !ok {
		return fmt.Errorf("refers to a %T in place of a storage", v)
	}
	s, err := m.storage(id)
	if err != nil {
		return err
	}
	return m.push(s)
}

func (m *machine) global(module, name string) error {
	v, err := resolve(module, name)
	if err != nil {
		return err
	}
	return m.push(v)
}

func (m *machine) globalLine() error {
	module, err := m.src.line()
	if err != nil {
		return err
	}
	name, err := m.src.line()
	if err != nil {
		return err
	}
	return m.global(module, name)
}

func (m *machine) globalStack() error {
	items, err := m.popN(2)
	if err != nil {
		return err
	}
	module, ok := items[0].(string)
	name, named := items[1].(string)
	if !ok || !named {
		return errors.New("a name is not text")
	}
	return m.global(module, name)
}

// printable shortens what a file says for an error message.
func printable(s string) string {
	if len(s) > 100 {
		s = s[:100] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
