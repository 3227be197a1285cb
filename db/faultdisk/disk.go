package faultdisk

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

// Kind is what SQLite asks of a file.
type Kind string

const (
	Open     Kind = "open"
	Read     Kind = "read"
	Write    Kind = "write"
	Truncate Kind = "truncate"
	Sync     Kind = "sync"
	Delete   Kind = "delete"
	Size     Kind = "size"
	Map      Kind = "map" // a piece of the -shm file
)

// Call is one thing that SQLite asks.
type Call struct {
	Kind   Kind
	File   string // its base name
	Offset int64  // of a read or write; the new size for Truncate
	Length int
}

// WAL says whether the file is a write-ahead log.
func (c Call) WAL() bool { return strings.HasSuffix(c.File, "-wal") }

// Fault is how a call fails. The zero value lets it pass.
type Fault struct {
	Code int32 // what SQLite gets, for example SQLITE_IOERR_FSYNC; 0: nothing happens
	Part int   // bytes of a write that reach the file nevertheless
}

// Disk is one directory whose files fail on demand. It is safe for concurrent use.
type Disk struct {
	dir      string
	judge    atomic.Pointer[func(Call) Fault]
	readOnly atomic.Bool

	mu    sync.Mutex
	rng   *rand.Rand
	names map[string]*inode // what a look into the directory shows
	kept  map[string]*inode // what it would show after a power cut
}

// inode is a file's content, whatever its name.
type inode struct {
	durable []byte // what is certainly on the disk
	shared  bool   // a Crash refers to durable
	waiting []change
}

// change is a write or, without data, a new size.
type change struct {
	offset int64
	data   []byte
}

// Under puts a disk under the files of dir that SQLite opens from now on. What it does by chance follows the seed.
func Under(dir string, seed uint64) (*Disk, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	if err := register(); err != nil {
		return nil, err
	}
	d := &Disk{dir: dir, rng: rand.New(rand.NewPCG(seed, 1)), names: map[string]*inode{}, kept: map[string]*inode{}}
	if _, taken := disks.LoadOrStore(dir, d); taken {
		return nil, errors.New("faultdisk: there is a disk under " + dir + " already")
	}
	return d, nil
}

// Remove takes the disk away again. No file on it may be open.
func (d *Disk) Remove() { disks.Delete(d.dir) }

// Judge asks f before each call from now on; nil lets all pass. f may be called by several goroutines at once.
func (d *Disk) Judge(f func(Call) Fault) {
	if f == nil {
		d.judge.Store(nil)
		return
	}
	d.judge.Store(&f)
}

// ReadOnly makes the disk refuse all writes, as Linux does with a file system that met an error, or takes that back. What waits
// for a sync then is lost, and the sync fails.
func (d *Disk) ReadOnly(on bool) { d.readOnly.Store(on) }

// disks are those in use, by directory.
var disks sync.Map

// diskOf gives the disk under a file, or nil.
func diskOf(name string) *Disk {
	d, ok := disks.Load(filepath.Dir(name))
	if !ok {
		return nil
	}
	return d.(*Disk)
}

func (d *Disk) ask(c Call) Fault {
	if f := d.judge.Load(); f != nil {
		return (*f)(c)
	}
	return Fault{}
}

// opened gives the content behind a name. A file that was there before is on the disk, unless it is empty: then somebody has
// just made it.
func (d *Disk) opened(name string) (*inode, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.names[name]; n != nil {
		return n, nil
	}
	b, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	n := &inode{durable: b}
	d.names[name] = n
	if len(b) > 0 {
		d.kept[name] = n
	}
	return n, nil
}

func (d *Disk) change(n *inode, c change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n.waiting = append(n.waiting, c)
}

func (d *Disk) deleted(name string, syncDir bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.names, name)
	if syncDir {
		d.syncDir()
	}
}

// synced brings what was waiting to the disk.
func (d *Disk) synced(n *inode, syncDir bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n.own()
	for _, c := range n.waiting {
		n.durable = c.apply(n.durable)
	}
	n.waiting = nil
	if syncDir {
		d.syncDir()
	}
}

// dirty says whether something waits for a sync.
func (d *Disk) dirty(n *inode) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(n.waiting) > 0
}

// lost drops what was waiting, but for what the disk has happened to take before it failed.
func (d *Disk) lost(n *inode) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n.own()
	n.durable = someOf(d.rng, n.durable, n.waiting)
	n.waiting = nil
}

func (d *Disk) syncDir() {
	clear(d.kept)
	for name, n := range d.names {
		d.kept[name] = n
	}
}

// own makes sure that no Crash sees what becomes of durable.
func (n *inode) own() {
	if n.shared && len(n.waiting) > 0 {
		n.durable, n.shared = append([]byte(nil), n.durable...), false
	}
}

// apply gives the content after the change; it may write into b.
func (c change) apply(b []byte) []byte {
	if c.data == nil {
		return resize(b, c.offset)
	}
	if end := c.offset + int64(len(c.data)); end > int64(len(b)) {
		b = resize(b, end)
	}
	copy(b[c.offset:], c.data)
	return b
}

func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size]
	}
	if size <= int64(cap(b)) {
		old := len(b)
		b = b[:size]
		clear(b[old:])
		return b
	}
	grown := make([]byte, size, size+size/4)
	copy(grown, b)
	return grown
}
