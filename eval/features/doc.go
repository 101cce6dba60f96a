// Package features turns pictures into feature vectors by networks, for the measures of package eval: Fréchet distances, precision and
// recall, nearest neighbours, inception scores.
//
// Two kinds of network serve. [Open] reads weights that the user brings as a safetensors file: Inception-v3 as the FID is counted with it
// (names of pytorch-fid) or as torchvision ships it, and DINOv2 (names of its repository or of Hugging Face). The file says which. And
// [TrainClassifier] trains a small one on the training set itself, so that no weights are needed: to tell classes apart, or quarter turns
// where there are none. [CachedClassifier] keeps it in a folder, by a hash of data and settings.
//
//	net, err := features.Open(engine, "pt_inception-2015-12-05.safetensors", features.Options{})
//	real, err := eval.Extract(ctx, held, net.Space(features.Pool), nil)
//
// How pictures are scaled to the size that a network wants changes distances as much as many a model does, so it is part of a space's
// name: see [Resize].
package features
