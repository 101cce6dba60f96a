package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/ebb-ml/ebb/text"
	"golang.org/x/term"
)

// shown decodes a row that is not finished, on one line: a dot for each mask.
func shown(tok text.Tokenizer, row []int32) string {
	s, err := text.Show(tok, row, "·")
	if err != nil {
		return err.Error()
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return '⏎'
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '�'
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
}

// liveText shows texts on a terminal while they are written.
type liveText struct {
	out    io.Writer
	tty    bool
	tok    text.Tokenizer
	length int
	size   func() (width, height int)
	lines  int // that stand on the screen
	last   time.Time
}

// How often the texts are drawn anew.
const liveEvery = 60 * time.Millisecond

func newLiveText(a *app, tok text.Tokenizer, length int) *liveText {
	v := &liveText{out: a.stderr, tok: tok, length: length}
	if f, ok := a.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		v.tty = true
		v.size = func() (int, int) {
			if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 20 && h > 5 {
				return w, h
			}
			return 80, 24
		}
	}
	return v
}

// show draws the rows, as many as there is room for.
func (v *liveText) show(tokens []int32) {
	if !v.tty || time.Since(v.last) < liveEvery {
		return
	}
	v.last = time.Now()
	width, height := v.size()
	var b strings.Builder
	if v.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.lines)
	}
	v.lines = 0
	for first := 0; first < len(tokens); first += v.length {
		lines := wrapped(shown(v.tok, tokens[first:first+v.length]), width-1)
		if v.lines+len(lines) > height-2 {
			lines = lines[max(0, len(lines)-(height-2-v.lines)):]
		}
		for _, l := range lines {
			fmt.Fprintf(&b, "\r\x1b[K%s\n", l)
			v.lines++
		}
		if v.lines >= height-2 {
			break
		}
	}
	fmt.Fprint(&b, "\x1b[J")
	_, _ = io.WriteString(v.out, b.String()) // a screen that went away stops no work
}

// clear takes the rows off the screen.
func (v *liveText) clear() {
	if v.lines > 0 {
		fmt.Fprintf(v.out, "\x1b[%dA\r\x1b[J", v.lines)
		v.lines = 0
	}
}

// wrapped cuts a text into lines.
func wrapped(s string, width int) (lines []string) {
	for r := []rune(s); ; r = r[width:] {
		if len(r) <= width {
			return append(lines, string(r))
		}
		lines = append(lines, string(r[:width]))
	}
}

// tape records how texts appear.
type tape struct {
	tok    text.Tokenizer
	length int
	first  []int        // of the batches
	frames [][][]string // of each batch, for each call its rows
	every  int          // calls for a frame
	seen   int          // calls of the present batch
}

// mostFrames of a batch are kept; of more, every second one is dropped.
const mostFrames = 400

// add records the rows of a batch.
func (p *tape) add(first int, tokens []int32) {
	if len(p.first) == 0 || p.first[len(p.first)-1] != first {
		p.first, p.frames = append(p.first, first), append(p.frames, nil)
		p.every, p.seen = 1, 0
	}
	batch := &p.frames[len(p.frames)-1]
	p.seen++
	var rows []string
	for i := 0; i < len(tokens); i += p.length {
		rows = append(rows, shown(p.tok, tokens[i:i+p.length]))
	}
	if n := len(*batch); n > 0 && (p.seen-1)%p.every != 0 { // the newest frame always stands last
		(*batch)[n-1] = rows
		return
	}
	if *batch = append(*batch, rows); len(*batch) > mostFrames {
		thin := (*batch)[:0]
		for i := 0; i < len(*batch); i += 2 {
			thin = append(thin, (*batch)[i])
		}
		*batch, p.every = append(thin, rows), 2*p.every
	}
}

// merged are the frames of all batches side by side; one that is done early waits for the others.
func (p *tape) merged() (frames [][]string) {
	most := 0
	for _, b := range p.frames {
		most = max(most, len(b))
	}
	for k := range most {
		var rows []string
		for _, b := range p.frames {
			rows = append(rows, b[min(k, len(b)-1)]...)
		}
		frames = append(frames, rows)
	}
	return frames
}

// write writes a page that plays the record and needs nothing else.
func (p *tape) write(w io.Writer) error {
	data, err := json.Marshal(p.merged()) // escapes <, > and &
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, tapePage, data)
	return err
}

const tapePage = `<!doctype html>
<meta charset="utf-8"><title>ebb sample</title>
<style>body{font:15px/1.5 monospace;max-width:60em;margin:2em auto;padding:0 1em}p{overflow-wrap:anywhere;white-space:pre-wrap}
i{color:#bbb;font-style:normal}b{background:#fd6}input{width:70%%}</style>
<button id="play">pause</button> <input id="at" type="range" min="0" value="0"> <span id="n"></span><div id="rows"></div>
<script>
const frames = %s
const at = document.getElementById("at"), rows = document.getElementById("rows"), play = document.getElementById("play")
at.max = frames.length - 1
let on = true
function show() {
  const k = +at.value, before = frames[Math.max(0, k - 1)]
  rows.replaceChildren(...frames[k].map((row, i) => {
    const p = document.createElement("p"), old = [...before[i]]
    for (const [j, c] of [...row].entries()) {
      const e = document.createElement(c == "·" ? "i" : c != old[j] ? "b" : "span")
      e.textContent = c
      p.append(e)
    }
    return p
  }))
  document.getElementById("n").textContent = k + 1 + "/" + frames.length
}
play.onclick = () => { on = !on; play.textContent = on ? "pause" : "play"; if (on && at.value == at.max) at.value = 0 }
at.oninput = () => { on = false; play.textContent = "play"; show() }
setInterval(() => { if (on && +at.value < +at.max) { at.value = +at.value + 1; show() } }, Math.max(30, Math.min(200, 12000 / frames.length)))
show()
</script>
`
