package text_test

import (
	"context"
	"fmt"

	"github.com/ebb-ml/ebb/text"
)

// From documents to a batch: here equations, elsewhere Corpus.Documents.
func Example() {
	tok, err := text.NewChars([]rune(text.EquationAlphabet), true)
	if err != nil {
		panic(err)
	}
	equations := text.Equations{Documents: 1000, Each: 4, Max: 99, Seed: 1}
	tokens, err := text.Tokenize(context.Background(), equations.All(), tok)
	if err != nil {
		panic(err)
	}
	train, held, err := tokens.Split(0.05, 0)
	if err != nil {
		panic(err)
	}
	loader, err := text.NewLoader(train, text.LoaderConfig{Batch: 2, Length: 24, Seed: 1})
	if err != nil {
		panic(err)
	}
	batch, err := loader.Batch(0)
	if err != nil {
		panic(err)
	}
	row, err := tok.Decode(nil, batch.Tokens[:24])
	fmt.Printf("%s %v\n", row, err)
	fmt.Println(held.How())
	// Output:
	// 6=117;42+23=65;5+38=43; <nil>
	// held out are 52 of 1000 documents, by the hash of their text
}
