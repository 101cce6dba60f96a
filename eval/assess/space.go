package assess

import (
	"strings"

	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/features"
)

// Features are a feature space in which distributions are compared. Inception has two layers more: places for sFID, class
// probabilities for the Inception score; without a name there is none.
type Features struct {
	Space, Spatial, Probabilities eval.Space
	// FID says that these are the features of the Fréchet inception distance: figures get the names that it is known by.
	FID bool
}

// NetworkFeatures are the spaces that a network has.
func NetworkFeatures(n *features.Network) (f Features, err error) {
	f.FID = n.FID()
	if f.Space, err = n.Space(features.Pool); err != nil || !n.Has(features.Spatial) {
		return f, err
	}
	if f.Spatial, err = n.Space(features.Spatial); err != nil {
		return f, err
	}
	f.Probabilities, err = n.Space(features.Probabilities)
	return f, err
}

// Named gives a figure that was measured in one of the spaces its usual name: FID-5k, sFID-5k, IS-5k, KID. Network, weights and resizing stay
// in the figure's Space.
func (f Features) Named(fig eval.Figure) eval.Figure {
	if !f.FID {
		return fig
	}
	fig.Name = strings.Replace(fig.Name, "-"+fig.Space, "", 1)
	switch fig.Space {
	case f.Space.Name:
		fig.Name = strings.Replace(fig.Name, "FD", "FID", 1)
	case f.Spatial.Name:
		fig.Name = strings.Replace(fig.Name, "FD", "sFID", 1)
	}
	return fig
}
