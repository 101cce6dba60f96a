package data

import "fmt"

// augmentBelow is the number of pictures below which augmentation is proposed.
const augmentBelow = 20_000

// Preprocess proposes how to train on the pictures: at their size if they all have one; else cropped to a square that
// the smallest fills, a multiple of 8 up to 256 pixels; with the most frequent number of channels; mirrored left to
// right; augmented as Karras et al. 2022 do (appendix F.2) where there are few pictures.
func (r *Report) Preprocess() Preprocess {
	p := Preprocess{Channels: r.commonChannels(), Background: 1, FlipX: true}
	if len(r.Sizes) > 0 {
		p.Height, p.Width = r.Sizes[0].Height, r.Sizes[0].Width
	}
	if len(r.Sizes) > 1 {
		side := min(r.smallest[0], r.smallest[1], 256)
		if side >= 8 {
			side -= side % 8
		}
		p.Height, p.Width, p.Fit = side, side, FitCrop
	}
	if r.Bits[Float32] > 0 {
		p.FlipX = false // an array of something else than pictures
	}
	if r.usable() < augmentBelow && p.Height*p.Width > 1 && p.FlipX {
		p.Augment = 0.12 // Karras et al. 2022, table 5, for CIFAR-10
	}
	return p
}

func (r *Report) usable() int { return r.Pictures - len(r.Broken) }

// advise says in words what looks wrong, and what becomes of it.
func (r *Report) advise() []string {
	var out []string
	say := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	if r.usable() == 0 {
		return []string{"no picture can be read: training will refuse this set"}
	}
	if len(r.Sizes) > 1 {
		say("the pictures have %d sizes: data.fit says whether they are cropped (as they are without it), padded or stretched", len(r.Sizes))
	}
	if len(r.Channels) > 1 {
		say("pictures with other numbers of channels than %d are converted", r.commonChannels())
	}
	if r.Alpha > 0 && r.commonChannels()%2 == 1 {
		say("%d pictures have opacity: they are laid over a uniform background", r.Alpha)
	}
	if n := len(r.Broken); n > 0 {
		say("%d pictures are broken (%.3g %%): they are replaced by others up to the share you allow, 0.1 %% by default", n, 100*float64(n)/float64(r.Pictures))
	}
	if r.usable() < 1000 {
		say("fewer than 1,000 pictures: a network will soon repeat them; hold some out and watch that loss")
	}
	if d := r.Exact.Count + r.Near.Count; d > 0 {
		say("%d pictures repeat others: they are learnt more often, and memorised first", d)
	}
	return append(out, r.adviseClasses()...)
}

func (r *Report) adviseClasses() []string {
	if len(r.Classes) == 0 {
		return []string{"no labels: the model will be unconditional"}
	}
	least, most := r.Classes[0], r.Classes[0]
	for _, c := range r.Classes {
		if c.Count < least.Count {
			least = c
		}
		if c.Count > most.Count {
			most = c
		}
	}
	var out []string
	if most.Count > 10*least.Count {
		out = append(out, fmt.Sprintf("classes are unbalanced: %s has %d pictures, %s has %d", most.Name, most.Count, least.Name, least.Count))
	}
	if r.Unlabelled > 0 {
		out = append(out, fmt.Sprintf("%d pictures have no label: they train the unconditional part only", r.Unlabelled))
	}
	return out
}
