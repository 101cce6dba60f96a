package kernel

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/ebb-ml/ebb/cpu/internal/pool"
)

var tuneRounds = flag.Int("rounds", 15, "")
var tuneFilter = flag.String("cases", ".", "")
var tuneTier = flag.String("tier", "avx512", "")

func hugeFloats(n int) []float32 {
	size := (4*n + 4096 + 2<<20) &^ (2<<20 - 1)
	m, err := syscall.Mmap(-1, 0, size+2<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	p := uintptr(unsafe.Pointer(&m[0]))
	skip := (2<<20 - p%(2<<20)) % (2 << 20)
	m = m[skip:]
	_ = syscall.Madvise(m, 14)
	for i := 0; i < len(m); i += 4096 {
		m[i] = 0
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&m[0])), n)
}

func hugeNormal(rng *rand.Rand, n int) []float32 {
	x := hugeFloats(n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

type tuneCase struct {
	name  string
	flops float64
	run   func()
	best  time.Duration
}

// now is wall time, or the thread's processor time if there is one worker.
func now() time.Duration {
	var ts syscall.Timespec
	clock := 1
	if *benchWorkers == 1 {
		clock = 3
	}
	_, _, _ = syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano())
}

func tuneSpecs() []string {
	return strings.Fields(os.Getenv("TUNE"))
}

// spec: batch,in,out,h,stride,kind(f,x,w),alg(a,d,w)[,groups,kernel]
func parseSpec(s string) (ConvSpec, ConvKind, ConvAlgorithm) {
	var b, in, out, h, st, g, k int
	var kind, alg string
	g, k = 1, 3
	p := strings.Split(s, ",")
	for i, d := range []*int{&b, &in, &out, &h, &st} {
		fmt.Sscan(p[i], d)
	}
	kind, alg = p[5], p[6]
	if len(p) > 7 {
		fmt.Sscan(p[7], &g)
	}
	if len(p) > 8 {
		fmt.Sscan(p[8], &k)
	}
	sp := ConvSpec{Batch: b, InH: h, InW: h, InC: in, OutC: out, KernelH: k, KernelW: k, StrideH: st, StrideW: st, Groups: g,
		PadTop: k / 2, PadBottom: k / 2, PadLeft: k / 2, PadRight: k / 2}
	return sp, map[string]ConvKind{"f": 0, "x": 1, "w": 2}[kind], map[string]ConvAlgorithm{"a": 0, "d": 1, "w": 2}[alg]
}

func TestTune(t *testing.T) {
	specs := tuneSpecs()
	if len(specs) == 0 {
		t.Skip()
	}
	tier, err := ParseTier(*tuneTier)
	if err != nil {
		t.Fatal(err)
	}
	set := ForTier(tier)
	runtime.LockOSThread()
	p, err := pool.New(*benchWorkers)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var cases []*tuneCase
	pool := map[string][]float32{}
	buf := func(name string, n int) []float32 {
		if len(pool[name]) < n {
			if name == "scratch" || name == "out" {
				pool[name] = hugeFloats(n)
			} else {
				pool[name] = hugeNormal(rand.New(rand.NewPCG(1, 1)), n)
			}
		}
		return pool[name][:n]
	}
	re := regexp.MustCompile(*tuneFilter)
	for _, s := range specs {
		if !re.MatchString(s) {
			continue
		}
		sp, kind, alg := parseSpec(s)
		c, err := NewConv(set, sp, kind, alg)
		if err != nil {
			t.Fatal(err)
		}
		na, nb, no := c.sizes()
		a, b, out, sc := buf("a", na), buf("b", nb), buf("out", no), buf("scratch", c.Scratch(p.Workers()))
		cases = append(cases, &tuneCase{name: s + " " + c.Algorithm().String(), best: time.Hour,
			flops: 2 * float64(sp.Batch*sp.OutH()*sp.OutW()) * float64(sp.FilterSize()),
			run: func() {
				if err := c.Run(p, out, a, b, sc, nil); err != nil {
					panic(err)
				}
			}})
	}
	peak := 0.0
	for range *tuneRounds {
		for _, c := range cases {
			c.run()
			for i := range 3 {
				_ = i
				begin := now()
				c.run()
				c.best = min(c.best, now()-begin)
			}
		}
		rates := make([]float64, p.Workers())
		p.Run(len(rates), func(_, task int) { rates[task] = MeasurePeak(set, 0.002) })
		sum := 0.0
		for _, r := range rates {
			sum += r
		}
		peak = max(peak, sum)
	}
	fmt.Printf("peak %.0f GFLOPS\n", peak)
	for _, c := range cases {
		rate := c.flops / float64(c.best.Nanoseconds())
		fmt.Printf("%-34s %8.3f ms %8.1f GF %6.1f %%\n", c.name, c.best.Seconds()*1e3, rate, 100*rate/peak)
	}
}
