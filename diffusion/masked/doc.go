// Package masked holds the mathematics of diffusion over tokens: how text is noised, what a network learns from it, and how text is
// drawn from the network. It is to words what package diffusion is to pictures.
//
// # The process
//
// A token has an id from 0 to V-1; one more id, V, is the mask. Noise of level t replaces each token by the mask with probability
// Rate(t) = 1 - alpha(t), the [Schedule], and never by another token: absorbing diffusion (Austin et al. 2021, arXiv 2107.03006; in
// the simple form of Sahoo et al. 2024, arXiv 2406.07524, and Shi et al. 2024, arXiv 2406.04329). At t = 1 nothing but masks is left.
// A network looks at the partly masked text and returns logits for every position. It has V of them, so the mask can never be
// predicted, and what is visible stays as it is: the loss does not count it and no sampler reads it.
//
// # Training
//
// An [Objective] masks a batch on the host ([Objective.Draw]) and gives each position a weight that holds the whole formula: schedule,
// form of the bound, padding. In the graph [Objective.Loss] is then a weighted cross-entropy and nothing else. Its expectation bounds
// the negative log-likelihood from above, in nats per token, for every schedule and in both forms:
//
//	ByTime    E_t  w(t)/L · Σ over masked i of -log p(x_i | z),   w = Rate'(t)/Rate(t)    (Sahoo et al. 2024, equation 10)
//	ByCount   E_k   1/k   · Σ over masked i of -log p(x_i | z),   k uniform in 1…L        (Ou et al. 2024, arXiv 2406.03736; lower variance)
//
// The draws of a row depend on the seed, the step and its place in the whole batch only.
//
// # Sampling and scoring
//
// A [Model] is a function from tokens to logits; [Sampler.Sample] fills the masks of a [Canvas] with it, so that a prompt or a text with
// holes is nothing special: whatever is not the mask stays. Draws are made in float64 by the inverse of the distribution function; the
// usual float32 Gumbel noise cuts off rare tokens and flatters a model. [ChainRule] is the exact likelihood from left to right.
//
// # Other processes
//
// Each [Process] has an objective, a [Training], and a sampler:
//
//	absorbing       [Objective]            [Sampler]              noise masks tokens
//	uniform         [UniformObjective]     [UniformSampler]       noise replaces a token by any other one
//	autoregressive  [CausalObjective]      [Sampler], Block 1     the next token from those before it: the baseline
//	block           [BlockObjective]       [Sampler], its Block   absorbing noise within blocks, which are written from left to right
//	continuous      [ContinuousObjective]  [ContinuousSampler]    Gaussian noise on learned embeddings of tokens
//
// The losses of the first four are bounds on the likelihood, or the likelihood itself, in the same unit; that of the last one is not.
//
// Slices hold rows one after another; in shapes B is the number of rows, L their length, V the vocabulary.
package masked
