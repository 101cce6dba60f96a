package features_test

import (
	"context"
	"fmt"

	"github.com/ebb-ml/ebb/backend"
	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/features"
)

// A small classifier of the training set gives features without any weights to bring. (Train it for longer than here.)
func Example() {
	ctx := context.Background()
	engine, err := backend.Open(backend.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer engine.Finalize()
	letters, err := data.NewGlyphs(data.GlyphsConfig{Count: 260, Size: 16})
	if err != nil {
		fmt.Println(err)
		return
	}
	classifier, err := features.TrainClassifier(ctx, engine, letters, features.ClassifierConfig{Images: 640}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer classifier.Close()
	vectors, err := eval.Extract(ctx, data.First(letters, 100), classifier.Space(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(vectors.N, "pictures,", vectors.D, "features,", len(classifier.Classes()), "classes")
	// Output: 100 pictures, 128 features, 26 classes
}
