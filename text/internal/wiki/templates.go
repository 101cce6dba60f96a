package wiki

import (
	"strings"
)

// expandTemplate gives the words of a template that stands for words, else nothing. The names are those of the English Wikipedia, which
// other languages share in good part.
func expandTemplate(inside string) string {
	name, rest, _ := strings.Cut(inside, "|")
	name = strings.ToLower(strings.TrimSpace(strings.ReplaceAll(name, "_", " ")))
	if number, ok := strings.CutPrefix(name, "formatnum:"); ok {
		return number
	}
	if mark, ok := marks[name]; ok {
		return mark
	}
	a := argumentsOf(rest)
	if sign, ok := currencies[name]; ok && a.at(0) != "" {
		return sign + a.at(0)
	}
	switch name {
	case "lang", "langx", "transl", "transliteration", "script":
		return a.at(len(a.placed) - 1)
	case "nowrap", "nobr", "abbr", "small", "smaller", "big", "em", "strong", "sic", "not a typo", "tooltip", "visible anchor", "vanchor", "noitalic",
		"math", "mvar", "var", "sup", "sub", "mono", "sc", "smallcaps", "linktext", "ill", "interlanguage link", "flag", "flagcountry":
		return a.at(0)
	case "quote", "blockquote", "cquote", "quotation", "quote box":
		return a.named("text", "quote", "content")
	}
	if strings.HasPrefix(name, "lang-") {
		return a.at(0)
	}
	return measured(name, a)
}

// marks are templates that stand for characters.
var marks = map[string]string{"nbsp": " ", "space": " ", "sp": " ", "thinsp": " ", "thin space": " ", "hair space": " ", "ndash": " – ",
	"en dash": " – ", "–": " – ", "spnd": " – ", "spaced ndash": " – ", "snd": " – ", "mdash": " — ", "em dash": " — ", "—": " — ",
	"spaced mdash": " — ", "'": "'", "’": "'", "'s": "'s", "pi": "π", "dot": " · ", "·": " · ", "!": "|", "=": "="}

// currencies are templates that write a sum of money.
var currencies = map[string]string{"us$": "US$", "usd": "US$", "a$": "A$", "aud": "A$", "cad": "CA$", "nzd": "NZ$", "euro": "€", "eur": "€",
	"€": "€", "gbp": "£", "£": "£", "pound sterling": "£", "jpy": "¥", "¥": "¥", "inr": "₹", "cny": "CN¥"}

// measured writes out quantities, dates and names in two scripts.
func measured(name string, a arguments) string {
	words := ""
	switch name {
	case "convert", "cvt":
		words = a.quantity()
	case "val":
		words = a.at(0) + exponent(a.byName["e"]) + " " + a.byName["u"]
	case "frac", "fraction", "sfrac":
		whole := max(0, len(a.placed)-2)
		words = strings.Join(a.placed[:whole], " ") + " " + strings.Join(a.placed[whole:], "/")
	case "circa", "c.", "ca":
		words = "c. " + a.at(0)
	case "floruit", "fl.":
		words = "fl. " + a.at(0)
	case "reign", "r.":
		words = "r. " + strings.Join(a.placed, "–")
	case "as of":
		words = "As of " + strings.Join(a.placed, "-")
		if a.byName["lc"] != "" {
			words = "a" + words[1:]
		}
	case "nihongo":
		if words = a.at(0); len(a.placed) > 1 {
			words += " (" + strings.Join(a.placed[1:min(3, len(a.placed))], ", ") + ")"
		}
	case "hms", "uss", "ss":
		words = strings.ToUpper(name) + " " + a.at(0)
	case "ship":
		words = a.at(0) + " " + a.at(1)
	}
	return strings.TrimSpace(words)
}

func exponent(e string) string {
	if e == "" {
		return ""
	}
	return " × 10^" + e
}

// ranges are what "convert" writes between two values.
var ranges = map[string]string{"-": "–", "–": "–", "to": " to ", "and": " and ", "or": " or ", "by": " by ", "x": " × ", "×": " × ", "+/-": " ± ", "±": " ± "}

// quantity is the first amount of a conversion, as it was given: "5 km", "5–6 ft".
func (a arguments) quantity() string {
	words := a.at(0)
	rest := a.placed[min(1, len(a.placed)):]
	for len(rest) > 1 && ranges[rest[0]] != "" {
		words += ranges[rest[0]] + rest[1]
		rest = rest[2:]
	}
	if len(rest) > 0 {
		words += " " + rest[0]
	}
	return words
}

// arguments are those of a template: by place, counted from 0, and by name.
type arguments struct {
	placed []string
	byName map[string]string
}

func (a arguments) at(i int) string {
	if i >= 0 && i < len(a.placed) {
		return a.placed[i]
	}
	return ""
}

// named is the argument of the first of names that there is, else the first by place.
func (a arguments) named(names ...string) string {
	for _, n := range names {
		if v := a.byName[n]; v != "" {
			return v
		}
	}
	return a.at(0)
}

// argumentsOf splits what follows a template's name. "2=x" is an argument by place.
func argumentsOf(s string) arguments {
	a := arguments{byName: map[string]string{}}
	if s == "" {
		return a
	}
	for part := range strings.SplitSeq(s, "|") {
		key, value, named := strings.Cut(part, "=")
		switch key = strings.TrimSpace(key); {
		case !named:
			a.placed = append(a.placed, strings.TrimSpace(part))
		case isNumber(key):
			a.placed = append(a.placed, strings.TrimSpace(value))
		default:
			a.byName[strings.ToLower(key)] = strings.TrimSpace(value)
		}
	}
	return a
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
