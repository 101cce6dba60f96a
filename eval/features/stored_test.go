package features

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
)

// Features are computed once for the same pictures and space, anew for others; a damaged file is named.
func TestStoreComputesOnce(t *testing.T) {
	ctx, dir, calls := context.Background(), t.TempDir(), 0
	inner := eval.PixelSpace(4)
	space := eval.Space{Name: "counted", Features: func(ctx context.Context, p []*data.Picture) (eval.Matrix, error) {
		calls++
		return inner.Features(ctx, p)
	}}
	s, set := Store{dir}, glyphs(t, 10, 1)
	first, err := s.Extract(ctx, set, space, nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Extract(ctx, set, space, nil)
	if err != nil || calls != 1 || again.N != 10 || !slices.Equal(first.Data, again.Data) {
		t.Errorf("%d calls, %d vectors, %v", calls, again.N, err)
	}
	other := space
	other.Name = "other"
	if _, err := s.Extract(ctx, set, other, nil); err != nil || calls != 2 {
		t.Errorf("another space: %d calls, %v", calls, err)
	}
	if _, err := s.Extract(ctx, glyphs(t, 10, 2), space, nil); err != nil || calls != 3 {
		t.Errorf("other pictures: %d calls, %v", calls, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if err := os.WriteFile(f, []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Extract(ctx, set, space, nil); err == nil || !strings.Contains(err.Error(), "features-") {
		t.Error(err)
	}
}
