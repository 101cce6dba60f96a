package text

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ebb-ml/ebb/text/internal/wiki"
)

// document makes a document of a record; nil for a page that is no article.
func (c *Corpus) document(r record) (*Document, error) {
	d := &Document{Name: r.file.name, Class: r.class, More: r.more}
	if r.where != "" {
		d.Name += ", " + r.where
	}
	var err error
	switch {
	case r.site != nil:
		if err = d.fromPage(r); d.Text == nil && err == nil {
			return nil, nil
		}
	case r.text:
		d.Text = r.data
	default:
		err = d.fromJSON(r.data, c.options)
	}
	if err == nil {
		var issues Issues
		d.Text, issues, err = c.options.Encoding.clean(d.Text)
		d.Issues.add(issues)
	}
	if r.utf16 {
		d.Issues.UTF16++
	}
	if err != nil {
		return nil, fmt.Errorf("text: %s: %w", c.place(r.file.name, d.Name), err)
	}
	return d, nil
}

// place names a document of a file, for errors; a corpus of one file is that file.
func (c *Corpus) place(file, document string) string {
	if folder, ok := strings.CutSuffix(c.path, file); ok {
		return folder + document
	}
	return c.path + ", " + document
}

// fromPage cleans a page's mark-up. The title is the first line, as a reader sees it.
func (d *Document) fromPage(r record) error {
	p, err := wiki.ParsePage(r.data)
	if err != nil {
		return err
	}
	d.Name += ", " + p.Title
	if !p.Prose() {
		return nil
	}
	rules := wiki.Rules()
	effects := make([]wiki.Effect, len(rules))
	body := r.site.Clean(p.Text, effects)
	for i, e := range effects {
		d.Rules = append(d.Rules, RuleEffect{rules[i].Name, rules[i].About, e.Hits, e.Bytes})
	}
	d.Source = []byte(p.Text)
	d.Text = []byte(p.Title + "\n\n" + body + "\n")
	return nil
}

// fromJSON takes the text and the label out of an object. A bare string is a text itself.
func (d *Document) fromJSON(data []byte, o Options) error {
	var whole string
	if len(data) > 0 && data[0] == '"' && json.Unmarshal(data, &whole) == nil {
		d.Text = []byte(whole)
		return nil
	}
	text, err := jsonField(data, o.Field)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &whole); err != nil {
		return fmt.Errorf("field %q is %.40s and no text", o.Field, text)
	}
	d.Text = []byte(whole)
	if o.Label == "" {
		return nil
	}
	label, err := jsonField(data, o.Label)
	if err != nil {
		return err
	}
	if json.Unmarshal(label, &d.Class) != nil {
		d.Class = strings.TrimSpace(string(label)) // numbers are names of classes too
	}
	return nil
}

// jsonField follows a dotted path into objects.
func jsonField(data []byte, field string) (json.RawMessage, error) {
	v := json.RawMessage(data)
	for name := range strings.SplitSeq(field, ".") {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(v, &object); err != nil {
			return nil, fmt.Errorf("no JSON object where field %q is looked for: %w", field, err)
		}
		next, ok := object[name]
		if !ok {
			return nil, fmt.Errorf("no field %q: there are %s", field, strings.Join(sortedKeys(object), ", "))
		}
		v = next
	}
	return v, nil
}
