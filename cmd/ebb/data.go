package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/text"
)

// dataCmd is the verb data with its own verbs.
type dataCmd struct {
	Inspect inspectCmd `cmd:"" help:"Look at a data set before training on it."`
	Prepare prepareCmd `cmd:"" help:"Decode pictures or tokenize text once, into a file that is mapped into memory."`
	Get     getCmd     `cmd:"" help:"Fetch a published data set from where its authors keep it."`
}

// partFlag chooses among the parts of a data set.
type partFlag struct {
	Part string `help:"train, valid, test or all, where a set is divided." default:"all" enum:"train,valid,test,all"`
}

func (f partFlag) open(ctx context.Context, path string) (data.Set, error) {
	var part data.Part
	if err := part.UnmarshalText([]byte(f.Part)); err != nil {
		return nil, usage(err)
	}
	set, err := data.Open(ctx, path, data.OpenOptions{Part: part})
	return set, withCode(exitData, err)
}

// interruptible is a context that ^C ends.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), stopSignals()...)
}

// inspectCmd is the verb data inspect.
type inspectCmd struct {
	Path  string `arg:"" help:"Folder, archive, array file or cache; for text a folder, archive, .txt, .jsonl, .csv, .parquet, .arrow, wiki dump, packed or not."`
	Sheet string `help:"Write a contact sheet to this .png file." placeholder:"FILE"`
	JSON  bool   `name:"json" help:"The whole report as JSON."`
	partFlag
	textFlags
}

// Help is shown below the flags.
func (*inspectCmd) Help() string {
	return `Reads every file and says what it found and what training would do with it.

  ebb data inspect my-pictures --sheet sheet.png
  ebb data inspect cifar-10-binary.tar.gz --part train --json
  ebb data inspect enwiki-latest-pages-articles.xml.bz2
  ebb data inspect reviews.csv --field body --label stars`
}

// Run implements the verb.
func (c *inspectCmd) Run(a *app) error {
	if c.Text || text.Recognise(c.Path) != text.NoText {
		return c.inspectText(a)
	}
	ctx, stop := interruptible()
	defer stop()
	set, err := c.open(ctx, c.Path)
	if err != nil {
		return err
	}
	defer set.Close()
	r, err := data.Inspect(ctx, set, newCounter(a, "looking at").report)
	if err != nil {
		return withCode(exitData, err)
	}
	if c.Sheet != "" {
		picture, err := data.ContactSheet(set, 10, 10, 64, 0)
		if err != nil {
			return withCode(exitData, err)
		}
		if err := writePicture(c.Sheet, picture, "contact sheet of "+c.Path); err != nil {
			return err
		}
	}
	if err := adviseTraining(r); err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	return printReport(a.stdout, c.Path, r)
}

// adviseTraining adds what training would do with the pictures.
func adviseTraining(r *data.Report) error {
	if r.Pictures == len(r.Broken) {
		return nil
	}
	notes, err := recipe.Advise(r)
	for _, n := range notes {
		r.Advice = append(r.Advice, "recipe folder: "+n)
	}
	return err
}

// counts lists how often each of some numbers is there, the least number first.
func counts[K cmp.Ordered](of map[K]int, unit string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(of)) {
		all = append(all, fmt.Sprintf("%v %s: %d", k, unit, of[k]))
	}
	return strings.Join(all, ", ")
}

