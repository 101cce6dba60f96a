package main

import (
	"bytes"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// wikiDump is a dump in the form of dumps.wikimedia.org, as XML, in streams: the head, some pages each, the foot.
func wikiDump(pages int) (streams []string) {
	head := `<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">
  <siteinfo><sitename>Tidepedia</sitename><namespaces><namespace key="0" case="first-letter" /><namespace key="1" case="first-letter">Talk</namespace>
  <namespace key="6" case="first-letter">Bild</namespace><namespace key="14" case="first-letter">Sorte</namespace></namespaces></siteinfo>
`
	streams = []string{head}
	var b strings.Builder
	for i := range pages {
		title, ns, redirect, source := fmt.Sprintf("Tide %d", i), 0, "", wikiSource(i)
		switch i % 10 {
		case 7:
			title, ns = "Talk:"+title, 1
		case 9:
			redirect, source = "<redirect title=\"Tide 1\" />\n", "#REDIRECT [[Tide 1]]"
		}
		source = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(source)
		fmt.Fprintf(&b, "  <page>\n    <title>%s</title>\n    <ns>%d</ns>\n    <id>%d</id>\n    %s<revision><id>%d</id><model>wikitext</model><format>text/x-wiki</format>\n"+
			"      <text bytes=\"%d\" xml:space=\"preserve\">%s</text>\n    </revision>\n  </page>\n", title, ns, i+1, redirect, 1000+i, len(source), source)
		if i%15 == 14 || i == pages-1 {
			streams = append(streams, b.String())
			b.Reset()
		}
	}
	return append(streams, "</mediawiki>\n")
}

// wikiSource is a page with hard mark-up. Everything that must vanish says VANISH, everything literal is in wikiProse.
func wikiSource(i int) string {
	return fmt.Sprintf(`{{Infobox tide|name={{nowrap|VANISH {{deep|{{deeper|VANISH}}}}}}<!-- VANISH }} -->|image=[[File:VANISH.jpg|thumb|VANISH [[a|VANISH]]]]}}
'''Tide %d''' is the [[tide|rising]] and [[falling]]{{efn|VANISH}} of the ''sea'',<ref name="x">{{cite|VANISH [[x]]}}</ref><ref name="x" /> %s&nbsp;&ndash; see <nowiki>[[kept]]</nowiki>.
{| class="wikitable"
! VANISH !! VANISH
|-
| VANISH || {| nested
| VANISH
|}
|}
[[Bild:VANISH.png|mini|VANISH [[VANISH|VANISH]]]]
== Moon ==
* The [http://example.org/%d moon] pulls<br/>twice a day; 2 < 3 &amp; so on.<math>VANISH</math>
<gallery>VANISH.jpg|VANISH</gallery>
== References ==
{{reflist}} VANISH
[[Sorte:VANISH]] [[de:VANISH]] __NOTOC__`, i, wikiProse(i), i)
}

func wikiProse(i int) string {
	words := strings.Fields("wave harbour shore ebb flood spring neap current water moon sun ship")
	var s []string
	for k := range 40 {
		s = append(s, words[(i*i+k*k*(i%5+1)+k)%len(words)])
	}
	return strings.Join(s, " ")
}

// bzip2ed compresses into one bzip2 stream: in one block, by the format's steps in their simplest form.
func bzip2ed(text string) []byte {
	block, crc := bzip2Runs(text)
	last, origin := bzip2Sort(block)
	symbols, used := bzip2Symbols(last)
	w := &bitWriter{}
	w.put('B', 8)
	w.put('Z', 8)
	w.put('h', 8)
	w.put('9', 8)
	w.put(0x314159265359, 48)
	w.put(uint64(crc), 32)
	w.put(0, 1)
	w.put(uint64(origin), 24)
	var groups uint64
	for _, c := range used {
		groups |= 1 << (15 - c>>4)
	}
	w.put(groups, 16)
	for g := range 16 {
		if groups>>(15-g)&1 == 0 {
			continue
		}
		var in uint64
		for _, c := range used {
			if int(c>>4) == g {
				in |= 1 << (15 - c&15)
			}
		}
		w.put(in, 16)
	}
	w.codes(symbols, len(used)+2)
	w.put(0x177245385090, 48)
	w.put(uint64(crc), 32) // of one block it is the block's
	w.put(0, 7)            // fills up the last byte
	return w.out
}

// bzip2Runs writes runs of four to 255 as four and the count of the others, and computes the checksum of the text.
func bzip2Runs(text string) (block []byte, crc uint32) {
	crc = 0xFFFFFFFF
	for i := range len(text) {
		crc ^= uint32(text[i]) << 24
		for range 8 {
			crc = crc<<1 ^ 0x04C11DB7&-(crc>>31)
		}
	}
	for len(text) > 0 {
		n := 1
		for n < len(text) && n < 255 && text[n] == text[0] {
			n++
		}
		block = append(block, text[:min(n, 4)]...)
		if n >= 4 {
			block = append(block, byte(n-4))
		}
		text = text[n:]
	}
	return block, ^crc
}

// bzip2Sort is the Burrows-Wheeler transform.
func bzip2Sort(block []byte) (last []byte, origin int) {
	n, twice := len(block), append(bytes.Clone(block), block...)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(twice[a:a+n], twice[b:b+n]) })
	for i, at := range order {
		last = append(last, twice[at+n-1])
		if at == 0 {
			origin = i
		}
	}
	return last, origin
}

// bzip2Symbols moves to front and writes runs of zeros as digits; the last symbol ends the block.
func bzip2Symbols(last []byte) (symbols []int, used []byte) {
	for c := range 256 {
		if bytes.IndexByte(last, byte(c)) >= 0 {
			used = append(used, byte(c))
		}
	}
	front, zeros := bytes.Clone(used), 0
	flush := func() {
		for ; zeros > 0; zeros = (zeros - 1) / 2 {
			symbols = append(symbols, (zeros-1)%2)
		}
	}
	for _, c := range last {
		k := bytes.IndexByte(front, c)
		if k == 0 {
			zeros++
			continue
		}
		flush()
		copy(front[1:k+1], front[:k])
		front[0] = c
		symbols = append(symbols, k+1)
	}
	flush()
	return append(symbols, len(used)+1), used
}

// bitWriter writes numbers, the highest bit first.
type bitWriter struct {
	out  []byte
	held uint64
	n    int
}

func (w *bitWriter) put(v uint64, n int) {
	for n--; n >= 0; n-- {
		w.held, w.n = w.held<<1|v>>n&1, w.n+1
		if w.n == 8 {
			w.out, w.held, w.n = append(w.out, byte(w.held)), 0, 0
		}
	}
}

// codes writes two equal tables of a complete code of two lengths, the choice of the first throughout, and the symbols.
func (w *bitWriter) codes(symbols []int, alphabet int) {
	long := bits.Len(uint(alphabet - 1))
	short := 1<<long - alphabet // symbols with codes of long-1 bits
	w.put(2, 3)
	selectors := (len(symbols) + 49) / 50
	w.put(uint64(selectors), 15)
	w.put(0, selectors)
	for range 2 {
		length := long
		if short > 0 {
			length--
		}
		w.put(uint64(length), 5)
		for s := range alphabet {
			if s == short && short > 0 {
				w.put(0b10, 2) // one bit more from here on
			}
			w.put(0, 1)
		}
	}
	for _, s := range symbols {
		if s < short {
			w.put(uint64(s), long-1)
		} else {
			w.put(uint64(s+short), long)
		}
	}
}
