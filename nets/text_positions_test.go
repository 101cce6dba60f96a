package nets

import (
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Where all is masked rotary positions cannot tell places apart: every place attends to equal values. Learned positions can.
func TestPositionsTellMasksApart(t *testing.T) {
	b := testkit.Backend(t)
	masks := make([]int32, 6)
	for i := range masks {
		masks[i] = sightVocab
	}
	for _, positions := range []int{0, 6, 9} {
		net, scope := sightNet(t, func(c *TextConfig) { c.Positions = positions })
		logits := logitsOf(t, b, net, scope, masks)
		for i := 1; i < len(logits); i++ {
			if d := apart(logits[0], logits[i]); (d > 1e-6) != (positions > 0) {
				t.Errorf("with %d learned positions places 0 and %d differ by %v", positions, i, d)
			}
		}
	}
}

// Both halves of doubled rows have the positions of the row.
func TestPositionsOfDoubledRows(t *testing.T) {
	b := testkit.Backend(t)
	net, scope := sightNet(t, func(c *TextConfig) { c.Positions, c.Block = 8, 2 })
	row := []int32{1, 2, 0, 4, 3, 1, 6, 2}
	doubled := logitsOf(t, b, net.Doubled(), scope, append(append([]int32(nil), row...), row...))
	for i, want := range logitsOf(t, b, net, scope, row) {
		if d := apart(want, doubled[i]); d > 1e-9 {
			t.Errorf("place %d differs by %v", i, d)
		}
	}
}

func TestPositionsAreChecked(t *testing.T) {
	b := testkit.Backend(t)
	net, scope := sightNet(t, func(c *TextConfig) { c.Positions = 3 })
	_, err := model.CallOnce(b, scope.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
		return net.Forward(&block.Ctx{Scope: scope}, in[0], nil, nil)
	}, tensors.FromFlatDataAndDimensions(make([]int32, 4), 1, 4))
	if err == nil || !strings.Contains(err.Error(), "rows of 4 places for a network with positions = 3") {
		t.Errorf("%v", err)
	}
	if _, err := NewText(TextConfig{Vocab: 3, Dim: 8, Layers: 1, Heads: 2, Positions: -1}); err == nil {
		t.Error("-1 positions are taken")
	}
}
