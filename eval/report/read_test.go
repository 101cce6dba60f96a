package report_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/eval/report"
	"github.com/ebb-ml/ebb/internal/testkit"
)

// What was written is read again: all but charts and pictures, numbers that are none included.
func TestRead(t *testing.T) {
	want := sample()
	var b bytes.Buffer
	if err := want.JSON(&b); err != nil {
		t.Fatal(err)
	}
	got, err := report.Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Sections {
		want.Sections[i].Charts, want.Sections[i].Pictures = nil, nil
	}
	want.Sections[0].Figures[1].StandardError = 0
	if d := testkit.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"", "{", "[]", `{"title":"x"}`, `{"sections":{"a":{"figures":[{"interval":[1]},{"value":"x"}]}}}`} {
		if _, err := report.Read(strings.NewReader(bad)); err == nil || !strings.Contains(err.Error(), "no report.json") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := sample().JSON(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.String())
	f.Add(`{"sections":{"a":{"figures":[{"value":null,"interval":[null,1]}]}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := report.Read(strings.NewReader(text))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := r.JSON(&again); err != nil {
			t.Errorf("%q is read and cannot be written: %v", text, err)
		}
	})
}
