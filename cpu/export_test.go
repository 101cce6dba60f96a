package cpu

// Interpret makes the backend interpret the graphs that it compiles from now on, for tests outside the package.
func (b *Backend) Interpret() { b.interpret = true }

// MemorySizes returns the bytes of blocks in use, and of those kept for reuse.
func (b *Backend) MemorySizes() (used, unused int64) { return b.memory.sizes() }

// LargestProgram returns what the compiled graph with the largest arena needs for a run: its arena, and all of its results.
func (b *Backend) LargestProgram() (arena, outputs int64) {
	b.profiles.mu.Lock()
	defer b.profiles.mu.Unlock()
	for _, p := range b.profiles.all() {
		if x := p.Value(); x != nil && x.ArenaSize() > arena {
			arena, outputs = x.ArenaSize(), x.OutputSize()
		}
	}
	return arena, outputs
}

// Recompile compiles the captured graph once more, as far as a program of passes and executor.
func (e *Executable) Recompile() error {
	_, err := compile(e.backend, e.name, e.graph)
	return err
}
