package text

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

// A dump in the true format, multistream, with hard mark-up (testdata/dump.py).
func TestDump(t *testing.T) {
	c, err := Open("testdata/dump.xml.bz2", Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for d, err := range c.Documents(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		got.WriteString("<<" + d.Name + ">>\n" + string(d.Text))
	}
	want, err := os.ReadFile("testdata/dump.txt")
	if err != nil || got.String() != string(want) {
		t.Errorf("got:\n%s\nwant testdata/dump.txt (%v)", got.String(), err)
	}
	r, err := Inspect(c.Documents(context.Background()))
	if err != nil || r.Documents != 3 || len(r.Rules) != 12 {
		t.Fatalf("%+v (%v)", r, err)
	}
	for _, rule := range r.Rules {
		if rule.Hits == 0 {
			t.Errorf("rule %s did nothing on the page made for it", rule.Rule)
		}
	}
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil || !strings.Contains(b.String(), "templates") {
		t.Errorf("%s (%v)", b.String(), err)
	}
}
