package parse

import (
	"fmt"
	"slices"
	"strings"
)

// build executes the opcodes that assemble values.
func (u *unpickler) build(op byte) error {
	switch op {
	case '(':
		return u.push(pickleMark{})
	case '}':
		return u.push(&pickleDict{items: map[string]any{}})
	case ']':
		return u.push(&pickleList{})
	case ')':
		return u.push(pickleTuple{})
	case 't', 'l', 'd':
		return u.gather(op)
	case 0x85, 0x86, 0x87:
		n := int(op) - 0x84
		if len(u.stack) < n {
			return errShort
		}
		t := pickleTuple(slices.Clone(u.stack[len(u.stack)-n:]))
		u.stack = u.stack[:len(u.stack)-n]
		return u.push(t)
	case 'a', 'e':
		return u.extend(op == 'e')
	case 's', 'u':
		return u.set(op == 'u')
	case 'c', 0x93:
		return u.global(op)
	case 'R':
		return u.reduce()
	case 'b':
		return u.state()
	}
	return fmt.Errorf("opcode %#02x is not one that plain arrays need: refused", op)
}

// marked pops everything above the last mark, and the mark.
func (u *unpickler) marked() ([]any, error) {
	for i := len(u.stack) - 1; i >= 0; i-- {
		if _, ok := u.stack[i].(pickleMark); ok {
			items := slices.Clone(u.stack[i+1:])
			u.stack = u.stack[:i]
			return items, nil
		}
	}
	return nil, fmt.Errorf("no mark on the stack")
}

func (u *unpickler) gather(op byte) error {
	items, err := u.marked()
	if err != nil {
		return err
	}
	switch op {
	case 't':
		return u.push(pickleTuple(items))
	case 'l':
		return u.push(&pickleList{items: items})
	}
	d := &pickleDict{items: map[string]any{}}
	if err := d.put(items); err != nil {
		return err
	}
	return u.push(d)
}

func (d *pickleDict) put(pairs []any) error {
	for kv := range slices.Chunk(pairs, 2) {
		key, ok := kv[0].(string)
		if !ok || len(kv) != 2 {
			return fmt.Errorf("dictionary key is not a string")
		}
		d.items[key] = kv[1]
	}
	return nil
}

func (u *unpickler) extend(many bool) error {
	items, err := u.operands(many, 1)
	if err != nil {
		return err
	}
	if len(u.stack) > 0 {
		if l, ok := u.stack[len(u.stack)-1].(*pickleList); ok {
			l.items = append(l.items, items...)
			return nil
		}
	}
	return fmt.Errorf("append to something that is not a list")
}

func (u *unpickler) set(many bool) error {
	items, err := u.operands(many, 2)
	if err != nil {
		return err
	}
	if len(u.stack) > 0 {
		if d, ok := u.stack[len(u.stack)-1].(*pickleDict); ok {
			return d.put(items)
		}
	}
	return fmt.Errorf("item set on something that is not a dictionary")
}

// operands pops everything above the mark, or n values.
func (u *unpickler) operands(many bool, n int) ([]any, error) {
	if many {
		return u.marked()
	}
	if len(u.stack) < n {
		return nil, errShort
	}
	items := slices.Clone(u.stack[len(u.stack)-n:])
	u.stack = u.stack[:len(u.stack)-n]
	return items, nil
}

func (u *unpickler) global(op byte) error {
	var module, name string
	var err error
	if op == 'c' {
		if module, err = u.line(); err != nil {
			return err
		}
		if name, err = u.line(); err != nil {
			return err
		}
	} else {
		two, err := u.operands(false, 2)
		if err != nil {
			return err
		}
		module, _ = two[0].(string)
		name, _ = two[1].(string)
	}
	switch module + "." + name {
	case "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype", "_codecs.encode":
		return u.push(pickleName(name))
	}
	return fmt.Errorf("global %.60q is not one that plain arrays need: refused", module+"."+name)
}

// reduce stands in for a call of one of the four known names.
func (u *unpickler) reduce() error {
	two, err := u.operands(false, 2)
	if err != nil {
		return err
	}
	name, ok := two[0].(pickleName)
	args, ok2 := two[1].(pickleTuple)
	if !ok || !ok2 {
		return fmt.Errorf("call of something that is not a known name")
	}
	switch {
	case name == nameReconstruct:
		return u.push(&pickleObject{kind: nameArray})
	case name == nameDtype && len(args) > 0:
		if s, ok := args[0].(string); ok {
			return u.push(&pickleObject{kind: nameDtype, dtype: s})
		}
	case name == nameEncode && len(args) == 2 && args[1] == "latin1":
		if s, ok := args[0].(string); ok {
			return u.latin1(s)
		}
	}
	return fmt.Errorf("call of %s with unexpected arguments", name)
}

// latin1 turns text back into the bytes that Python 3 wrote as text for protocol 2.
func (u *unpickler) latin1(s string) error {
	if u.spent += len(s); u.spent > len(u.in) {
		return fmt.Errorf("more text is encoded than the file holds")
	}
	var b strings.Builder
	for _, r := range s {
		if r > 255 {
			return fmt.Errorf("character %q is not latin1", r)
		}
		b.WriteByte(byte(r))
	}
	return u.push(b.String())
}

// state completes an array: (version, shape, dtype, fortran, bytes). The state of a dtype is of no use for one-byte types.
func (u *unpickler) state() error {
	two, err := u.operands(false, 2)
	if err != nil {
		return err
	}
	o, ok := two[0].(*pickleObject)
	s, ok2 := two[1].(pickleTuple)
	if !ok || !ok2 {
		return fmt.Errorf("state for something that is not an array")
	}
	if o.kind == nameDtype {
		return u.push(o)
	}
	if len(s) != 5 {
		return fmt.Errorf("array state has %d fields, expected 5", len(s))
	}
	shape, ok := s[1].(pickleTuple)
	dtype, ok2 := s[2].(*pickleObject)
	raw, ok3 := s[4].(string)
	if !ok || !ok2 || !ok3 || s[3] == true || dtype.dtype != "u1" {
		return fmt.Errorf("array is not uint8 in C order")
	}
	o.shape, o.raw = nil, raw
	for _, d := range shape {
		v, ok := d.(int64)
		if !ok {
			return fmt.Errorf("array shape is not made of integers")
		}
		o.shape = append(o.shape, int(v))
	}
	if n, err := elements(o.shape); err != nil || n != len(raw) {
		return fmt.Errorf("array of shape %v has %d bytes", o.shape, len(raw))
	}
	return u.push(o)
}
