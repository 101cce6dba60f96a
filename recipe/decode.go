package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// maxFile bounds a configuration file: no real one comes near, and a mistaken path (a video, say) is refused at once.
const maxFile = 1 << 20

// Decode changes the configuration by a document in TOML, or in JSON where it begins with a brace; name stands in errors for where it
// comes from. Keys that it does not mention keep their values.
func (c *Config) Decode(r io.Reader, name string) error {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(text) > maxFile {
		return fmt.Errorf("%s: more than %d bytes: this is no configuration file", name, maxFile)
	}
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return c.decodeJSON(text, name)
	}
	return c.decode(text, name)
}

// decode works on a copy, so that a document with an error changes nothing.
func (c *Config) decode(text []byte, name string) error {
	fresh := c.clone()
	decoder := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	if err := decoder.Decode(&fresh); err != nil {
		return explain(err, name)
	}
	*c = fresh
	return nil
}

// Set changes one setting, written as on the command line: key=value, the key with dots, the value as in TOML, quotes around words may
// be left out.
func (c *Config) Set(setting string) error {
	key, value, ok := strings.Cut(setting, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	name := fmt.Sprintf("--set %s", setting)
	if !ok || key == "" || strings.ContainsAny(key, "\n\"'[]#") || strings.Contains(value, "\n") {
		return fmt.Errorf("%s: write it as key=value, such as train.batch=32", name)
	}
	err := c.decode([]byte(key+" = "+value), name)
	if err == nil || strings.HasPrefix(value, `"`) {
		return err
	}
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) { // the value was understood, the key not
		return err
	}
	if quoted := c.decode([]byte(key+" = "+fmt.Sprintf("%q", value)), name); quoted == nil || !looksLikeTOML(value) {
		return quoted
	}
	return err
}

// looksLikeTOML tells values that nobody means as words: with those, the error about the value as written is the better one.
func looksLikeTOML(v string) bool {
	return v == "" || strings.ContainsAny(v[:1], "+-.0123456789[{") || v == "true" || v == "false"
}

// Encode writes the whole configuration as TOML.
func (c Config) Encode(w io.Writer) error {
	e := toml.NewEncoder(w)
	e.SetIndentTables(false)
	return e.Encode(c)
}

// clone copies what pointers lead to, so that decoding into the copy leaves the original alone.
func (c *Config) clone() Config {
	d := *c
	d.Network.UNet, d.Network.DiT, d.Network.MLP = copied(c.Network.UNet), copied(c.Network.DiT), copied(c.Network.MLP)
	d.Network.Text = copied(c.Network.Text)
	if d.Text = copied(c.Text); d.Text != nil {
		d.Text.Equations = copied(c.Text.Equations)
	}
	if d.Finetune = copied(c.Finetune); d.Finetune != nil {
		d.Finetune.LoRA, d.Finetune.Native, d.Finetune.Old = copied(c.Finetune.LoRA), copied(c.Finetune.Native), copied(c.Finetune.Old)
	}
	return d
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// DecodeError says what is wrong in a configuration, and where.
type DecodeError struct {
	Name         string // of the document
	Line, Column int    // from 1
	Message      string
	err          error
}

func (e *DecodeError) Error() string {
	if strings.HasPrefix(e.Name, "--set") { // one line, and the column is not that of what was typed
		return fmt.Sprintf("%s: %s", e.Name, e.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.Name, e.Line, e.Column, e.Message)
}

func (e *DecodeError) Unwrap() error { return e.err }

// wrongType is how the decoder says that a value is of another type. Compiled once: regular expressions are immutable.
var wrongType = regexp.MustCompile(`^cannot decode TOML (\S+) into (?:a |struct field \S+ of type )(?:Go value of type )?(\S+)$`)

// explain turns the decoder's errors into one that names place, key, and the nearest right name.
func explain(err error, name string) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		first := strict.Errors[0]
		line, column := first.Position()
		key := strings.Join(first.Key(), ".")
		return &DecodeError{name, line, column, fmt.Sprintf("there is no key %s%s", key, suggestion(key)), err}
	}
	var plain *toml.DecodeError
	if errors.As(err, &plain) {
		line, column := plain.Position()
		message := strings.TrimPrefix(plain.Error(), "toml: ")
		if m := wrongType.FindStringSubmatch(message); m != nil {
			message = fmt.Sprintf("it is a %s, must be %s", m[1], m[2])
		}
		if key := strings.Join(plain.Key(), "."); key != "" {
			message = key + ": " + message
		}
		return &DecodeError{name, line, column, message, err}
	}
	return fmt.Errorf("%s: %w", name, err)
}

// suggestion names the key nearest to an unknown one.
func suggestion(key string) string {
	best, least := "", len(key)/2+1
	for _, k := range Keys() {
		last := k[strings.LastIndexByte(k, '.')+1:] // the section may be wrong or missing
		d := min(editDistance(key, k), editDistance(key[strings.LastIndexByte(key, '.')+1:], last)+1, otherWords(key, k))
		if d < least || d == least && best != "" && len(k) < len(best) { // of equally near ones the least nested
			best, least = k, d
		}
	}
	if best == "" {
		return "; ebb train -n prints all keys"
	}
	return "; did you mean " + best + "?"
}

// otherWords counts the words that only one of two keys has, where they share two or more: eval.every_images is train.eval_every.
func otherWords(a, b string) int {
	split := func(key string) []string {
		return strings.FieldsFunc(key, func(r rune) bool { return r == '.' || r == '_' })
	}
	x, y, shared := split(a), split(b), 0
	for _, w := range x {
		if slices.Contains(y, w) {
			shared++
		}
	}
	if shared < 2 {
		return math.MaxInt
	}
	return len(x) + len(y) - 2*shared
}

// Keys lists the keys of a configuration, with dots.
func Keys() []string { return keysOf(reflect.TypeFor[Config](), "") }

func keysOf(t reflect.Type, prefix string) []string {
	var all []string
	for i := range t.NumField() {
		tag, _, _ := strings.Cut(t.Field(i).Tag.Get("toml"), ",")
		if tag == "" {
			continue
		}
		all = append(all, prefix+tag)
		ft := t.Field(i).Type
		for ft.Kind() == reflect.Pointer || ft.Kind() == reflect.Slice {
			ft = ft.Elem()
		}
		if ft.Kind() == reflect.Struct {
			all = append(all, keysOf(ft, prefix+tag+".")...)
		}
	}
	return all
}

// editDistance counts the letters to insert, delete or replace to make b of a (Levenshtein 1966).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