// printReport says what is in a data set, for people.
func printReport(w io.Writer, path string, r *data.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d pictures", path, r.Pictures)
	if r.Unlabelled < r.Pictures {
		fmt.Fprintf(&b, ", %d classes", len(r.Classes))
	}
	b.WriteString("\n")
	for i, s := range r.Sizes {
		if i == 5 {
			fmt.Fprintf(&b, "  and %d more sizes\n", len(r.Sizes)-i)
			break
		}
		fmt.Fprintf(&b, "  %d x %d pixels: %d\n", s.Width, s.Height, s.Count)
	}
	fmt.Fprintf(&b, "  %s; %s\n  mean %.4f, deviation %.4f\n", counts(r.Channels, "channels"), counts(r.Bits, "bits"), r.Mean, r.Std)
	fmt.Fprintf(&b, "  duplicates: %d exact, %d near; broken: %d\n", r.Exact.Count, r.Near.Count, len(r.Broken))
	for i, f := range r.Broken {
		if i == 10 {
			fmt.Fprintf(&b, "  and %d more broken files; --json lists all\n", len(r.Broken)-i)
			break
		}
		fmt.Fprintf(&b, "  broken: %s: %s\n", f.Name, f.Reason)
	}
	for i, c := range r.Classes {
		if i == 20 {
			fmt.Fprintf(&b, "  and %d more classes\n", len(r.Classes)-i)
			break
		}
		fmt.Fprintf(&b, "  class %s: %d\n", c.Name, c.Count)
	}
	for _, l := range append(append([]string(nil), r.Notes...), r.Advice...) {
		fmt.Fprintf(&b, "- %s\n", l)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// prepareCmd is the verb data prepare.
type prepareCmd struct {
	Path      string  `arg:"" help:"Folder, archive or array file; for text see ebb data inspect."`
	Out       string  `arg:"" help:"File to write, for text a folder; give it to ebb train --data."`
	Size      int     `help:"Crop and scale every picture to this height and width; 0 keeps the sizes." default:"0"`
	Channels  int     `help:"Convert to 1, 2, 3 or 4 channels; 0 keeps those of the first." default:"0"`
	MaxBroken float64 `help:"Share of pictures that may be broken." default:"0.001"`
	Tokenizer string  `help:"Text: bytes, chars, bpe (learnt from it), or a tokenizer.json; without it the text decides." placeholder:"NAME|FILE"`
	Vocab     int     `help:"Text: ids of bpe, characters of chars at most." placeholder:"N"`
	Alphabet  string  `help:"Text: the characters of chars, in the order of their ids; without it they are learnt." placeholder:"CHARS"`
	partFlag
	textFlags
}

// Help is shown below the flags.
func (*prepareCmd) Help() string {
	return `Decodes everything once; training on the result starts at once and reads from memory.

  ebb data prepare photos photos.ebb --size 64
  ebb data prepare --text wiki.xml.bz2 wiki-tokens --tokenizer bpe --vocab 8192
  ebb data prepare --text letters.txt.gz letters --tokenizer chars`
}

// Run implements the verb.
func (c *prepareCmd) Run(a *app) error {
	if c.Text || text.Recognise(c.Path) == text.RawText {
		return c.prepareText(a)
	}
	if c.Tokenizer != "" || c.Vocab != 0 || c.Alphabet != "" {
		return usage(fmt.Errorf("--tokenizer, --vocab and --alphabet are for text: add --text if %s is text", c.Path))
	}
	if c.Size < 0 || c.Channels < 0 || c.Channels > 4 {
		return usage(fmt.Errorf("--size %d --channels %d: sizes are not negative, channels 0 to 4", c.Size, c.Channels))
	}
	ctx, stop := interruptible()
	defer stop()
	set, err := c.open(ctx, c.Path)
	if err != nil {
		return err
	}
	defer set.Close()
	if c.MaxBroken == 0 {
		c.MaxBroken = -1 // none: 0 is the default of package data
	}
	o := data.PrepareOptions{MaxBroken: c.MaxBroken, Progress: newCounter(a, "preparing").report}
	if c.Size > 0 || c.Channels > 0 {
		o.Resize = &data.Preprocess{Height: c.Size, Width: c.Size, Channels: c.Channels, Fit: data.FitCrop}
	}
	p, err := data.Prepare(ctx, set, c.Out, o)
	if err != nil {
		var broken *data.TooManyBrokenError
		if errors.As(err, &broken) {
			return withCode(exitData, err)
		}
		return withCode(exitIO, err)
	}
	_, err = fmt.Fprintf(a.stdout, "%s: %d pictures, %.1f MB, %d broken ones kept out\n", c.Out, p.Pictures, float64(p.Bytes)/1e6, len(p.Broken))
	return err
}

// getCmd is the verb data get.
type getCmd struct {
	Name string `arg:"" optional:"" help:"cifar10, cifar100, mnist or fashion-mnist; none lists them."`
	Dir  string `arg:"" optional:"" help:"Folder to put the files in; default: data/NAME."`
	From string `help:"Folder or address that holds the files instead of the publisher." placeholder:"URL|DIR"`
}

// Help is shown below the flags.
func (*getCmd) Help() string {
	return `A download that broke off goes on; every file is checked by its SHA-256.

  ebb data get cifar10
  ebb data get mnist my-data --from https://mirror.example/mnist`
}

// Run implements the verb.
func (c *getCmd) Run(a *app) error {
	if c.Name == "" {
		for _, s := range data.NamedSets() {
			fmt.Fprintf(a.stdout, "%-14s %s\n", s.Name, s.About)
		}
		return nil
	}
	if c.Dir == "" {
		c.Dir = "data/" + c.Name
	}
	ctx, stop := interruptible()
	defer stop()
	counter := newCounter(a, "")
	path, err := data.Get(ctx, c.Name, c.Dir, data.GetOptions{From: c.From, Progress: func(file string, done, total int64) {
		counter.what = file
		counter.report(int(done>>20), int(total>>20))
	}})
	if err != nil {
		return withCode(exitData, err)
	}
	_, err = fmt.Fprintf(a.stdout, "%s\nTry:  ebb data inspect %s\n", path, path)
	return err
}

// counter tells of progress: in place on a terminal, a line each few seconds elsewhere.
type counter struct {
	screen *screen
	what   string
}

func newCounter(a *app, what string) *counter { return &counter{newScreen(a, "", false, false), what} }

// report may be called by several goroutines.
func (c *counter) report(done, total int) {
	s := c.screen
	s.mu.Lock()
	defer s.mu.Unlock()
	every := lineEvery
	if s.tty {
		every = barEvery
	}
	if s.last.IsZero() {
		s.last = time.Now() // what is done at once needs no progress
	}
	if time.Since(s.last) < every && (done < total || !s.drawn) {
		return
	}
	s.last = time.Now()
	line := fmt.Sprintf("%s %d of %d", c.what, done, total)
	if !s.tty {
		fmt.Fprintln(s.out, line)
		return
	}
	fmt.Fprint(s.out, "\r\x1b[K", line)
	if s.drawn = done < total; !s.drawn {
		fmt.Fprintln(s.out)
	}
}
