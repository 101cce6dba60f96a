package diffusers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// size is a side of square pictures, or [height, width].
type size [2]int

func newSize(height, width int) *size {
	if height == 0 || width == 0 {
		return nil
	}
	return &size{height, width}
}

// MarshalJSON writes one number for squares, as diffusers does.
func (s size) MarshalJSON() ([]byte, error) {
	if s[0] == s[1] {
		return json.Marshal(s[0])
	}
	return json.Marshal([2]int(s))
}

// UnmarshalJSON reads a number or two.
func (s *size) UnmarshalJSON(b []byte) error {
	var one int
	if json.Unmarshal(b, &one) == nil {
		*s = size{one, one}
		return nil
	}
	var two []int
	if err := json.Unmarshal(b, &two); err != nil || len(two) != 2 {
		return fmt.Errorf("sample_size is %.40s: a number or [height, width] is expected", b)
	}
	*s = size{two[0], two[1]}
	return nil
}

const maxJSON = 4 << 20

// readJSON fills v, which holds the defaults, from a file. As in diffusers, unknown keys say nothing.
func readJSON(path string, v any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	if err == nil && len(text) > maxJSON {
		err = fmt.Errorf("has more than %d bytes, which no configuration has", maxJSON)
	}
	if err == nil {
		err = json.Unmarshal(withoutInfinities(text), v)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// withoutInfinities replaces the bare words NaN, Infinity and -Infinity, which Python writes and JSON does not know, by null.
func withoutInfinities(text []byte) []byte {
	var out bytes.Buffer
	inString, escaped := false, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if !inString {
			if n := infinity(text[i:]); n > 0 {
				out.WriteString("null")
				i += n - 1
				continue
			}
		}
		out.WriteByte(c)
		switch {
		case escaped:
			escaped = false
		case inString && c == '\\':
			escaped = true
		case c == '"':
			inString = !inString
		}
	}
	return out.Bytes()
}

// infinity returns the length of the word that text begins with.
func infinity(text []byte) int {
	for _, word := range []string{"-Infinity", "Infinity", "NaN"} {
		if bytes.HasPrefix(text, []byte(word)) {
			return len(word)
		}
	}
	return 0
}

// writeJSON writes an object as diffusers does: keys sorted, two spaces, and the class that reads it.
func writeJSON(w io.Writer, class string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		return err
	}
	for key, value := range map[string]string{"_class_name": class, "_diffusers_version": writtenAs} {
		if keys[key], err = json.Marshal(value); err != nil {
			return err
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(keys)
}

// exists says whether there is a file.
func exists(parts ...string) bool {
	info, err := os.Stat(filepath.Join(parts...))
	return err == nil && info.Mode().IsRegular()
}

var errNoModel = errors.New("is no model directory of diffusers")
