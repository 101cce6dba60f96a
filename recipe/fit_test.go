package recipe_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/recipe"
)

// Recipe folder chooses what is not set, and only that; what it chose is chosen for good.
func TestFolderKeepsWhatIsSet(t *testing.T) {
	set, err := data.NewGlyphs(data.GlyphsConfig{Size: 28, Count: 520})
	if err != nil {
		t.Fatal(err)
	}
	c, err := recipe.Preset("folder")
	if err != nil {
		t.Fatal(err)
	}
	c.Data.Paths = []string{"pictures"}
	c.SetBatch(16)
	for _, s := range []string{"data.flip_x=false", "network.unet.dropout=0.3", "network.unet.channels=[32,64]", "train.save_every=0",
		"train.eval_every=123", "train.rate.warmup=0", "train.averages=[{decay=0.99}]"} {
		if err := c.Set(s); err != nil {
			t.Fatal(err)
		}
	}
	notes, err := c.Resolve(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	u, tr := c.Network.UNet, c.Train
	switch {
	case c.Data.FlipX, u.Dropout != 0.3, !slices.Equal(u.Channels, []int{32, 64}), tr.SaveEvery != 0, tr.EvalEvery != 123, tr.Rate.Warmup != 0,
		tr.Batch != 16, len(tr.Averages) != 1 || tr.Averages[0].Decay != 0.99:
		t.Errorf("what was set is not kept: %+v %+v %+v", c.Data, u, tr)
	case c.Data.Height != 28, c.Data.Width != 28, c.Data.Channels != 1, u.Layers != 1, len(u.Down) != 2, tr.SampleEvery != 5000, tr.Images != 100_000,
		c.Data.Augment != 0.12:
		t.Errorf("what was not set is not chosen: %+v %+v %+v", c.Data, u, tr)
	}
	if all := strings.Join(notes, "\n"); !strings.Contains(all, "taken as they are, 28 x 28") || strings.Contains(all, "mirrored") || strings.Contains(all, "U-Net") {
		t.Errorf("notes:\n%s", all)
	}
	again, err := c.Resolve(t.Context(), set)
	if err != nil || len(again) != 0 {
		t.Errorf("a resolved configuration is chosen anew: %v, %v", again, err)
	}
}

// What training would do with pictures is said of a report alone.
func TestAdvise(t *testing.T) {
	set, err := data.NewGlyphs(data.GlyphsConfig{Size: 100, Count: 60})
	if err != nil {
		t.Fatal(err)
	}
	report, err := data.Inspect(t.Context(), set, nil)
	if err != nil {
		t.Fatal(err)
	}
	notes, err := recipe.Advise(report)
	if err != nil || !strings.Contains(strings.Join(notes, "\n"), "scaled and cropped to 64 x 64 pixels") {
		t.Errorf("%q, %v", notes, err)
	}
}
