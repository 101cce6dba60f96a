package cpu

import (
	"io"
	"sync"
	"weak"

	"github.com/ebb-ml/ebb/cpu/internal/exec"
)

// profiles remembers the executables that are still in use, for the profile.
type profiles struct {
	mu   sync.Mutex
	live []weak.Pointer[exec.Executable]
}

func (p *profiles) add(x *exec.Executable) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live = append(p.all(), weak.Make(x))
}

// all drops the executables that are gone.
func (p *profiles) all() []weak.Pointer[exec.Executable] {
	var live []weak.Pointer[exec.Executable]
	for _, w := range p.live {
		if w.Value() != nil {
			live = append(live, w)
		}
	}
	return live
}

// WriteProfile prints where the time of the executable that has taken most of it went: for each kind of kernel its share,
// time, speed and traffic in one run, then the longest steps.
func (b *Backend) WriteProfile(w io.Writer) error {
	b.profiles.mu.Lock()
	var busiest *exec.Profile
	for _, p := range b.profiles.all() {
		if x := p.Value(); x != nil && (busiest == nil || x.Profile().Total() > busiest.Total()) {
			busiest = x.Profile()
		}
	}
	b.profiles.mu.Unlock()
	if busiest == nil {
		return nil
	}
	if err := busiest.Write(w, false, 40); err != nil {
		return err
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return err
	}
	return busiest.Write(w, true, 40)
}
