// Package rng draws random numbers by counting. A draw is a pure function of what it is for (seed, index, draw, block), so
// that neither the number of workers, nor the cut of a batch, nor a stop and resume can change it; there is no state to save.
//
// # Bits
//
// All bits but those of [NewSplitMixPerm] and of the hashes [Mix64] and [SplitMix64] are blocks of Philox4x32-10 (Salmon et
// al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3): a bijection of a 128-bit counter under a 64-bit key.
// Words and key schedule are those of the paper, of the Random123 library and of XLA's RngBitGenerator. A [Stream] is laid
// out in them as
//
//	key      seed (low word), seed (high word)
//	counter  block, draw, index (low word), index (high word)
//
// where index says which item the numbers are for (picture, sample, row of a step) and draw says which of its uses:
//
//	1 … 11               package data: order, crop, flip, augmentation, …
//	0, 1, 2, …           the steps of a sampler in packages diffusion and diffusion/masked
//	0xD000_0000 …        package eval; from 0xD100_0000 on, package eval/features
//	0xE000_0000 …        training draws of package diffusion/masked
//	0xF000_0000 …        training draws of package diffusion; from 0xF100_0000 on, its likelihoods
//
// Data and samplers share the small numbers. That is harmless: no one draw is made of both.
//
// # Numbers
//
// A [Stream] gives numbers by block, in any order: [Stream.Uniform] and [Stream.Pair] in (0, 1) and [Stream.Normals].
// A [Sequence] gives the same blocks word by word, for code that does not know how many it needs. A [Perm] is a random order
// of n items that needs no table. Every stored seed relies on these bits: none of the formulas here may ever change.
package rng
