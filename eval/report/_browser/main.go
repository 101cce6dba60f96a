// Command browser opens pages in Chromium, as a reader would, and says what is wrong with them: errors on the console, requests to
// elsewhere, plots that are empty or stick out of the screen. It looks at each page 1280 and 400 pixels wide, light and dark.
//
//	go run . page.html...            # exits 1 and lists the problems, if there are any
//	go run . -shot out.png page.html # also writes a picture of it, 1280 wide and light
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// look returns what a reader would miss, in words.
const look = `(() => {
	const bad = [];
	if (document.documentElement.scrollWidth > window.innerWidth + 1)
		bad.push("the page is " + document.documentElement.scrollWidth + " pixels wide");
	const all = document.querySelectorAll("svg.ebb-plot, img");
	document.querySelectorAll("svg.ebb-plot").forEach((s, i) => {
		const r = s.getBoundingClientRect();
		if (r.width < 200 || r.height < 100) bad.push("plot " + i + " is only " + r.width + " x " + r.height);
		if (r.left < 0 || r.right > window.innerWidth + 1) bad.push("plot " + i + " reaches from " + r.left + " to " + r.right);
		if (s.querySelectorAll("path, rect, circle").length < 2) bad.push("plot " + i + " is empty");
		const ink = getComputedStyle(s).color, paper = getComputedStyle(document.body).backgroundColor;
		if (ink === paper) bad.push("plot " + i + " is drawn in the colour of the page");
	});
	document.querySelectorAll("img").forEach((p, i) => { if (!p.complete || p.naturalWidth === 0) bad.push("picture " + i + " is broken"); });
	return {bad, count: all.length};
})()`

func main() {
	shot := flag.String("shot", "", "write a picture of the last page here")
	flag.Parse()
	problems := 0
	for _, name := range flag.Args() {
		found, err := check(name, *shot)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		for _, p := range found {
			fmt.Printf("%s: %s\n", name, p)
		}
		problems += len(found)
	}
	if problems > 0 {
		os.Exit(1)
	}
}

// check opens one page in a browser of its own.
func check(name, shot string) (problems []string, err error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	ctx, stop := chromedp.NewContext(allocator)
	defer stop()
	var lock sync.Mutex
	complain := func(format string, args ...any) {
		lock.Lock()
		defer lock.Unlock()
		problems = append(problems, fmt.Sprintf(format, args...))
	}
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		return nil, err
	}
	ctx, stop = context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	if err := chromedp.Listen(ctx, func(event any) { overhear(event, complain) }); err != nil {
		return nil, err
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		return nil, err
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		return nil, err
	}
	for _, width := range []int64{400, 1280} {
		for _, scheme := range []string{"dark", "light"} {
			if err := at(ctx, "file://"+path, width, scheme, complain); err != nil {
				return nil, err
			}
		}
	}
	if shot != "" {
		png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		return problems, errors.Join(err, os.WriteFile(shot, png, 0o644))
	}
	return problems, nil
}

// overhear complains of what a reader's console would show, and of requests to elsewhere.
func overhear(event any, complain func(string, ...any)) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		complain("console %s", e.Type)
	case *runtime.EventExceptionThrown:
		complain("exception %s", e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		complain("%s: %s", e.Entry.Level, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		if u := e.Request.URL; !strings.HasPrefix(u, "file:") && !strings.HasPrefix(u, "data:") {
			complain("asks for %s", u)
		}
	}
}

// seen is what the page says of itself.
type seen struct {
	Bad   []string `json:"bad"`
	Count int      `json:"count"`
}

// at looks at the page on one kind of screen.
func at(ctx context.Context, url string, width int64, scheme string, complain func(string, ...any)) error {
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		return err
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(url)); err != nil {
		return err
	}
	page, err := chromedp.Run(ctx, chromedp.Evaluate[seen](look))
	for _, b := range page.Bad {
		complain("%d pixels, %s: %s", width, scheme, b)
	}
	if err == nil && page.Count == 0 {
		complain("%d pixels, %s: neither plots nor pictures", width, scheme)
	}
	return err
}
