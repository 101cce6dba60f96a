"""Golden ids of package text, from PyPI's tokenizers: python bpe.py > bpe.json

The corpus is made by a rule that bpe_test.go repeats, so that it is not stored. Trained: the merges of BpeTrainer on it. Encoded: odd
texts by that tokenizer with three published patterns.
"""
import json
import sys

from bpe_corpus import TEXTS, corpus
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN = CL100K.replace("{1,3}", "")

tok = Tokenizer(models.BPE())
tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tok.train_from_iterator([corpus(3000)], trainers.BpeTrainer(vocab_size=256 + 90, min_frequency=2, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
model = json.loads(tok.to_str())["model"]
ids = {}
for name, pre in [("gpt2", tok.pre_tokenizer)] + [(n, pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(p), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]))
                                                  for n, p in [("digits3", CL100K), ("digits1", QWEN)]]:
    tok.pre_tokenizer = pre
    ids[name] = [tok.encode(t).ids for t in TEXTS]
json.dump(dict(merges=[m if isinstance(m, str) else " ".join(m) for m in model["merges"]], texts=TEXTS, ids=ids), sys.stdout, ensure_ascii=False)
