package ebb_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/ebb-ml/ebb/"

// budgets of ordinary files; generated files, tests and kernel generators have their own.
const (
	mostFileLines     = 500
	medianFileLines   = 150
	mostFuncLines     = 60
	medianFuncLines   = 12
	mostGeneratorFunc = 120
)

// source is one Go file of the repository.
type source struct {
	path      string
	pkg       string // folder, with slashes
	lines     int
	imports   []string // ours, as folders
	funcs     map[string]int
	test      bool
	generated bool
	doc       bool
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "runs") {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, ".go") && path != "arch_test.go" {
			all = append(all, parse(t, path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func parse(t *testing.T, path string) source {
	t.Helper()
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	s := source{path: filepath.ToSlash(path), pkg: filepath.ToSlash(filepath.Dir(path)), funcs: map[string]int{},
		test: strings.HasSuffix(path, "_test.go"), generated: ast.IsGenerated(f), doc: f.Doc != nil}
	s.lines = set.Position(f.End()).Line
	for _, i := range f.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		if strings.HasPrefix(p, module) {
			s.imports = append(s.imports, strings.TrimPrefix(p, module))
		}
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			s.funcs[fn.Name.Name] = set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1
		}
	}
	return s
}

// layout reads the table of ARCHITECTURE.md: folder → the folders that it may import.
func layout(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "<!-- layout -->")
	table, _, ok2 := strings.Cut(rest, "<!-- /layout -->")
	if !ok || !ok2 {
		t.Fatal("ARCHITECTURE.md: no layout table")
	}
	rooms := map[string][]string{}
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.Contains(cells[1], "`") {
			continue
		}
		folder := strings.Trim(strings.TrimSpace(cells[1]), "`")
		rooms[folder] = strings.Fields(strings.ReplaceAll(strings.ReplaceAll(cells[3], "`", ""), ",", " "))
	}
	return rooms
}

// TestLayout holds the imports of every package against ARCHITECTURE.md, and its table against the folders.
func TestLayout(t *testing.T) {
	rooms := layout(t)
	seen := map[string]bool{}
	for _, s := range sources(t) {
		if strings.Contains(s.pkg, "/_") { // a module of its own: generators, the browser of a test
			continue
		}
		seen[s.pkg] = true
		allowed, ok := rooms[s.pkg]
		if !ok {
			t.Errorf("%s: folder %s is not in the layout table of ARCHITECTURE.md", s.path, s.pkg)
			continue
		}
		for _, i := range s.imports {
			if !s.test && !slices.Contains(allowed, i) && !slices.Contains(allowed, "anything") {
				t.Errorf("%s imports %s, which the layout table does not allow", s.path, i)
			}
		}
	}
	for folder := range rooms {
		if !seen[folder] {
			t.Errorf("ARCHITECTURE.md lists %s, which has no Go file", folder)
		}
	}
}

// TestBudgets counts lines of files and functions.
func TestBudgets(t *testing.T) {
	var files, funcs []int
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test {
			documented[s.pkg] = documented[s.pkg] || s.doc
		}
		if s.test || s.generated {
			continue
		}
		files = append(files, s.lines)
		if s.lines > mostFileLines {
			t.Errorf("%s has %d lines, %d are allowed", s.path, s.lines, mostFileLines)
		}
		most := mostFuncLines
		if strings.Contains(s.path, "_gen/") {
			most = mostGeneratorFunc
		}
		for name, n := range s.funcs {
			funcs = append(funcs, n)
			if n > most {
				t.Errorf("%s: %s has %d lines, %d are allowed", s.path, name, n, most)
			}
		}
	}
	if m := median(files); m > medianFileLines {
		t.Errorf("the median file has %d lines, %d are allowed", m, medianFileLines)
	}
	if m := median(funcs); m > medianFuncLines {
		t.Errorf("the median function has %d lines, %d are allowed", m, medianFuncLines)
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}

func median(n []int) int {
	slices.Sort(n)
	return n[len(n)/2]
}

// TestArchitectureNames checks that the files and functions that ARCHITECTURE.md names exist: `folder/file.go` and
// `folder/file.go:Func`.
func TestArchitectureNames(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	funcs := map[string]map[string]int{}
	for _, s := range sources(t) {
		funcs[s.path] = s.funcs
	}
	named := 0
	for i, quoted := range strings.Split(string(text), "`") {
		file, name, hasName := strings.Cut(quoted, ":")
		if i%2 == 0 || !strings.HasSuffix(file, ".go") || strings.ContainsAny(file, " *") {
			continue
		}
		named++
		if _, ok := funcs[file]; !ok {
			t.Errorf("ARCHITECTURE.md names %s, which does not exist", file)
		} else if _, ok := funcs[file][name]; hasName && !ok {
			t.Errorf("ARCHITECTURE.md names %s in %s, which does not exist", name, file)
		}
	}
	if named == 0 {
		t.Error(fmt.Errorf("ARCHITECTURE.md names no file"))
	}
}
