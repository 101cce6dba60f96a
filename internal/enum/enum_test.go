package enum_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/ebb-ml/ebb/internal/enum"
)

type fruit int

var fruits = enum.New[fruit]("shop", "kind of fruit", "apple", "pear")

func (f fruit) String() string                   { return fruits.Name(f) }
func (f fruit) MarshalText() ([]byte, error)     { return fruits.Marshal(f) }
func (f *fruit) UnmarshalText(text []byte) error { return fruits.Unmarshal(f, text) }

func Example() {
	var f fruit
	fmt.Println(json.Unmarshal([]byte(`"pear"`), &f), f)
	fmt.Println(json.Unmarshal([]byte(`"plum"`), &f), f)
	fmt.Println(fruits.Values())
	// Output:
	// <nil> pear
	// shop: unknown kind of fruit "plum": choose one of apple, pear pear
	// [apple pear]
}

func TestOutside(t *testing.T) {
	for _, f := range []fruit{-1, 2} {
		if text, err := f.MarshalText(); err == nil || fruits.Check(f) == nil {
			t.Errorf("number %d was written as %q", int(f), text)
		}
		if want := fmt.Sprintf("invalid(%d)", int(f)); f.String() != want {
			t.Errorf("number %d is called %s, want %s", int(f), f, want)
		}
	}
	for _, f := range fruits.Values() {
		if back, err := fruits.Parse(f.String()); err != nil || back != f || fruits.Check(f) != nil {
			t.Errorf("%v came back as %v (%v)", f, back, err)
		}
	}
}
