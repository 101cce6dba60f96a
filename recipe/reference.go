package recipe

import (
	"math"
	"reflect"
	"slices"
)

// Reference is how the held-out error of the noise fell when a preset was trained as it is, on the pictures that it is known with: what a person
// may hold an own run of it against.
type Reference struct {
	About  string // who trained, and on what
	Images []int64
	Eps    [][]float64 // [Images][10]: mean squared error in the middle of each tenth of the schedule's time, averaged weights
}

// referenceLevels is the number of noise levels of a reference curve.
const referenceLevels = 10

// Reference returns the curve of the preset that c was made from. There is none where the preset has none, or where c differs from it in the
// network, the noise or what the pictures are: then other errors are normal.
func (c Config) Reference() (Reference, bool) {
	r, ok := references()[c.Recipe]
	preset, err := Preset(c.Recipe)
	if !ok || err != nil || c.Finetune != nil || c.Data.Source == Files && !slices.Equal(c.Data.Classes, cifarClasses()) {
		return Reference{}, false
	}
	if c.Recipe == "cifar10-small" { // size and network are completed from the pictures
		preset.Data.Height, preset.Data.Width = 32, 32
	}
	same := c.Data.Height == preset.Data.Height && c.Data.Width == preset.Data.Width && c.Data.Source == preset.Data.Source &&
		reflect.DeepEqual(c.Diffusion, preset.Diffusion) && c.Network.Kind == preset.Network.Kind && reflect.DeepEqual(c.widths(), preset.widths())
	return r, same
}

// widths are what makes a U-Net large or small.
func (c Config) widths() []int {
	if c.Network.UNet == nil {
		return nil
	}
	return append(slices.Clone(c.Network.UNet.Channels), c.Network.UNet.Layers)
}

// At is the curve after a number of images, interpolated between those that were measured in the logarithms of both. Before the first of them there
// is none; after the last it stays, and at says so by being smaller than images.
func (r Reference) At(images int64) (eps []float64, at int64, ok bool) {
	if len(r.Images) == 0 || images < r.Images[0] {
		return nil, 0, false
	}
	last := len(r.Images) - 1
	if images >= r.Images[last] {
		return r.Eps[last], r.Images[last], true
	}
	k, _ := slices.BinarySearch(r.Images, images+1)
	share := math.Log(float64(images)/float64(r.Images[k-1])) / math.Log(float64(r.Images[k])/float64(r.Images[k-1]))
	for i, low := range r.Eps[k-1] {
		eps = append(eps, low*math.Pow(r.Eps[k][i]/low, share))
	}
	return eps, images, true
}

func cifarClasses() []string {
	return []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}
}

// references are errors on 512 held-out pictures. That of glyphs is from ebb train --set eval.every_images=4000 --set eval.images=512, that of
// cifar10-small from ebb eval RUN --json on diffusers' UNet2DModel in PyTorch, trained in the same way (docs/images.md).
func references() map[string]Reference {
	return map[string]Reference{
		"cifar10-small": {"PyTorch on 20,000 pictures of CIFAR-10", []int64{6400, 12800, 19200, 25600, 32000, 38400, 44800, 51200}, [][]float64{
			{0.28994, 0.12752, 0.08176, 0.05902, 0.04719, 0.04182, 0.03973, 0.03918, 0.03906, 0.03919},
			{0.2174, 0.09502, 0.05413, 0.03406, 0.02263, 0.01626, 0.01278, 0.01155, 0.01127, 0.01124},
			{0.19884, 0.08672, 0.04836, 0.02917, 0.01796, 0.01182, 0.0084, 0.00713, 0.00675, 0.00666},
			{0.18803, 0.08083, 0.04472, 0.02678, 0.01604, 0.01008, 0.00673, 0.0054, 0.00503, 0.00494},
			{0.17987, 0.07621, 0.04225, 0.0253, 0.01502, 0.00918, 0.00585, 0.0045, 0.00413, 0.00404},
			{0.17332, 0.07278, 0.04046, 0.02433, 0.01435, 0.00857, 0.00527, 0.00392, 0.00356, 0.00347},
			{0.16801, 0.07058, 0.03936, 0.0237, 0.01389, 0.00815, 0.00486, 0.00351, 0.00315, 0.00306},
			{0.16375, 0.06868, 0.03845, 0.02316, 0.01353, 0.00785, 0.00458, 0.00323, 0.00286, 0.00276}}},
		"glyphs": {"ebb on letters of the Go fonts", []int64{4000, 8000, 12000, 16000, 20000, 24000, 28000, 32000}, [][]float64{
			{0.25574, 0.1452, 0.10552, 0.08334, 0.07078, 0.05838, 0.04652, 0.03131, 0.01448, 0.00194},
			{0.17839, 0.09773, 0.07341, 0.06059, 0.05342, 0.04506, 0.03665, 0.02563, 0.01295, 0.00175},
			{0.15427, 0.08659, 0.06515, 0.05374, 0.04648, 0.03891, 0.03167, 0.02287, 0.01208, 0.00169},
			{0.1405, 0.08042, 0.06076, 0.04951, 0.04275, 0.03557, 0.0288, 0.02097, 0.01123, 0.00165},
			{0.13273, 0.07652, 0.05767, 0.04703, 0.04024, 0.03318, 0.02715, 0.01986, 0.01078, 0.00161},
			{0.12681, 0.07365, 0.05528, 0.04499, 0.03823, 0.0316, 0.02589, 0.01906, 0.0105, 0.00159},
			{0.12298, 0.07191, 0.05389, 0.04367, 0.03708, 0.03067, 0.02526, 0.01862, 0.01038, 0.00158},
			{0.12115, 0.07114, 0.05326, 0.04307, 0.03662, 0.03024, 0.02495, 0.01844, 0.01033, 0.00158}}},
	}
}
