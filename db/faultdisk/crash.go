package faultdisk

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// sector is the piece that a disk writes whole or not at all.
const sector = 512

// Crash is a power cut at one moment.
type Crash struct {
	names, kept map[string]content
}

// content is an inode as it was.
type content struct {
	durable []byte // not to be changed
	waiting []change
}

// Cut gives what a power cut would leave now. The disk works on.
func (d *Disk) Cut() *Crash {
	d.mu.Lock()
	defer d.mu.Unlock()
	freeze := func(of map[string]*inode) map[string]content {
		frozen := map[string]content{}
		for name, n := range of {
			n.shared = true
			frozen[filepath.Base(name)] = content{n.durable, slices.Clip(n.waiting)}
		}
		return frozen
	}
	return &Crash{names: freeze(d.names), kept: freeze(d.kept)}
}

// Waiting is how many changes were not certain.
func (c *Crash) Waiting() (n int) {
	for _, f := range c.names {
		n += len(f.waiting)
	}
	return n
}

// Image writes into dir what one power cut leaves, as chance will have it: of the directory's changes all or none for each
// name, and of each file any subset of the changes that were waiting, in any order, torn at sectors. The -shm file, which
// the system never wrote on purpose, is left out or is garbage.
func (c *Crash) Image(dir string, rng *rand.Rand) error {
	names := map[string]bool{}
	for _, of := range []map[string]content{c.names, c.kept} {
		for name := range of {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		of := c.names
		if rng.IntN(2) == 0 {
			of = c.kept
		}
		f, ok := of[name]
		if !ok {
			continue
		}
		b := someOf(rng, slices.Clone(f.durable), f.waiting)
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return err
		}
		if rng.IntN(8) == 0 && filepath.Ext(name) == ".db" {
			if err := os.WriteFile(filepath.Join(dir, name+"-shm"), garbage(rng), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

func garbage(rng *rand.Rand) []byte {
	b := make([]byte, 32<<10)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// someOf applies what a disk may have done of the changes when it stopped. It may write into b.
func someOf(rng *rand.Rand, b []byte, waiting []change) []byte {
	switch rng.IntN(6) {
	case 0: // nothing yet
		return b
	case 1: // everything
		return applyAll(b, waiting)
	case 2: // in order, and then it stopped within one
		if len(waiting) == 0 {
			return b
		}
		at := rng.IntN(len(waiting))
		return tear(rng, applyAll(b, waiting[:at]), waiting[at], 0.5)
	}
	// Any of them in any order, each sector for itself.
	waiting = slices.Clone(waiting)
	if rng.IntN(2) == 0 {
		rng.Shuffle(len(waiting), func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
	}
	share := rng.Float64()
	whole := rng.IntN(2) == 0
	for _, c := range waiting {
		switch {
		case !whole:
			b = tear(rng, b, c, share)
		case rng.Float64() < share:
			b = c.apply(b)
		}
	}
	return b
}

func applyAll(b []byte, waiting []change) []byte {
	for _, c := range waiting {
		b = c.apply(b)
	}
	return b
}

// tear applies each sector of a change with that probability.
func tear(rng *rand.Rand, b []byte, c change, share float64) []byte {
	if c.data == nil {
		if rng.Float64() < share {
			return c.apply(b)
		}
		return b
	}
	for from := 0; from < len(c.data); {
		offset := c.offset + int64(from)
		to := min(len(c.data), from+int(sector-offset%sector))
		if rng.Float64() < share {
			b = change{offset, c.data[from:to]}.apply(b)
		}
		from = to
	}
	return b
}
