package report

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// maxJSON bounds a report.json: real ones are some hundred kilobytes.
const maxJSON = 64 << 20

// Read reads what JSON wrote: facts, figures, warnings and advice, in the order of the keys of the sections. Charts and pictures are in the
// page alone.
func Read(r io.Reader) (*Report, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxJSON+1))
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	if len(text) > maxJSON {
		return nil, fmt.Errorf("report: more than %d bytes: this is no report.json", maxJSON)
	}
	var j struct {
		Title    string                 `json:"title"`
		Facts    []Fact                 `json:"facts"`
		Sections map[string]jsonSection `json:"sections"`
		Advice   []Advice               `json:"advice"`
	}
	if err := json.Unmarshal(text, &j); err != nil {
		return nil, fmt.Errorf("report: this is no report.json: %w", err)
	}
	if j.Sections == nil {
		return nil, fmt.Errorf("report: this is no report.json: it has no sections")
	}
	out := &Report{Title: j.Title, Facts: j.Facts, Advice: j.Advice}
	for _, key := range slices.Sorted(maps.Keys(j.Sections)) {
		s := j.Sections[key]
		out.Sections = append(out.Sections, Section{Key: key, Title: s.Title, Summary: s.Summary, Facts: s.Facts, Figures: s.Figures, Warnings: s.Warnings,
			Seconds: float64(s.Seconds)})
	}
	return out, nil
}
