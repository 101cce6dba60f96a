package recipe

import (
	"math"
	"testing"
)

// References fit what is left as the preset has it, and nothing else; between measured points they are interpolated.
func TestReference(t *testing.T) {
	for _, p := range []string{"cifar10-small", "glyphs"} {
		c, err := Preset(p)
		if err != nil {
			t.Fatal(err)
		}
		if p == "cifar10-small" {
			c.Data.Height, c.Data.Width, c.Data.Classes = 32, 32, cifarClasses()
		}
		r, ok := c.Reference()
		if !ok {
			t.Fatalf("%s has no reference", p)
		}
		for k, eps := range r.Eps {
			if len(eps) != referenceLevels || len(r.Eps) != len(r.Images) || k > 0 && eps[0] >= r.Eps[k-1][0] {
				t.Errorf("%s: point %d: %v", p, k, eps)
			}
		}
		first, at, ok := r.At(r.Images[0])
		if !ok || at != r.Images[0] || first[3] != r.Eps[0][3] {
			t.Errorf("%s: at the first point %v, %d", p, first, at)
		}
		middle, _, _ := r.At(int64(math.Sqrt(float64(r.Images[0]) * float64(r.Images[1]))))
		if want := math.Sqrt(r.Eps[0][5] * r.Eps[1][5]); math.Abs(middle[5]-want) > 1e-3*want {
			t.Errorf("%s: between %v and %v: %v", p, r.Eps[0][5], r.Eps[1][5], middle[5])
		}
		if _, at, _ := r.At(1e9); at != r.Images[len(r.Images)-1] {
			t.Errorf("%s: after the end: %d", p, at)
		}
		if _, _, ok := r.At(100); ok {
			t.Errorf("%s: a reference before the first point", p)
		}
		for what, change := range map[string]func(c *Config){"size": func(c *Config) { c.Data.Height = 16 }, "noise": func(c *Config) { c.Diffusion.Shift = 2 },
			"width": func(c *Config) { u := *c.Network.UNet; u.Channels = []int{16, 32, 48}; c.Network.UNet = &u },
			"data":  func(c *Config) { c.Data.Source, c.Data.Classes = Files, []string{"cat", "dog"} }} {
			d := c
			if change(&d); true {
				if _, ok := d.Reference(); ok {
					t.Errorf("%s: a reference for another %s", p, what)
				}
			}
		}
	}
	c, _ := Preset("folder")
	if _, ok := c.Reference(); ok {
		t.Error("a reference for pictures of one's own")
	}
}
