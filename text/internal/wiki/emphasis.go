package wiki

import "strings"

// emphasis removes runs of two, three or five apostrophes, line by line; what is left over is text (MediaWiki's doQuotes).
func emphasis(_ Site, s string) (string, int) {
	if !strings.Contains(s, "''") {
		return s, 0
	}
	var b strings.Builder
	b.Grow(len(s))
	hits := 0
	for line := range strings.Lines(s) {
		hits += emphasisLine(&b, line)
	}
	return b.String(), hits
}

func emphasisLine(b *strings.Builder, line string) int {
	runs := apostrophes(line)
	apart, done := misread(line, runs), 0
	for i, r := range runs {
		b.WriteString(line[done:r.at])
		text := r.length - r.marks()
		if i == apart {
			text++
		}
		b.WriteString(line[r.at : r.at+text])
		done = r.at + r.length
	}
	b.WriteString(line[done:])
	return len(runs)
}

// quoteRun is a run of two or more apostrophes.
type quoteRun struct{ at, length int }

// marks is how many of them are mark-up: of four, one is text, as are all beyond five.
func (r quoteRun) marks() int {
	if r.length == 4 {
		return 3
	}
	return min(r.length, 5)
}

func apostrophes(line string) (runs []quoteRun) {
	for at := 0; ; {
		i := strings.Index(line[at:], "''")
		if i < 0 {
			return runs
		}
		at += i
		n := 2
		for at+n < len(line) && line[at+n] == '\'' {
			n++
		}
		runs = append(runs, quoteRun{at, n})
		at += n
	}
}

// misread finds the run for bold of which one apostrophe is text: where neither bold nor italics are paired, as in "l”'Humanité”", the first
// one that follows a word of one letter, else the first that follows a longer word, else the first. -1 for none.
func misread(line string, runs []quoteRun) int {
	bold, italic := 0, 0
	for _, r := range runs {
		bold += r.marks() / 3
		italic += r.marks() % 3 / 2
	}
	if bold%2 == 0 || italic%2 == 0 {
		return -1
	}
	single, word, blank := -1, -1, -1
	for i, r := range runs {
		if r.marks() != 3 {
			continue
		}
		before := []rune(line[max(0, r.at-8):r.at])
		n := len(before)
		switch {
		case n == 0 || before[n-1] == ' ':
			blank = firstOf(blank, i)
		case n == 1 || before[n-2] == ' ':
			single = firstOf(single, i)
		default:
			word = firstOf(word, i)
		}
	}
	return firstOf(firstOf(single, word), blank)
}

// firstOf is a, or b if a is none.
func firstOf(a, b int) int {
	if a >= 0 {
		return a
	}
	return b
}
