package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
)

// Causes for a context to end.
var (
	errInterrupt = errors.New("^C")
	errTerminate = errors.New("asked to stop by a signal")
)

// untilSignal returns a context that a stop signal ends in good order; a second one ends the process at once.
func (a *app) untilSignal() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, stopSignals()...)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case s := <-signals:
				code, cause := exitStopped, errTerminate
				if s == os.Interrupt {
					code, cause = exitBreak, errInterrupt
				}
				if n > 0 {
					fmt.Fprintln(a.stderr, "\nebb: stopped at once; what was saved is safe")
					os.Exit(code)
				}
				fmt.Fprintln(a.stderr, "\nebb: finishing the step and saving; once more to stop at once")
				cancel(cause)
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}
