"""Digests of the ids of 10,000 lines of real text, from PyPI's tokenizers: python bpe_real.py ../../../shared/data > bpe_real.json

The lines are the first of movie-reviews.zip (files in the order of their names, as Latin-1) and then those of wikitext2-valid.txt. A tokenizer
of 8192 ids is trained on all of them; each line is encoded alone, by the three published patterns and without one.
"""
import hashlib
import json
import struct
import sys
import zipfile

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
reviews = zipfile.ZipFile(sys.argv[1] + "/movie-reviews.zip")
lines = []
for name in sorted(n for n in reviews.namelist() if n.endswith(".txt") and not n.startswith("__")):
    lines += reviews.read(name).decode("latin-1").split("\n")
    if len(lines) >= 6500:
        break
lines = lines[:6500] + open(sys.argv[1] + "/wikitext2-valid.txt", encoding="utf-8", newline="").read().split("\n")[:3500]

tok = Tokenizer(models.BPE())
level = tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tok.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=8192 - 2, min_frequency=2, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))


def digest(parts):
    h = hashlib.sha256()
    for p in parts:
        h.update(struct.pack("<I", len(p)) + p)
    return h.hexdigest()


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


out = dict(lines=len(lines), text=digest(l.encode() for l in lines), ids={}, tokens={})
for name, pre in [("gpt2", level), ("digits3", split(CL100K)), ("digits1", split(CL100K.replace("{1,3}", "")))]:
    tok.pre_tokenizer = pre
    encoded = [tok.encode(l).ids for l in lines]
    out["ids"][name] = digest(struct.pack("<%dI" % len(e), *e) for e in encoded)
    out["tokens"][name] = sum(map(len, encoded))
json.dump(out, sys.stdout, indent=1)
