"""The corpus and the odd texts of the goldens of package text. bpe_test.go repeats the rule of the corpus."""
WORDS = "the of and wave tide ebb flow sea's it's they'll naïve Ærø 東京 1984 3.14 -- ... (moon) shore, harbour; flood! dune".split()


def corpus(n):
    state, out = 1, []
    for i in range(n):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        w = WORDS[(state >> 33) % len(WORDS)]
        out.append(w + ("s" if state >> 60 == 3 else "") + ("\n" if i % 17 == 0 else "  " if i % 29 == 0 else " "))
    return "".join(out)


TEXTS = ["", " ", "the tide", " the  tides\n\n  flow 12345 3.14159!!\r\n\r\n\tdune's  ", "It's IT'S they'LL 'tis don’t", "東京 naïve Ærøs…  \u00a0x\u2003y", "a" * 200,
         "-" * 100 + "\n" + "ebb " * 30, "\n \n\n x", "tab\tsep\x0b\x85 end ", "ſ'ſ 'Ve²½", "👍🏽 e\u0301", "x" + " " * 70 + "y"]
