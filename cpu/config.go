package cpu

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/ebb-ml/ebb/cpu/internal/kernel"
)

// mostThreads bounds the configuration's threads.
const mostThreads = 1024

// Config is how a backend computes. Its text form is "key=value" pairs separated by commas, the empty text the default.
type Config struct {
	Threads int         // threads=N: workers that compute, 1 to 1024; default: GOMAXPROCS
	Tier    kernel.Tier // tier=reference|avx2|avx512: instruction set; default: EBB_CPU_TIER, or the best that the machine has
	// conv=auto|direct|winograd: how 3×3 convolutions are computed; direct rounds least.
	Conv kernel.ConvAlgorithm
	// dump=DIR: write the graph after each pass and the memory plan of every computation there; default: EBB_CPU_DUMP.
	Dump string
}

// parseConfig reads the text form. An unknown key, a value of the wrong type, and a tier that this machine lacks are errors.
func parseConfig(text string) (Config, error) {
	c := Config{Threads: min(runtime.GOMAXPROCS(0), mostThreads), Tier: kernel.BestTier(), Dump: os.Getenv("EBB_CPU_DUMP")}
	if tier := os.Getenv("EBB_CPU_TIER"); tier != "" {
		text = strings.TrimSuffix("tier="+tier+","+text, ",")
	}
	if text == "" {
		return c, nil
	}
	for pair := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		var err error
		switch key {
		case "threads":
			c.Threads, err = strconv.Atoi(value)
			if err != nil || c.Threads < 1 || c.Threads > mostThreads {
				return c, fmt.Errorf("cpu: threads=%s: want a number from 1 to %d", value, mostThreads)
			}
		case "tier":
			if c.Tier, err = kernel.ParseTier(value); err != nil {
				return c, fmt.Errorf("cpu: tier=%s: want reference, avx2 or avx512", value)
			}
			if !c.Tier.Available() {
				return c, fmt.Errorf("cpu: tier=%s: this processor does not have it; the best it has is %s", value, kernel.BestTier())
			}
		case "conv":
			for c.Conv = kernel.ConvAuto; c.Conv.String() != value; c.Conv++ {
				if c.Conv == kernel.ConvWinograd {
					return c, fmt.Errorf("cpu: conv=%s: want auto, direct or winograd", value)
				}
			}
		case "dump":
			c.Dump = value
		default:
			return c, fmt.Errorf("cpu: unknown configuration key %q: want threads=N, tier=NAME, conv=NAME or dump=DIR", key)
		}
	}
	return c, nil
}

// String returns the text form.
func (c Config) String() string { return fmt.Sprintf("threads=%d,tier=%s", c.Threads, c.Tier) }
