// Package testkit holds what the tests of ebb share: a backend to run small
// graphs on, comparisons with stated tolerances, golden files, reproducible
// fillings and gradient checks by finite differences. Only tests import it.
//
// A golden is made by a Python script that stands beside it (PyTorch, diffusers,
// SciPy). Weights and inputs are not stored: both sides compute them with
// [Fill], so that a golden holds results only and stays small.
package testkit

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
)

// Backend opens GoMLX's pure-Go backend, the slow oracle, and closes it when
// the test ends. It runs ops one after the other: with its default parallelism
// it deadlocks on U-Nets (convolutions hold all worker slots and wait for more).
func Backend(t testing.TB) compute.Backend {
	t.Helper()
	b, err := gobackend.New("ops_sequential")
	if err != nil {
		t.Fatalf("opening the stock backend: %v", err)
	}
	t.Cleanup(b.Finalize)
	return b
}

// ReadJSON decodes the golden file at path into v.
func ReadJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("golden file: %v (the .py script beside it makes it)", err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("golden file %s: %v", path, err)
	}
}
