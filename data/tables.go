package data

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// row is what a metadata table says about one file.
type row struct {
	file, label, text string
	hasLabel          bool
	line              int
}

// readTables applies metadata.jsonl, metadata.csv and labels.csv to the files in their folders. It returns whether any
// of them gave labels; then folders do not.
func (s *pictureFiles) readTables() (labelled bool, err error) {
	index := make(map[string]int, len(s.entries))
	for i, e := range s.entries {
		index[e.Name] = i
	}
	labels := make([]string, len(s.entries))
	has := make([]bool, len(s.entries))
	for i, f := range s.tree.files() {
		parse := tableParser(path.Base(f.name))
		if parse == nil {
			continue
		}
		b, err := s.tree.read(i)
		if err != nil {
			return false, fmt.Errorf("%s: %w", f.name, err)
		}
		rows, err := parse(b)
		if err != nil {
			return false, fmt.Errorf("%s: %w", f.name, err)
		}
		matched := 0
		for _, r := range rows {
			j, ok := index[path.Join(path.Dir(f.name), r.file)]
			if !ok {
				continue
			}
			if matched++; r.text != "" {
				s.entries[j].Text = r.text
			}
			if r.hasLabel {
				labels[j], has[j], labelled = r.label, true, true
			}
		}
		s.notes = append(s.notes, fmt.Sprintf("%s: %d of %d rows name a picture", f.name, matched, len(rows)))
	}
	if labelled {
		s.setLabels(labels, has)
	}
	return labelled, nil
}

func (s *pictureFiles) setLabels(labels []string, has []bool) {
	names, missing := map[string]bool{}, 0
	for i, l := range labels {
		if has[i] {
			names[l] = true
		} else {
			missing++
		}
	}
	s.classes = sortedNames(names)
	index := indexOf(s.classes)
	for i, l := range labels {
		if has[i] {
			s.entries[i].Label = index[l]
		}
	}
	if missing > 0 {
		s.notes = append(s.notes, fmt.Sprintf("%d pictures are in no table and have no label", missing))
	}
}

// sortedNames sorts class names, as numbers if all are.
func sortedNames(set map[string]bool) []string {
	names := slices.Sorted(maps.Keys(set))
	number := make(map[string]int, len(names))
	for _, n := range names {
		v, err := strconv.Atoi(n)
		if err != nil {
			return names
		}
		number[n] = v
	}
	slices.SortStableFunc(names, func(a, b string) int { return number[a] - number[b] })
	return names
}

// tableParser returns the parser for a metadata file of that name, nil for other files.
func tableParser(base string) func([]byte) ([]row, error) {
	switch base {
	case "metadata.jsonl":
		return parseJSONL
	case "metadata.csv", "labels.csv":
		return parseCSV
	}
	return nil
}

// parseJSONL reads lines like {"file_name": "a.png", "label": "cat", "text": "a cat"}; label may be a number or null.
func parseJSONL(b []byte) ([]row, error) {
	var rows []row
	line := 0
	for text := range bytes.Lines(b) {
		if line++; len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		var v struct {
			File  string `json:"file_name"`
			Label any    `json:"label"`
			Text  string `json:"text"`
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		r := row{file: v.File, text: v.Text, line: line}
		switch l := v.Label.(type) {
		case nil:
		case string:
			r.label, r.hasLabel = l, true
		case json.Number:
			r.label, r.hasLabel = l.String(), true
		default:
			return nil, fmt.Errorf("line %d: label is neither text nor a number", line)
		}
		rows = append(rows, r)
	}
	return checkRows(rows)
}

// parseCSV reads a table with a heading that names its columns; labels.csv may also have just two columns, file and label,
// under any heading.
func parseCSV(b []byte) ([]row, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))))
	head, err := r.Read()
	if err == io.EOF {
		return nil, fmt.Errorf("it is empty; expected a heading like file_name,label")
	}
	if err != nil {
		return nil, err
	}
	file, label, text := column(head, "file_name", "filename", "file", "path", "image"), column(head, "label", "class", "category"), column(head, "text", "caption")
	if file < 0 && label < 0 && text < 0 && len(head) == 2 {
		file, label = 0, 1
	}
	if file < 0 {
		return nil, fmt.Errorf("line 1: no column is named file_name (columns: %s)", strings.Join(head, ", "))
	}
	var rows []row
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return checkRows(rows)
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		v := row{file: rec[file], line: line}
		if label >= 0 && rec[label] != "" {
			v.label, v.hasLabel = rec[label], true
		}
		if text >= 0 {
			v.text = rec[text]
		}
		rows = append(rows, v)
	}
}

func column(head []string, names ...string) int {
	return slices.IndexFunc(head, func(h string) bool { return slices.Contains(names, strings.ToLower(strings.TrimSpace(h))) })
}

// checkRows refuses rows without a file and files with two rows.
func checkRows(rows []row) ([]row, error) {
	seen := make(map[string]int, len(rows))
	for _, r := range rows {
		if r.file == "" {
			return nil, fmt.Errorf("line %d: file_name is missing", r.line)
		}
		if first, twice := seen[r.file]; twice {
			return nil, fmt.Errorf("line %d: %.100q was already on line %d", r.line, r.file, first)
		}
		seen[r.file] = r.line
	}
	return rows, nil
}
