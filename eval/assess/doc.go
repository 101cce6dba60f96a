// Package assess measures a trained model on pictures that it has not seen: how well it takes noise away, how well it makes pictures anew,
// how likely it finds them, how near its samples come to them, and whether it copies what it was trained on.
//
// A Subject is a model with the pictures it is held against. Each of its methods makes one section of a report (package eval/report), of
// figures that say how many pictures they rest on and how sure they are:
//
//	s := assess.Subject{Config: config, Model: model, Weights: weights, Engine: engine, HeldOut: pictures}
//	section, err := s.Denoising(ctx, assess.DefaultSettings())
//
// All noise, samples and choices are functions of Settings.Seed, so that two models, or one before and after a change, can be compared in
// pairs.
package assess
