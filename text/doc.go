// Package text turns text on disk into batches of tokens for training.
//
// [Open] reads what people have: folders and archives of .txt and .md files, JSON lines, CSV, parquet, Arrow, MediaWiki
// dumps, compressed or not. What it
// yields are [Document] values in a fixed order, cleaned by a stated [Encoding] policy, made on all cores. [Equations] makes documents from
// nothing, with a truth that can be checked. [Inspect] tells what is in a source before anything is trained on it.
//
// A [Tokenizer] maps text to ids from 0 to Vocab-1: [Bytes], [Chars] with a given or learnt alphabet, or [BPE], trained here or read from a
// Hugging Face tokenizer.json. The mask of masked diffusion is always the id Vocab, so that it cannot be a token; [CheckSpecial] guards the
// other special ones.
//
// [Load] does all of it at once: it opens text or what [PrepareFolder] made of it, and returns [Tokens] with their tokenizer. Below it,
// [Prepare] writes documents as tokens into one file that [OpenTokens] maps into memory; [Tokenize] does the same in memory.
// [Tokens.Split] holds out documents by their content, and a [Loader] cuts a part into windows. A batch is a pure function of the
// configuration, the seed and the step: there is no position to save.
//
//	tokens, tok, err := text.Load(ctx, "my-texts", text.LoadOptions{})   // bytes, by default
//	train, held, err := tokens.Split(0.01, 0)
//	loader, err := text.NewLoader(train, text.LoaderConfig{Batch: 64, Length: 128})
//	batch, err := loader.Batch(step)
package text
