package parse

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The reader below understands just enough of Python's pickle (PEP 307, PEP 3154) for dictionaries of numbers, strings,
// lists and NumPy arrays. It never calls anything: the four globals NumPy needs are recognised by name, all others refused.

// Values on the stack: int64, bool, string (text and bytes alike), nil (floats too), and these.
type (
	pickleMark  struct{}
	pickleTuple []any
	pickleList  struct{ items []any }
	pickleDict  struct{ items map[string]any }
	pickleName  string
	// pickleObject is an ndarray or dtype between REDUCE and BUILD.
	pickleObject struct {
		kind  pickleName
		dtype string
		shape []int
		raw   string // shared with the pickle: an array may be named a million times
	}
)

const (
	nameReconstruct pickleName = "_reconstruct"
	nameArray       pickleName = "ndarray"
	nameDtype       pickleName = "dtype"
	nameEncode      pickleName = "encode"
)

type unpickler struct {
	in    []byte
	at    int
	stack []any
	memo  map[int]any
	spent int // bytes made by encode, at most len(in)
}

// pickledDict reads a pickle whose top is a dictionary.
func pickledDict(b []byte) (map[string]any, error) {
	u := &unpickler{in: b, memo: map[int]any{}}
	top, err := u.run()
	if err != nil {
		return nil, fmt.Errorf("pickle: at byte %d of %d: %w", u.at, len(b), err)
	}
	d, ok := top.(*pickleDict)
	if !ok {
		return nil, fmt.Errorf("pickle: the top value is not a dictionary")
	}
	return d.items, nil
}

func (u *unpickler) run() (any, error) {
	for {
		op, err := u.take(1)
		if err != nil {
			return nil, err
		}
		if op[0] == '.' {
			return u.pop()
		}
		if len(u.stack) > 1<<22 {
			return nil, fmt.Errorf("stack is too deep")
		}
		if err := u.step(op[0]); err != nil {
			return nil, err
		}
	}
}

// step executes one opcode: constants and strings here, structure in build.
func (u *unpickler) step(op byte) error {
	switch op {
	case 0x80: // PROTO
		_, err := u.take(1)
		return err
	case 0x95: // FRAME
		_, err := u.take(8)
		return err
	case 'N':
		return u.push(nil)
	case 0x88, 0x89:
		return u.push(op == 0x88)
	case 'K', 'M', 'J', 0x8a, 'I', 'L':
		return u.integer(op)
	case 'G': // BINFLOAT: no value of use here
		if _, err := u.take(8); err != nil {
			return err
		}
		return u.push(nil)
	case 'U', 'C', 0x8c, 'T', 'B', 'X', 0x8e, 0x8d:
		return u.text(op)
	case 'q', 'r', 0x94, 'p', 'h', 'j', 'g':
		return u.memory(op)
	}
	return u.build(op)
}

func (u *unpickler) integer(op byte) error {
	switch op {
	case 'I', 'L': // protocol 0
		line, err := u.line()
		if err != nil {
			return err
		}
		v, err := strconv.ParseInt(strings.TrimSuffix(line, "L"), 10, 64)
		if err != nil {
			return err
		}
		return u.push(v)
	case 0x8a: // LONG1
		n, err := u.take(1)
		if err != nil {
			return err
		}
		b, err := u.take(int(n[0]))
		if err != nil || len(b) > 8 {
			return fmt.Errorf("integer of %d bytes", n[0])
		}
		return u.push(little(b))
	}
	b, err := u.take(map[byte]int{'K': 1, 'M': 2, 'J': 4}[op])
	if err != nil {
		return err
	}
	if op == 'J' {
		return u.push(little(b))
	}
	return u.push(little(append(slices.Clone(b), 0)))
}

// little reads a two's-complement little-endian integer of up to 8 bytes.
func little(b []byte) int64 {
	var v int64
	for i := len(b) - 1; i >= 0; i-- {
		v = v<<8 | int64(b[i])
	}
	if shift := 64 - 8*len(b); len(b) > 0 && shift >= 0 {
		v = v << shift >> shift
	}
	return v
}

func (u *unpickler) text(op byte) error {
	width := map[byte]int{'U': 1, 'C': 1, 0x8c: 1, 'T': 4, 'B': 4, 'X': 4, 0x8e: 8, 0x8d: 8}[op]
	b, err := u.take(width)
	if err != nil {
		return err
	}
	var n [8]byte
	copy(n[:], b)
	size := binary.LittleEndian.Uint64(n[:])
	if size > uint64(len(u.in)-u.at) {
		return fmt.Errorf("string of %d bytes where %d are left", size, len(u.in)-u.at)
	}
	b, err = u.take(int(size))
	if err != nil {
		return err
	}
	return u.push(string(b))
}

func (u *unpickler) memory(op byte) error {
	slot := len(u.memo)
	switch op {
	case 'q', 'h', 'r', 'j':
		b, err := u.take(map[byte]int{'q': 1, 'h': 1, 'r': 4, 'j': 4}[op])
		if err != nil {
			return err
		}
		slot = int(little(append(slices.Clone(b), 0)))
	case 'p', 'g':
		line, err := u.line()
		if err != nil {
			return err
		}
		if slot, err = strconv.Atoi(line); err != nil {
			return err
		}
	}
	if op == 'h' || op == 'j' || op == 'g' {
		v, ok := u.memo[slot]
		if !ok {
			return fmt.Errorf("memo %d was never set", slot)
		}
		return u.push(v)
	}
	if len(u.stack) == 0 {
		return errShort
	}
	u.memo[slot] = u.stack[len(u.stack)-1]
	return nil
}

func (u *unpickler) take(n int) ([]byte, error) {
	if n < 0 || n > len(u.in)-u.at {
		return nil, fmt.Errorf("input ends early")
	}
	u.at += n
	return u.in[u.at-n : u.at], nil
}

func (u *unpickler) line() (string, error) {
	n := bytes.IndexByte(u.in[u.at:], '\n')
	if n < 0 {
		return "", fmt.Errorf("input ends early")
	}
	b, err := u.take(n + 1)
	return strings.TrimSuffix(string(b), "\n"), err
}

func (u *unpickler) push(v any) error {
	u.stack = append(u.stack, v)
	return nil
}

var errShort = fmt.Errorf("stack is empty")

func (u *unpickler) pop() (any, error) {
	if len(u.stack) == 0 {
		return nil, errShort
	}
	v := u.stack[len(u.stack)-1]
	u.stack = u.stack[:len(u.stack)-1]
	return v, nil
}
