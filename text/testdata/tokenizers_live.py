"""Tokenizers of many kinds, made and run by PyPI's tokenizers: python tokenizers_live.py LINES OUT, or without arguments > described.json

Special tokens in text are text (encode_special_tokens). LINES is a file of lines of text. For each tokenizer OUT gets NAME.json, the tokenizer.json, and NAME.ids, the ids of all lines without special
tokens: a count and so many 32-bit numbers for each, little-endian. OUT/ours/*.json, if there are any, are run as well. OUT/decoded.json holds
for each NAME what the ids of the first lines decode to.
"""
import glob
import json
import os
import struct
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"])
golden = len(sys.argv) == 1
if golden:
    import bpe_corpus
    lines, V = bpe_corpus.corpus(3000).split("\n") + bpe_corpus.TEXTS, 330
else:
    lines, V = open(sys.argv[1], encoding="utf-8", newline="").read().split("\n"), 3000


def level(regex, *before):
    split = pre_tokenizers.Split(Regex(regex), "isolated")
    return pre_tokenizers.Sequence([*before, split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def bpe(special=("<|endoftext|>",), **model):
    t = Tokenizer(models.BPE(**model))
    return t, trainers.BpeTrainer(vocab_size=V, special_tokens=list(special), show_progress=False)


def byte_bpe():
    t = Tokenizer(models.BPE())
    return t, trainers.BpeTrainer(vocab_size=V, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)


def make():
    t, tr = byte_bpe()  # Qwen's kind
    t.normalizer, t.pre_tokenizer, t.decoder = normalizers.NFC(), level(CL100K.replace("{1,3}", "")), decoders.ByteLevel()
    yield "nfc", t, tr
    t, tr = byte_bpe()  # o200k's kind
    t.pre_tokenizer, t.decoder = level(O200K), decoders.ByteLevel()
    yield "o200k", t, tr
    t, tr = byte_bpe()  # DeepSeek's kind
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"), pre_tokenizers.Split(Regex("[一-龥぀-ゟ゠-ヿ]+"), "isolated"),
        pre_tokenizers.Split(Regex("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    yield "deepseek", t, tr
    t, tr = byte_bpe()  # StarCoder's and RoBERTa's kinds
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=True)])
    t.decoder = decoders.ByteLevel()
    yield "digits", t, tr
    for name, lower in [("bert", True), ("bert-cased", False)]:
        t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        t.normalizer, t.pre_tokenizer = normalizers.BertNormalizer(lowercase=lower), pre_tokenizers.BertPreTokenizer()
        t.decoder = decoders.WordPiece()
        yield name, t, trainers.WordPieceTrainer(vocab_size=V, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], limit_alphabet=80, show_progress=False)
    t = Tokenizer(models.Unigram())  # T5's kind
    t.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer, t.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    yield "unigram", t, trainers.UnigramTrainer(vocab_size=V, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False)
    t, tr = bpe(["<unk>", "<s>", "</s>"] + ["<0x%02X>" % i for i in range(256)], unk_token="<unk>", byte_fallback=True, fuse_unk=True)  # Llama 2's kind
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tr.limit_alphabet, tr.max_token_length = 60, 12
    yield "llama2", t, tr
    t, tr = bpe(["<unk>", "</s>"], unk_token="<unk>")  # Mistral's later kind, unknown characters apart
    t.pre_tokenizer, t.decoder = pre_tokenizers.Metaspace(prepend_scheme="first"), decoders.Metaspace(prepend_scheme="first")
    tr.limit_alphabet = 60
    yield "metaspace-first", t, tr
    t, tr = bpe(["<|startoftext|>", "<|endoftext|>", "<unk>"], unk_token="<unk>", end_of_word_suffix="</w>")  # CLIP's kind
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.decoder, tr.end_of_word_suffix, tr.initial_alphabet = decoders.BPEDecoder("</w>"), "</w>", pre_tokenizers.ByteLevel.alphabet()
    yield "clip", t, tr
    t = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    t.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Strip(), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("contiguous")])
    yield "words", t, trainers.WordLevelTrainer(vocab_size=V, special_tokens=["[UNK]", "[PAD]", "[SEP]"], show_progress=False)
    t, tr = bpe(["<unk>"], unk_token="<unk>")
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(".", "merged_with_previous"), pre_tokenizers.Split("the", "merged_with_next"),
                                               pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated")])
    yield "behaviours", t, tr


def encode(t, line):
    return t.encode(line, add_special_tokens=False).ids


def run(name, t):
    with open(f"{sys.argv[2]}/{name}.ids", "wb") as f:
        for line in lines:
            ids = encode(t, line)
            f.write(struct.pack("<%dI" % (len(ids) + 1), len(ids), *ids))
    return [t.decode(encode(t, line)) for line in lines[:200]]


results = {}
for name, t, trainer in make():
    t.train_from_iterator(lines[:4000], trainer)
    if name in ("words", "behaviours"):
        t.add_tokens([AddedToken("film", normalized=False, single_word=True), AddedToken("the", normalized=True, rstrip=True, lstrip=True)])
    t.encode_special_tokens = True
    if golden:
        ids = [encode(t, line) for line in bpe_corpus.TEXTS]
        results[name] = dict(tokenizer=json.loads(t.to_str()), ids=ids, decoded=[t.decode(i) for i in ids])
    else:
        t.save(f"{sys.argv[2]}/{name}.json")
        results[name] = run(name, t)
for path in [] if golden else glob.glob(f"{sys.argv[2]}/ours/*.json"):
    name, t = os.path.basename(path)[:-5], Tokenizer.from_file(path)
    t.encode_special_tokens = True
    results[name] = run(name, t)
if golden:
    json.dump(dict(texts=bpe_corpus.TEXTS, tokenizers=results), sys.stdout, ensure_ascii=False, separators=(",", ":"))
else:
    json.dump(results, open(f"{sys.argv[2]}/decoded.json", "w"))
