package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ebb-ml/ebb/finetune"
	"github.com/gomlx/gomlx/ml/model"
)

// mergeAdapters adds adapters, each named as DIR or DIR:STRENGTH, to the weights of a model. DIR is the folder of an adapter, or a run or
// model folder with one.
func mergeAdapters(weights *model.Scope, names []string) error {
	var stack []finetune.Layered
	for _, name := range names {
		l, err := openAdapter(name)
		if err != nil {
			return usage(err)
		}
		stack = append(stack, l)
	}
	_, err := finetune.Merge(weights, stack...)
	return usage(err)
}

// openAdapter reads one. What follows the last colon is the strength if it is a number: folders may have colons in their names.
func openAdapter(name string) (finetune.Layered, error) {
	dir, strength := name, 1.0
	if i := strings.LastIndexByte(name, ':'); i > 0 {
		if v, err := strconv.ParseFloat(name[i+1:], 64); err == nil {
			dir, strength = name[:i], v
		}
	}
	for _, sub := range []string{"", adapterFolder, filepath.Join("model", adapterFolder)} {
		at := filepath.Join(dir, sub)
		if _, err := os.Stat(filepath.Join(at, finetune.ConfigFile)); err == nil {
			a, err := finetune.Load(at)
			return finetune.Layered{Adapter: a, Strength: strength}, err
		} else if !errors.Is(err, os.ErrNotExist) {
			return finetune.Layered{}, err
		}
	}
	return finetune.Layered{}, fmt.Errorf("--lora %s: there is no %s in %s, nor in a model folder there", name, finetune.ConfigFile, dir)
}
