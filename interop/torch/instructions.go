package torch

// instructions is what a pickle may do, by the byte that stands for it. Those that are not here are refused.
var instructions = [256]func(*machine) error{
	0x80: skip(1),                                       // PROTO: the version
	0x95: skip(8),                                       // FRAME: a length for buffering
	'N':  constant(nil),                                 // NONE
	0x88: constant(true),                                // NEWTRUE
	0x89: constant(false),                               // NEWFALSE
	'K':  unsigned(1),                                   // BININT1
	'M':  unsigned(2),                                   // BININT2
	'J':  binInt,                                        // BININT
	0x8a: (*machine).pushLong,                           // LONG1
	'G':  (*machine).pushFloat,                          // BINFLOAT
	'X':  sizedBy((*machine).pushText, 4),               // BINUNICODE
	0x8c: sizedBy((*machine).pushText, 1),               // SHORT_BINUNICODE
	0x8d: sizedBy((*machine).pushText, 8),               // BINUNICODE8
	'U':  sizedBy((*machine).pushText, 1),               // SHORT_BINSTRING, of Python 2
	'C':  sizedBy((*machine).pushBytes, 1),              // SHORT_BINBYTES
	'B':  sizedBy((*machine).pushBytes, 4),              // BINBYTES
	0x8e: sizedBy((*machine).pushBytes, 8),              // BINBYTES8
	0x96: sizedBy((*machine).pushBytes, 8),              // BYTEARRAY8
	'(':  mark,                                          // MARK
	'0':  func(m *machine) error { return drop(m.pop) }, // POP
	'1':  func(m *machine) error { return drop(m.popMark) },
	')':  constant(Tuple{}),                                      // EMPTY_TUPLE
	']':  func(m *machine) error { return m.push(&List{}) },      // EMPTY_LIST
	'}':  func(m *machine) error { return m.push(&Dict{}) },      // EMPTY_DICT
	0x8f: func(m *machine) error { return m.push(&List{}) },      // EMPTY_SET
	't':  func(m *machine) error { return m.tuple(m.popMark()) }, // TUPLE
	0x85: func(m *machine) error { return m.tuple(m.popN(1)) },
	0x86: func(m *machine) error { return m.tuple(m.popN(2)) },
	0x87: func(m *machine) error { return m.tuple(m.popN(3)) },
	'a':  func(m *machine) error { return with(m.extend)(m.popN(1)) },   // APPEND
	'e':  func(m *machine) error { return with(m.extend)(m.popMark()) }, // APPENDS
	0x90: func(m *machine) error { return with(m.extend)(m.popMark()) }, // ADDITEMS
	0x91: func(m *machine) error { return m.frozenSet(m.popMark()) },    // FROZENSET
	's':  func(m *machine) error { return with(m.update)(m.popN(2)) },   // SETITEM
	'u':  func(m *machine) error { return with(m.update)(m.popMark()) }, // SETITEMS
	'q':  func(m *machine) error { return with(m.put)(m.number(1)) },    // BINPUT
	'r':  func(m *machine) error { return with(m.put)(m.number(4)) },    // LONG_BINPUT
	0x94: func(m *machine) error { return m.put(uint64(len(m.memo))) },  // MEMOIZE
	'h':  func(m *machine) error { return with(m.get)(m.number(1)) },    // BINGET
	'j':  func(m *machine) error { return with(m.get)(m.number(4)) },    // LONG_BINGET
	'c':  (*machine).globalLine,                                         // GLOBAL
	0x93: (*machine).globalStack,                                        // STACK_GLOBAL
	'R':  (*machine).call,                                               // REDUCE
	0x81: (*machine).call,                                               // NEWOBJ
	'b':  (*machine).build,                                              // BUILD
	'Q':  (*machine).persistent,                                         // BINPERSID
}

func skip(n int64) func(*machine) error {
	return func(m *machine) error {
		_, err := m.src.take(n)
		return err
	}
}

func constant(v any) func(*machine) error {
	return func(m *machine) error { return m.push(v) }
}

func unsigned(n int64) func(*machine) error {
	return func(m *machine) error {
		v, err := m.number(n)
		if err != nil {
			return err
		}
		return m.push(int64(v))
	}
}

func binInt(m *machine) error {
	v, err := m.number(4)
	if err != nil {
		return err
	}
	return m.push(int64(int32(v)))
}

func sizedBy(read func(*machine, int64) error, width int64) func(*machine) error {
	return func(m *machine) error { return read(m, width) }
}

func mark(m *machine) error {
	m.marks = append(m.marks, len(m.stack))
	return m.count()
}

func drop[T any](take func() (T, error)) error {
	_, err := take()
	return err
}

// with calls do with the result of a call unless that failed.
func with[T any](do func(T) error) func(T, error) error {
	return func(v T, err error) error {
		if err != nil {
			return err
		}
		return do(v)
	}
}

func (m *machine) tuple(items []any, err error) error {
	if err != nil {
		return err
	}
	return m.push(Tuple(items))
}

func (m *machine) frozenSet(items []any, err error) error {
	if err != nil {
		return err
	}
	return m.push(&List{items})
}
