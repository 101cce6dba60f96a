"""A small MediaWiki dump in the multistream form of dumps.wikimedia.org (head, streams of some pages, foot, each a bzip2 stream of its own),
with mark-up that is hard to clean; all text is our own: python dump.py > dump.xml.bz2
"""
import bz2
import sys
from xml.sax.saxutils import escape

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">
  <siteinfo>
    <sitename>Tidepedia</sitename>
    <generator>MediaWiki 1.44</generator>
    <case>first-letter</case>
    <namespaces>
      <namespace key="-2" case="first-letter">Media</namespace>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">Bild</namespace>
      <namespace key="14" case="first-letter">Sorte</namespace>
    </namespaces>
  </siteinfo>
"""
EBB = """{{Short description|Falling tide}}
{{Infobox tide
| name = Ebb <!-- not {{flood}} -->
| range = {{convert|3.5|m|ft|abbr=on}}
| image = [[File:ebb.jpg|thumb|An [[estuary]] at ''low'' water]]
}}
'''Ebb''' ({{IPA|/ɛb/}}; {{lang|nl|eb}}) is the [[tide|falling tide]]s' phase&nbsp;&ndash; it lasts {{convert|6.2|h}}.<ref name="a">{{cite book|title=Tides [[x]]|page={{{1|}}}}}</ref><ref name="a" /> See <nowiki>[[literal]] ''marks''</nowiki>.
[[Bild:sea.png|mini|Die [[See|See ({{nowrap|x}})]] mit [http://example.org Quelle]]]
{| class="wikitable"
! Place !! Range
|-
| Somewhere || {| nested
| cell
|}
|}

== Causes ==
The [[Moon]]'s pull&mdash;see [https://example.org/a_(b) a page]; 2 < 3 and H<sub>2</sub>O.<br/>New line.
* First ''item''
** Second '''item'''
# Third
:Indented &amp;lt;tag&amp;gt;
=== Empty ===
=== Also empty ===
== See also ==
* [[Flood]]
== References ==
{{reflist}}
[[Category:Tides]] [[Sorte:Tiden]] [[de:Ebbe]] __NOTOC__
"""
BROKEN = "A page {{with [[open <ref>marks and '''bold. <math>x^2 {{also}} |}\nAnother line ]] here.\n"


def page(i, title, text, ns=0, redirect=""):
    r = f'\n    <redirect title="{redirect}" />' if redirect else ""
    return f"""  <page>
    <title>{escape(title)}</title>
    <ns>{ns}</ns>
    <id>{i}</id>{r}
    <revision>
      <id>{i + 100}</id>
      <contributor><username>A &lt;text&gt; user</username></contributor>
      <model>wikitext</model>
      <format>text/x-wiki</format>
      <text bytes="{len(text.encode())}" xml:space="preserve">{escape(text)}</text>
    </revision>
  </page>
"""


pages = [page(1, "Ebb", EBB), page(2, "Talk:Ebb", "chatter", ns=1), page(3, "Neap & spring", "{{stub}}\nA ''neap'' tide is weak.\n"),
         page(4, "Falling tide", "#REDIRECT [[Ebb]]", redirect="Ebb"), page(5, "Broken", BROKEN)]
streams = [HEAD] + pages + ["</mediawiki>\n"]
sys.stdout.buffer.write(b"".join(bz2.compress(s.encode()) for s in streams))
