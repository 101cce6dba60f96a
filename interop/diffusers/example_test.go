package diffusers_test

import (
	"fmt"
	"log"

	"github.com/ebb-ml/ebb/interop/diffusers"
)

// A directory of diffusers tells which network it holds and how that was trained; the weights come one by one, as ebb keeps them.
func ExampleOpen() {
	p, err := diffusers.Open("testdata/unet")
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	net, err := p.Network()
	if err != nil {
		log.Fatal(err)
	}
	first := net.Params().All()[0]
	values, err := p.Weight(first)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d weights, schedule %v, predicts %v\n", net.Params().Count(), p.Schedule.Family, p.Prediction)
	fmt.Println(first.Name, first.Shape, len(values))
	// Output:
	// 11029 weights, schedule cosine, predicts v
	// conv_in.weight [3 3 1 4] 36
}
