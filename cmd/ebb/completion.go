package main

import (
	"github.com/alecthomas/kong"
	"github.com/jotaen/kong-completion"
)

// completionCmd is the verb completion. It prints the few lines that teach a shell to complete ebb's verbs, flags and names.
type completionCmd struct {
	kongcompletion.Completion
}

// Help is shown below the flags.
func (*completionCmd) Help() string {
	return `Says what to put into the start-up file of your shell so that the tab key completes verbs, flags and names.

  ebb completion bash
  source <(ebb completion -c bash)`
}

// complete answers a shell that asks for completions, which it does by running ebb with COMP_LINE set. It says whether that was so.
func complete(parser *kong.Kong, line string) (done bool, err error) {
	if line == "" {
		return false, nil
	}
	kongcompletion.Register(parser, kongcompletion.WithExitFunc(func(int) {}), kongcompletion.WithErrorHandler(func(e error) { err = e }))
	return true, err
}
