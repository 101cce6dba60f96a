// Command vector writes the element-wise kernels, reductions, data movement, conversions, random numbers and the optimiser
// of package kernel: for each family the assembly, its stubs and, where there is a table, the table's entries.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/mmcloughlin/avo/build"
)

func main() {
	families := map[string]func(*file){
		"vector": vectorFamily, "reduce": reduceFamily, "transpose": moveFamily,
		"convert": convertFamily, "philox": philoxFamily, "adamw": adamwFamily,
	}
	set := flag.NewFlagSet("vector", flag.ExitOnError) // the common one holds avo's flags already
	name := set.String("family", "", "which kernels to write")
	tables := set.String("tables", "", "output `file` for the tables of kernels")
	flags := build.NewFlags(set)
	set.Parse(os.Args[1:])
	family, ok := families[*name]
	if !ok {
		fmt.Fprintf(os.Stderr, "vector: unknown family %q\n", *name)
		os.Exit(2)
	}
	f := newFile()
	family(f)
	if code := build.Main(flags.Config(), f.Context); code != 0 {
		os.Exit(code)
	}
	if *tables != "" {
		if err := os.WriteFile(*tables, f.tables(), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "vector:", err)
			os.Exit(1)
		}
	}
}
