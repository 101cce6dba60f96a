package recipe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// A configuration in JSON is rewritten as TOML, so that one decoder says what is wrong; places in its errors are then found again by key.

// decodeJSON changes the configuration by a JSON document.
func (c *Config) decodeJSON(text []byte, name string) error {
	d := jsonDocument{decoder: json.NewDecoder(bytes.NewReader(text)), text: text, name: name, places: map[string]int64{}}
	d.decoder.UseNumber()
	value, err := d.value("", 0)
	if err == nil {
		_, isTable := value.(map[string]any)
		if _, more := d.decoder.Token(); !isTable || more == nil {
			err = d.wrong(d.decoder.InputOffset(), "a configuration is one object: {\"train\": {\"batch\": 32}}")
		}
	}
	if err != nil {
		return err
	}
	asTOML, err := toml.Marshal(value)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err = c.decode(asTOML, name); err != nil {
		return d.placed(err)
	}
	return nil
}

// jsonDocument reads a document and remembers where each key is.
type jsonDocument struct {
	decoder *json.Decoder
	text    []byte
	name    string
	places  map[string]int64 // offset behind the key, by its path with dots
}

// deepest bounds the nesting: no configuration has more than a few levels.
const deepest = 32

// value reads the value at a path.
func (d *jsonDocument) value(path string, depth int) (any, error) {
	if depth > deepest {
		return nil, d.wrong(d.decoder.InputOffset(), "values are nested too deeply")
	}
	token, err := d.decoder.Token()
	if err != nil {
		return nil, d.syntax(err)
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '[' {
			return d.list(path, depth)
		}
		return d.table(path, depth)
	case json.Number:
		if i, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return i, nil
		}
		f, err := v.Float64()
		if err != nil {
			return nil, d.wrong(d.decoder.InputOffset(), fmt.Sprintf("%s: %s is no number that can be held", path, v))
		}
		return f, nil
	case nil:
		return nil, d.wrong(d.decoder.InputOffset(), fmt.Sprintf("%s is null: leave the key out to keep what it is", path))
	}
	return token, nil
}

func (d *jsonDocument) list(path string, depth int) (any, error) {
	all := []any{}
	for d.decoder.More() {
		v, err := d.value(path, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	if _, err := d.decoder.Token(); err != nil {
		return nil, d.syntax(err)
	}
	return all, nil
}

func (d *jsonDocument) table(path string, depth int) (any, error) {
	all := map[string]any{}
	for d.decoder.More() {
		token, err := d.decoder.Token()
		if err != nil {
			return nil, d.syntax(err)
		}
		key := token.(string)
		at := strings.TrimPrefix(path+"."+key, ".")
		if _, twice := all[key]; twice {
			return nil, d.wrong(d.decoder.InputOffset(), fmt.Sprintf("%s is there twice", at))
		}
		d.places[at] = d.decoder.InputOffset() - int64(len(key)) - 2
		if all[key], err = d.value(at, depth+1); err != nil {
			return nil, err
		}
	}
	if _, err := d.decoder.Token(); err != nil {
		return nil, d.syntax(err)
	}
	return all, nil
}

// wrong is an error at an offset.
func (d *jsonDocument) wrong(offset int64, message string) error {
	before := d.text[:max(0, min(int(offset), len(d.text)))]
	return &DecodeError{Name: d.name, Line: bytes.Count(before, []byte("\n")) + 1, Column: len(before) - bytes.LastIndexByte(before, '\n'), Message: message}
}

func (d *jsonDocument) syntax(err error) error {
	var s *json.SyntaxError
	if errors.As(err, &s) {
		return d.wrong(s.Offset-1, s.Error())
	}
	return d.wrong(int64(len(d.text)), "the document ends too early")
}

// placed moves an error of the decoder of TOML to where its key is in JSON.
func (d *jsonDocument) placed(err error) error {
	var e *DecodeError
	if !errors.As(err, &e) {
		return err
	}
	var strict *toml.StrictMissingError
	var plain *toml.DecodeError
	var key []string
	if errors.As(e.err, &strict) && len(strict.Errors) > 0 {
		key = strict.Errors[0].Key()
	} else if errors.As(e.err, &plain) {
		key = plain.Key()
	}
	moved := d.wrong(d.places[strings.Join(key, ".")], strings.Replace(e.Message, "TOML ", "", 1)).(*DecodeError)
	moved.err = e.err
	return moved
}
