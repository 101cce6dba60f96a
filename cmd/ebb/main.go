// Command ebb trains diffusion models: see README.md, or run it with --help.
//
// One file holds one verb: its flags, which become typed configuration, and the calls that do the work. Environment variables, the
// terminal and exit codes are dealt with in this package and nowhere else.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/alecthomas/kong"
	"github.com/ebb-ml/ebb/train"
)

// version is replaced by the linker in releases.
var version = "0.1-dev"

// Exit codes (design: section 1).
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitData     = 3
	exitNumerics = 4
	exitIO       = 5
	exitStopped  = 75  // by SIGTERM or SIGUSR1, after saving
	exitBreak    = 130 // by ^C, after saving
)

// exitError is an error with its exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usage marks an error of the person who typed the command.
func usage(err error) error { return withCode(exitUsage, err) }

// asCode gives a code to an error that has none yet.
func asCode(code int, err error) error {
	var e *exitError
	if errors.As(err, &e) {
		return err
	}
	return withCode(code, err)
}

// asUsage marks an error that has no exit code yet.
func asUsage(err error) error { return asCode(exitUsage, err) }

func withCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code, err}
}

// app is what verbs share.
type app struct {
	start  time.Time // of the process
	stdout io.Writer
	stderr io.Writer
}

// cli is the command line.
type cli struct {
	Train      trainCmd         `cmd:"" help:"Train a model; without arguments, on letters."`
	Plan       planCmd          `cmd:"" help:"Say what a run would need: memory, disk, time."`
	Sample     sampleCmd        `cmd:"" help:"Draw samples from a trained model; what is left out is as in its recipe."`
	Eval       evalVerbs        `cmd:"" help:"Measure a trained model on held-out pictures."`
	Export     exportCmd        `cmd:"" help:"Write a model as a directory of diffusers, or of ebb."`
	Average    averageCmd       `cmd:"" help:"Average the weights of a run over another width, after training."`
	Import     importCmd        `cmd:"" help:"Take a model of diffusers."`
	Finetune   finetuneCmd      `cmd:"" help:"Go on from a model: other data, other noise, adapters (LoRA)."`
	Tune       tuneCmd          `cmd:"" help:"Search for good settings: learning rate first, then short trials."`
	Data       dataCmd          `cmd:"" help:"Look at pictures, prepare them, fetch published sets."`
	Doctor     doctorCmd        `cmd:"" help:"Say what this machine can do and what to mend."`
	Bench      benchCmd         `cmd:"" help:"Measure the engine's speed and memory on fixed works."`
	Completion completionCmd    `cmd:"" help:"Let the tab key complete ebb in your shell."`
	Version    kong.VersionFlag `help:"Print the version." hidden:""`
}

func main() {
	os.Exit(run(os.Args[1:], &app{start: time.Now(), stdout: os.Stdout, stderr: os.Stderr}))
}

// run is main without the process, for tests. It returns the exit code.
func run(args []string, a *app) int {
	var c cli
	parser, err := kong.New(&c, kong.Name("ebb"), kong.Description("Train diffusion models on your own data. ebb --version prints the version."),
		kong.Vars{"version": version}, kong.UsageOnError(), kong.Writers(a.stdout, a.stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(a.stderr, "ebb:", err)
		return exitFailed
	}
	if done, err := complete(parser, os.Getenv("COMP_LINE")); done {
		return codeOf(err)
	}
	k, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(a.stderr, "ebb:", err)
		return exitUsage
	}
	if err := k.Run(a); err != nil {
		fmt.Fprintln(a.stderr, "ebb:", err)
		return codeOf(err)
	}
	return exitDone
}

func codeOf(err error) int {
	if err == nil {
		return exitDone
	}
	var e *exitError
	if errors.As(err, &e) {
		return e.code
	}
	var other *train.OtherNetworkError
	if errors.As(err, &other) {
		return exitUsage
	}
	return exitFailed
}

// setThreads lets Go use one thread more than the engine computes with: the loader, checkpoints and the screen must not make
// kernels wait. It returns the engine's number.
func setThreads(n int) int {
	if n <= 0 {
		n = runtime.NumCPU()
	}
	runtime.GOMAXPROCS(n + 1)
	return n
}
