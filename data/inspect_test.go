package data

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestInspect(t *testing.T) {
	s := randomSet(12, 16, 16, 3)
	s.classes = []string{"a", "b"}
	s.pics[4] = s.pics[1]
	near := *s.pics[2] // the same picture, saved a little brighter
	near.Pix = slices.Clone(near.Pix)
	for i := range near.Pix {
		near.Pix[i] = min(near.Pix[i], 253) + 2
	}
	s.pics[7] = &near
	s.pics[9] = randomSet(1, 8, 20, 1).pics[0]
	s.bad[10] = true
	s.labels[0] = -1
	r, err := Inspect(context.Background(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Pictures != 12 || r.Sizes[0] != (SizeCount{16, 16, 10}) || r.Channels[3] != 10 || r.Channels[1] != 1 || r.Bits[Bits8] != 11 || r.Unlabelled != 1 {
		t.Errorf("counts: %+v", r)
	}
	if r.Exact.Count != 1 || r.Exact.Pairs[0] != [2]string{"p4", "p1"} || r.Near.Count != 1 || r.Near.Pairs[0] != [2]string{"p7", "p2"} {
		t.Errorf("duplicates: %+v %+v", r.Exact, r.Near)
	}
	if len(r.Broken) != 1 || r.Broken[0] != (BrokenFile{"p10", "cut short"}) {
		t.Errorf("broken: %v", r.Broken)
	}
	var sum, n float64 // of the red channel, by hand
	for i, p := range s.pics {
		for k := 0; k < len(p.Pix) && p.Channels == 3 && !s.bad[i]; k += 3 {
			sum += float64(p.Pix[k]) / 255
			n++
		}
	}
	if math.Abs(r.Mean[0]-sum/n) > 1e-12 || r.Std[0] < 0.25 || r.Std[0] > 0.33 {
		t.Errorf("mean %v (want %v), std %v", r.Mean, sum/n, r.Std)
	}
	if p := r.Preprocess(); p.Height != 8 || p.Width != 8 || p.Fit != FitCrop || p.Channels != 3 || p.Augment == 0 {
		t.Errorf("proposal %+v", p)
	}
	if text := strings.Join(r.Advice, "; "); !strings.Contains(text, "2 sizes") || !strings.Contains(text, "1 pictures are broken") || !strings.Contains(text, "2 pictures repeat") {
		t.Errorf("advice: %s", text)
	}
	if b, err := json.Marshal(r); err != nil || !strings.Contains(string(b), `"near_duplicates":{"count":1`) {
		t.Errorf("JSON %s, %v", b, err)
	}
}

func TestContactSheet(t *testing.T) {
	s := randomSet(12, 16, 16, 3)
	s.bad[3] = true
	for _, n := range []int{4, 16, 33} {
		m, err := ContactSheet(s, 2, 3, n, 1)
		if err != nil || m.Bounds().Dx() != 3*(n+2)+2 || m.Bounds().Dy() != 2*(n+2)+2 {
			t.Errorf("side %d: %v, %v", n, m.Bounds(), err)
		}
	}
	items := sheetItems(s, 2, 3, 1)
	for n, i := range items {
		if s.labels[i] != int32(n/3) {
			t.Errorf("row %d shows class %d", n/3, s.labels[i])
		}
	}
	if _, err := ContactSheet(&memory{}, 1, 1, 8, 1); err == nil {
		t.Error("a sheet of nothing")
	}
}

// Real pictures: no false near-duplicates by the hundred, sizes and mean as known.
func TestInspectCIFAR(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 2,000 pictures")
	}
	s := mustOpen(t, sharedData(t, "cifar10-valid.zip"), OpenOptions{})
	r, err := Inspect(context.Background(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Pictures != 2000 || len(r.Classes) != 10 || len(r.Sizes) != 1 || len(r.Broken) != 0 || math.Abs(r.Mean[0]-0.49) > 0.02 || math.Abs(r.Std[0]-0.247) > 0.01 {
		t.Errorf("%+v", r)
	}
	if r.Exact.Count+r.Near.Count > 10 {
		t.Errorf("%d exact and %d near duplicates: %v", r.Exact.Count, r.Near.Count, r.Near.Pairs)
	}
}
