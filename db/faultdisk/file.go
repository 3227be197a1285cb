package faultdisk

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// File is a file that is used past SQLite; one on a disk fails as the disk does.
type File struct {
	*os.File
	disk *Disk
	node *inode
}

// OpenFile opens an existing file.
func OpenFile(name string, flag int) (*File, error) {
	d := diskOf(name)
	if d != nil && d.readOnly.Load() && flag != os.O_RDONLY {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EROFS}
	}
	f, err := os.OpenFile(name, flag, 0)
	if err != nil || d == nil {
		return &File{File: f}, err
	}
	node, err := d.opened(name)
	return &File{f, d, node}, err
}

func (f *File) fails(kind Kind, offset int64, length int) error {
	if f.disk == nil {
		return nil
	}
	fault := f.disk.ask(Call{Kind: kind, File: filepath.Base(f.Name()), Offset: offset, Length: length})
	if fault.Code == 0 {
		return nil
	}
	return &fs.PathError{Op: string(kind), Path: f.Name(), Err: syscall.EIO}
}

// ReadAt is of [io.ReaderAt].
func (f *File) ReadAt(b []byte, offset int64) (int, error) {
	if err := f.fails(Read, offset, len(b)); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, offset)
}

// WriteAt is of [io.WriterAt].
func (f *File) WriteAt(b []byte, offset int64) (int, error) {
	if err := f.fails(Write, offset, len(b)); err != nil {
		return 0, err
	}
	n, err := f.File.WriteAt(b, offset)
	if f.disk != nil && n > 0 {
		f.disk.change(f.node, change{offset, append([]byte(nil), b[:n]...)})
	}
	return n, err
}

// Sync is as that of [os.File].
func (f *File) Sync() error {
	if err := f.fails(Sync, 0, 0); err != nil {
		f.disk.lost(f.node)
		return err
	}
	err := f.File.Sync()
	if f.disk != nil && err == nil {
		f.disk.synced(f.node, false)
	}
	return err
}

// Restart gives what the next process on the same machine meets, in another directory: the files as they look, whatever of
// them is on the disk.
func (d *Disk) Restart(dir string, seed uint64) (*Disk, error) {
	next, err := Under(dir, seed)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	copied := map[*inode]*inode{}
	move := func(from, to map[string]*inode) {
		for name, n := range from {
			if copied[n] == nil {
				n.shared = true
				copied[n] = &inode{durable: n.durable, shared: true, waiting: append([]change(nil), n.waiting...)}
			}
			to[filepath.Join(next.dir, filepath.Base(name))] = copied[n]
		}
	}
	move(d.names, next.names)
	move(d.kept, next.kept)
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), "-shm") {
			continue // the first to open it makes a new one
		}
		b, err := os.ReadFile(filepath.Join(d.dir, e.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(next.dir, e.Name()), b, 0o600)
		}
		if err != nil {
			return nil, fmt.Errorf("faultdisk: restart: %w", err)
		}
	}
	return next, nil
}
