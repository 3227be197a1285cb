package db

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite/vfs"
)

// Nobody waits for a backup, and it works beside those for whom somebody does: on two cores, who computes without a stop holds up
// every commit. So it works for a millisecond, less than a commit takes on most disks, and rests for as long. A longer slice was not
// its own doing: the disk or the processor kept it waiting, and resting for as long again would only keep the WAL from starting anew.
const (
	workSlice = time.Millisecond
	longRest  = 4 * time.Millisecond
)

// restful works and rests.
type restful struct {
	ctx   context.Context
	since time.Time // when it began to work
}

// rest sleeps for as long as there was work since the last time, once that was a slice. The error is that of the context.
func (r *restful) rest() error {
	worked := time.Since(r.since)
	if worked < workSlice {
		return r.ctx.Err()
	}
	select {
	case <-r.ctx.Done():
	case <-time.After(min(worked, longRest)):
	}
	r.since = time.Now()
	return r.ctx.Err()
}

// restfulReads gives SQLite files to read that it cannot read without a rest.
type restfulReads struct {
	dir  string
	pace *restful
}

// Open implements [fs.FS].
func (r restfulReads) Open(name string) (fs.File, error) {
	name = filepath.Join(r.dir, name)
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	f, err := openByHand(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return &restfulFile{io.NewSectionReader(f, 0, info.Size()), f, info, r.pace}, nil
}

type restfulFile struct {
	*io.SectionReader
	file byHand
	info fs.FileInfo
	pace *restful
}

func (f *restfulFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *restfulFile) Close() error               { return f.file.Close() }

func (f *restfulFile) Read(b []byte) (int, error) {
	_ = f.pace.rest() // the statement hears of the end of its context by itself, and calls it so
	return f.SectionReader.Read(b)
}

// registerRestful gives the name of a VFS that reads a directory with rests. Whoever calls it calls done when all files are closed.
// SQLite's own checks of a file are single statements, so only the reading of its pages can be slowed down.
func registerRestful(ctx context.Context, dir string) (name string, done func() error, err error) {
	name, registered, err := vfs.New(restfulReads{dir, &restful{ctx, time.Now()}})
	if err != nil {
		return "", nil, err
	}
	return name, registered.Close, nil
}
