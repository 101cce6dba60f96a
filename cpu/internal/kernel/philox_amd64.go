package kernel

func randomAVX512() Random {
	return Random{Philox: groups(32, philoxAVX512), Uniform: groups(32, uniformAVX512), Normal: groups(32, normalAVX512)}
}

func randomAVX2() Random {
	return Random{Philox: groups(16, philoxAVX2), Uniform: groups(16, uniformAVX2), Normal: groups(16, normalAVX2)}
}

// philoxCall is the most that one call of a kernel writes, in words: some 50 µs.
const philoxCall = 1 << 16

// groups makes a filler of any length from a kernel that writes whole groups of words and does not carry from the lower
// half of the counter into the upper. What is no whole group, at the end or before a carry, is cut from one in scratch.
func groups[T any](group int, kernel func(dst []T, key, lo, hi uint64)) func(dst []T, key uint64, c Counter) {
	return func(dst []T, key uint64, c Counter) {
		for len(dst) > 0 {
			n := min(len(dst), philoxCall) / group * group
			if before := -c.Lo; before != 0 && before < uint64(n/philoxWords) {
				n = int(before) * philoxWords / group * group
			}
			if n > 0 {
				kernel(dst[:n], key, c.Lo, c.Hi)
			} else {
				whole := make([]T, group)
				kernel(whole, key, c.Lo, c.Hi)
				if before := -c.Lo; before != 0 && before < uint64(group/philoxWords) {
					whole = whole[:before*philoxWords]
				}
				n = copy(dst, whole)
			}
			dst = dst[n:]
			c = c.Add(uint64(n / philoxWords))
		}
	}
}
