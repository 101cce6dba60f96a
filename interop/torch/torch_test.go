package torch

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

type golden struct {
	Name, DType string
	Shape       []int
	Data        string
}

func expected(t *testing.T) (good map[string][]golden, refused map[string]string) {
	t.Helper()
	text, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var e struct {
		Good    map[string][]golden
		Refused map[string]string
	}
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	if len(e.Good) < 15 || len(e.Refused) < 12 {
		t.Fatal("the goldens are not what they were")
	}
	return e.Good, e.Refused
}

func TestGoodFiles(t *testing.T) {
	good, _ := expected(t)
	for name, want := range good {
		f, err := Open(filepath.Join("testdata", name))
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := Tensors(f.Root)
		if err != nil || len(got) != len(want) {
			t.Errorf("%s: %d tensors, want %d: %v", name, len(got), len(want), err)
			continue
		}
		for i, w := range want {
			data, err := got[i].Tensor.Bytes()
			g := golden{got[i].Name, got[i].Tensor.DType.String(), append([]int{}, got[i].Tensor.Shape...), hex.EncodeToString(data)}
			if err != nil || !reflect.DeepEqual(g, w) {
				t.Errorf("%s: %+v, want %+v: %v", name, g, w, err)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRefusedFiles(t *testing.T) {
	_, refused := expected(t)
	for name, part := range refused {
		f, err := Open(filepath.Join("testdata", name))
		if err == nil || !strings.Contains(err.Error(), part) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: want %q: %v %v", name, part, f, err)
		}
	}
}

// TestPlainValues checks what is no tensor in a training checkpoint, in all formats and protocols.
func TestPlainValues(t *testing.T) {
	for _, name := range []string{"checkpoint-zip", "checkpoint-legacy", "protocol-4", "protocol-5"} {
		f, err := Open("testdata/good-" + name + ".pt")
		if err != nil {
			t.Fatal(err)
		}
		root := f.Root.(*Dict)
		want := map[string]any{
			"step": int64(7), "loss": 0.25, "big": new(big.Int).Lsh(big.NewInt(1), 70), "negative": -int64(1 << 40), "name": "é漢",
			"bytes": []byte{0, 255}, "none": nil, "flags": Tuple{true, false}, "size": Tuple{int64(2), int64(3)}, "device": "cpu",
			"dtype": Float16, "complex": 1 + 2i, "set": &List{[]any{int64(1)}}, "array": []byte("ab"),
		}
		for key, w := range want {
			if got, ok := root.Get(key); !ok || !reflect.DeepEqual(got, w) {
				t.Errorf("%s: %s is %#v, want %#v", name, key, got, w)
			}
		}
		groups, _ := root.Get("optimizer")
		group, _ := groups.(*Dict).Get("param_groups")
		if lr, _ := group.(*List).Items[0].(*Dict).Get("lr"); lr != 1e-3 {
			t.Error(name, "learning rate", lr)
		}
		if _, ok := root.Get("nothing"); ok {
			t.Error("found nothing")
		}
		f.Close()
	}
}

// TestDamage changes bytes of files: none is read as other tensors without an error (the zip format has CRCs), and none crashes.
func TestDamage(t *testing.T) {
	good, err := os.ReadFile("testdata/good-views-zip.pt")
	if err != nil {
		t.Fatal(err)
	}
	want, err := digest(good)
	if err != nil {
		t.Fatal(err)
	}
	silent := 0
	for i := range good {
		b := slices.Clone(good)
		b[i] ^= 1 << (i % 8)
		if got, err := digest(b); err == nil && !reflect.DeepEqual(got, want) {
			silent++
			t.Errorf("byte %d changed: read as %v", i, got)
		}
	}
	for _, name := range []string{"good-views-zip.pt", "good-checkpoint-legacy.pt"} {
		good, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for n := range good {
			if _, err := digest(good[:n]); err == nil {
				t.Errorf("%s: the first %d bytes were read as a file", name, n)
			}
		}
	}
}

// digest reads all of a file.
func digest(b []byte) ([]golden, error) {
	f, err := Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	found, err := Tensors(f.Root)
	if err != nil {
		return nil, err
	}
	var out []golden
	for _, n := range found {
		data, err := n.Tensor.Bytes()
		if err != nil {
			return nil, err
		}
		out = append(out, golden{n.Name, n.Tensor.DType.String(), n.Tensor.Shape, hex.EncodeToString(data)})
	}
	return out, nil
}

func run(pickle string) (any, error) {
	return unpickle(newSource(strings.NewReader(pickle), 0, int64(len(pickle))), noStorage)
}

func TestHostilePickles(t *testing.T) {
	deep := strings.Repeat("(", 5_000_000)
	for name, c := range map[string]struct{ pickle, want string }{
		"os.system":             {"cos\nsystem\n(X\x02\x00\x00\x00lstR.", "os.system"},
		"by stack":              {"\x80\x04\x8c\x02nt\x8c\x06system\x93.", "nt.system"},
		"eval":                  {"c__builtin__\neval\n.", "builtins.eval"},
		"getattr":               {"cbuiltins\ngetattr\n.", "builtins.getattr"},
		"dotted":                {"\x8c\x05torch\x8c\x0eos.path.exists\x93.", "torch.os.path"},
		"control characters":    {"cos\x1b[2J\nsystem\n.", "os?[2J.system"},
		"very long name":        {"c" + strings.Repeat("x", 3000) + "\ny\n.", "x…"},
		"instance":              {"(ios\nsystem\n.", "0x69"},
		"object":                {"(cos\nsystem\no.", "os.system"},
		"extension":             {"\x82\x01.", "0x82"},
		"persistent text":       {"P0\n.", "0x50"},
		"empty":                 {"", "truncated"},
		"only stop":             {".", "empty stack"},
		"text of 4 GiB":         {"X\xff\xff\xff\xff", "truncated"},
		"text of 2^63":          {"\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "truncated"},
		"bytes of 1 TiB":        {"\x8e\x00\x00\x00\x00\x00\x01\x00\x00", "truncated"},
		"millions of marks":     {deep, "more than"},
		"tuple without mark":    {"K\x01t.", "not begun"},
		"pop below mark":        {"K\x01(\x85.", "empty stack"},
		"append to a number":    {"K\x01K\x02a.", "int64"},
		"set item of a list":    {"]K\x01K\x02s.", "List"},
		"odd items":             {"}(K\x01u.", "1 keys"},
		"recall of nothing":     {"h\x05.", "not kept"},
		"call of a number":      {"K\x01)R.", "calls a int64"},
		"call of a type":        {"ctorch\nfloat32\n)R.", "calls a torch.DType"},
		"state of a number":     {"K\x01}b.", "state of a int64"},
		"storage before any":    {"K\x01Q.", "in place of a storage"},
		"invalid text":          {"X\x01\x00\x00\x00\xff.", "UTF-8"},
		"parameter of a number": {"ctorch.nn.parameter\nParameter\n(K\x01tR.", "in place of a tensor"},
		"recursive type":        {"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._tensor\n_rebuild_from_type_v2\nN)NtR.", "arguments"},
		"encode to another":     {"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00hextR.", "arguments"},
	} {
		v, err := run(c.pickle)
		if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 500 {
			t.Errorf("%s: want %q: %v %v", name, c.want, v, err)
		}
	}
}

func TestLongs(t *testing.T) {
	for pickle, want := range map[string]any{
		"\x8a\x00.": int64(0), "\x8a\x01\xff.": int64(-1), "\x8a\x02\xff\x00.": int64(255),
		"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.": int64(math.MinInt64),
		"J\xfe\xff\xff\xff.":                        int64(-2), "M\xff\xff.": int64(65535),
	} {
		if got, err := run(pickle); err != nil || got != want {
			t.Errorf("%q: %v %v, want %v", pickle, got, err, want)
		}
	}
}

// TestShared: lists that hold one another twice, 60 levels deep, are small in memory and endless when written out; a list that holds itself likewise.
func TestShared(t *testing.T) {
	laughs := "]q\x00" + strings.Repeat("](h\x00h\x00eq\x00", 60) + "."
	for _, pickle := range []string{laughs, "]q\x00h\x00a."} {
		v, err := run(pickle)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Tensors(v); err == nil || !strings.Contains(err.Error(), "too often") {
			t.Error(err)
		}
	}
}

func TestTensorBounds(t *testing.T) {
	s := &storage{dtype: Float32, bytes: 40, read: func() ([]byte, error) { return make([]byte, 40), nil }}
	ints := func(v ...int64) Tuple {
		out := Tuple{}
		for _, x := range v {
			out = append(out, x)
		}
		return out
	}
	for i, c := range []struct {
		offset         int64
		shape, strides Tuple
		ok             bool
	}{
		{0, ints(10), ints(1), true}, {0, ints(11), ints(1), false}, {9, ints(), ints(), true}, {10, ints(), ints(), false}, {-1, ints(1), ints(1), false},
		{0, ints(2, 5), ints(5, 1), true}, {0, ints(2, 5), ints(6, 1), false}, {0, ints(4, 4), ints(2, 1), true}, {0, ints(-1), ints(1), false},
		{0, ints(2), ints(-1), false}, {0, ints(2), ints(1, 1), false}, {0, ints(1<<62, 1<<62), ints(0, 0), false}, {0, ints(1 << 24), ints(0), true},
		{0, ints(1 << 25), ints(0), false}, {0, ints(0, 1<<62, 1<<62), ints(1, 1, 1), true}, {math.MaxInt64, ints(2), ints(math.MaxInt64), false},
		{100, ints(0), ints(1), true}, {0, ints(1<<62, 2), ints(math.MaxInt64, 1), false}, {0, Tuple{"2"}, ints(1), false},
	} {
		v, err := rebuild(Tuple{s, c.offset, c.shape, c.strides}, 4, -1)
		if (err == nil) != c.ok {
			t.Errorf("case %d: %v", i, err)
		}
		if err == nil && c.ok && v.(*Tensor).len() < 1<<20 {
			if b, err := v.(*Tensor).Bytes(); err != nil || len(b) != 4*v.(*Tensor).len() {
				t.Errorf("case %d: %d bytes, %v", i, len(b), err)
			}
		}
	}
}

func TestDTypes(t *testing.T) {
	if Float8E4M3FN.Safetensors() != "F8_E4M3" || BFloat16.Size() != 2 || Complex128.Safetensors() != "" || DType(99).Size() != 0 || DType(0).String() != "DType(0)" {
		t.Error("names of types")
	}
}

func FuzzPickle(f *testing.F) {
	f.Add([]byte("\x80\x02}q\x00(X\x01\x00\x00\x00aK\x01X\x01\x00\x00\x00b](K\x01K\x02eu."))
	f.Add([]byte("\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00]\x94(G?\xf0\x00\x00\x00\x00\x00\x00\x88Ne."))
	f.Add([]byte("ctorch._utils\n_rebuild_tensor_v2\n(ctorch\nSize\n(K\x02tRK\x00)).."))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := run(string(b)); err == nil {
			Tensors(v)
		}
	})
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.pt")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		found, err := digest(b)
		total := 0
		for _, g := range found {
			total += len(g.Data) / 2
		}
		if err == nil && total > maxRepeated*len(found)+len(b) {
			t.Fatal("a small file became", total, "bytes")
		}
	})
}
