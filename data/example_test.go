package data_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ebb-ml/ebb/data"
)

// Batches of generated letters; a folder or an archive of pictures is opened by data.Open instead.
func Example() {
	set, err := data.NewGlyphs(data.GlyphsConfig{Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer set.Close()
	loader, err := data.NewLoader(set, data.LoaderConfig{Batch: 4, Seed: 7})
	if err != nil {
		log.Fatal(err)
	}
	defer loader.Close(context.Background())
	p := loader.Config().Preprocess
	for step := range int64(2) {
		b, err := loader.Batch(step)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(p.Height, p.Width, p.Channels, len(b.Images) == 4*p.Height*p.Width*p.Channels, b.Labels)
	}
	// Output:
	// 24 24 1 true [22 19 1 6]
	// 24 24 1 true [3 12 14 22]
}
