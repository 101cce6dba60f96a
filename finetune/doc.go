// Package finetune goes on from a trained network: it trains parts of it, or small adapters beside it, and carries its weights
// over to a network of another shape.
//
// # Parts and adapters
//
// [Only] leaves some weights trainable and freezes the others. [NewLoRA] freezes all of them and puts a product of two thin
// matrices beside each chosen layer (Hu et al. 2021, arXiv 2106.09685), with a trained length for each output if asked (DoRA,
// Liu et al. 2024, arXiv 2402.09353). What it returns is a network like any other: it has parameters, some of them frozen, and
// builds the same graph. It starts as the very function it was made from.
//
// An [Adapter] is what such training leaves: a file of a few hundred kilobytes, with the names and the layout of the PEFT
// library, which reads it and whose files it reads. [Merge] adds one or several adapters, each with its strength, to the weights
// they were made for, and can take them out again.
//
// # Changes
//
// [Carry] starts a network with more channels or other classes from the weights of the old one, so that what the old one did
// it still does. What cannot be carried over is refused by name. A change of noise schedule or prediction needs no change of
// weights: diffusion.Precond.Native keeps the network's own parameterisation inside the new one.
package finetune
