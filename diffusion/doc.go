// Package diffusion holds the mathematics of Gaussian diffusion models: how data is noised, what a network is trained to
// predict, how its error is weighted, and how samples are drawn by removing noise step by step.
//
// # One coordinate
//
// Noise is measured everywhere by one number, sigma: the standard deviation of the noise when the signal is kept at scale
// one (Karras et al. 2022, arXiv 2206.00364, "EDM"):
//
//	x = x0 + sigma·eps,  eps ~ N(0, 1)
//
// Other families scale the same mixture. They are a [Path], and convert exactly:
//
//	path            network's input x_t          alpha            s
//	VE   (EDM)      x0 + sigma·eps               1                sigma
//	VP   (DDPM)     alpha·x0 + s·eps             1/√(1+sigma²)    sigma/√(1+sigma²)
//	Flow (linear)   (1-t)·x0 + t·eps             1/(1+sigma)      sigma/(1+sigma) = t
//
// so x_t = alpha·x, sigma = s/alpha and SNR = 1/sigma². Samplers, guidance and editing see x alone; only [Precond] and the
// [Objective] know what scale and which [Prediction] the network was trained with.
//
// # One function type
//
// A [Denoiser] returns the expected clean data for noisy data at one sigma. A network becomes one through
// [Precond.Denoiser]; guidance ([Guide]), in-painting ([Inpaint]), clipping ([Clip], [Threshold]) and self-conditioning
// ([SelfCondition]) are functions from denoisers to a denoiser, and every sampler ([Sampler.Sample]) takes any of them with a
// falling slice of noise levels ([Schedule.Levels]).
//
// # Training
//
// An [Objective] says which levels are drawn and how an error counts. [Objective.Draw] makes on the host, for each image of
// a batch, the noise and eight numbers ([NumTerms]) that hold all formulas; [Objective.Loss] is the same linear arithmetic for
// every schedule and prediction, as a GoMLX graph. The draws of an image depend on the seed, the step and the image's place in
// the whole batch only, so a batch may be split over accumulation steps or machines without changing the result.
//
// # Measuring
//
// [Curve] holds the error of a denoiser by noise level, sample by sample, so that two models can be compared in pairs and training data with
// held-out data. [Reconstructor] noises pictures and brings them back. [ODE] and [Bound] count bits per dimension: by the probability-flow
// ODE, and by the variational bound. [Compile] gives them a network with its gradient.
//
// All random numbers drawn on the host are Philox4x32-10 blocks keyed by seed, index and step ([Noise]): sample i is the same
// picture in whatever batch it is made. Only [Objective.DrawInGraph] draws otherwise.
//
// Functions on slices take a whole batch, sample after sample; they do not know the shape of one. In the shapes of graph nodes
// B is the batch, C the channels, which come last.
package diffusion
