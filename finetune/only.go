package finetune

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/ebb-ml/ebb/nets/block"
)

// Only freezes all parameters but those whose names match one of the globs ("up_blocks.*", "*.bias"; * stands for any
// characters, dots too, ? for one, [ab] for one of some). What a network keeps constant by itself stays frozen. It returns the
// number of elements left to train, and an error for a glob that matches nothing, or if nothing is left.
func Only(p *block.Params, globs []string) (trained int, err error) {
	if err := checkGlobs(globs); err != nil {
		return 0, err
	}
	used := make([]bool, len(globs))
	for _, q := range p.All() {
		hit := false
		for i, g := range globs {
			if ok, _ := path.Match(g, q.Name); ok {
				used[i], hit = true, true
			}
		}
		if q.Frozen = q.Frozen || !hit; !q.Frozen {
			trained += q.Size()
		}
	}
	if i := slices.Index(used, false); i >= 0 {
		return 0, fmt.Errorf("finetune: no weight is called %s: the network has %s", globs[i], parts(p.All()))
	}
	if trained == 0 {
		return 0, fmt.Errorf("finetune: nothing is left to train: %s are constants of the network", strings.Join(globs, ", "))
	}
	return trained, nil
}

func checkGlobs(globs []string) error {
	for _, g := range globs {
		if _, err := path.Match(g, ""); err != nil || g == "" {
			return fmt.Errorf("finetune: %q is not a glob: write something like 'up_blocks.*', with * for any characters", g)
		}
	}
	return nil
}

// matches says whether one of the globs fits; no globs fit everything.
func matches(globs []string, name string) bool {
	return len(globs) == 0 || slices.ContainsFunc(globs, func(g string) bool { ok, _ := path.Match(g, name); return ok })
}

// parts lists what a network consists of, for messages: the first word of each name.
func parts(params []*block.Param) string {
	var names []string
	for _, p := range params {
		first, _, _ := strings.Cut(p.Name, ".")
		if first += ".*"; !slices.Contains(names, first) {
			names = append(names, first)
		}
	}
	return strings.Join(names, ", ")
}
