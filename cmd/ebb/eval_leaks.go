package main

import (
	"encoding/json"
	"fmt"

	"github.com/ebb-ml/ebb/eval"
)

// evalLeaksCmd is the verb eval leaks.
type evalLeaksCmd struct {
	Train   string `arg:"" help:"Training pictures."`
	HeldOut string `arg:"" help:"Pictures that should not be among them."`
	JSON    bool   `name:"json" help:"One line of JSON with every pair."`
	engineFlags
}

// Help is shown below the flags.
func (*evalLeaksCmd) Help() string {
	return `Finds copies that are exact, saved anew, mirrored, brighter or slightly cropped.

  ebb eval leaks train.zip held-out.zip`
}

// leakLine is a pair with names.
type leakLine struct {
	HeldOut string `json:"held_out_name"`
	Train   string `json:"train_name"`
	eval.Leak
}

// Run implements the verb.
func (c *evalLeaksCmd) Run(a *app) error {
	ctx, stop := interruptible()
	defer stop()
	sets, err := openSets(ctx, c.Train, c.HeldOut)
	if err != nil {
		return err
	}
	defer sets.close()
	engine, err := c.open()
	if err != nil {
		return err
	}
	defer engine.Finalize()
	leaks, err := eval.FindLeaks(ctx, engine, sets[0], sets[1], newCounter(a, "looking at").report)
	if err != nil {
		return withCode(exitData, err)
	}
	lines := make([]leakLine, 0, len(leaks))
	for _, l := range leaks {
		lines = append(lines, leakLine{sets[1].Entry(l.HeldOut).Name, sets[0].Entry(l.Train).Name, l})
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(map[string]any{"leaks": len(lines), "held_out": sets[1].Len(), "train": sets[0].Len(), "pairs": lines})
	}
	fmt.Fprintf(a.stdout, "%d of %d held-out pictures are also among the %d training ones\n", len(lines), sets[1].Len(), sets[0].Len())
	for i, l := range lines {
		if i == 20 {
			fmt.Fprintf(a.stdout, "  and %d more; --json lists all\n", len(lines)-i)
			break
		}
		how := fmt.Sprintf("similarity %.3f", l.Similarity)
		if l.Exact {
			how = "exact"
		} else if l.Flipped {
			how += ", mirrored"
		}
		fmt.Fprintf(a.stdout, "  %s = %s (%s)\n", l.HeldOut, l.Train, how)
	}
	return nil
}
