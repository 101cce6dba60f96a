"""Golden ids of package text, from PyPI's tokenizers: python bpe.py > bpe.json

The corpus is made by a rule that bpe_test.go repeats, so that it is not stored. Trained: the merges of BpeTrainer on it. Encoded: odd
texts by that tokenizer with three published patterns.
"""
import json
import sys

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

WORDS = "the of and wave tide ebb flow sea's it's they'll naïve Ærø 東京 1984 3.14 -- ... (moon) shore, harbour; flood! dune".split()


def corpus(n):
    state, out = 1, []
    for i in range(n):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        w = WORDS[(state >> 33) % len(WORDS)]
        out.append(w + ("s" if state >> 60 == 3 else "") + ("\n" if i % 17 == 0 else "  " if i % 29 == 0 else " "))
    return "".join(out)


CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN = CL100K.replace("{1,3}", "")
TEXTS = ["", " ", "the tide", " the  tides\n\n  flow 12345 3.14159!!\r\n\r\n\tdune's  ", "It's IT'S they'LL 'tis don’t", "東京 naïve Ærøs…  \u00a0x\u2003y", "a" * 200,
         "-" * 100 + "\n" + "ebb " * 30, "\n \n\n x", "tab\tsep\x0b\x85 end ", "ſ'ſ 'Ve²½", "👍🏽 e\u0301", "x" + " " * 70 + "y"]

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
