package db

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// renewWAL makes sure that the disk holds the WAL that is read here, before anything is answered from it. A process that was
// killed leaves writes that no sync has confirmed; one whose sync failed leaves pages that Linux takes for clean, so that
// no later sync writes them. Reading them shows nothing, and new commits would stand behind a gap. So each byte is written
// once more, which makes it dirty again, and then synced.
//
// It holds SQLite's write lock, without which nobody adds to the WAL or begins it anew.
func renewWAL(ctx context.Context, pool *sql.DB, path string) error {
	if info, err := os.Stat(path + "-wal"); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	file, err := openByHand(path+"-wal", os.O_RDWR)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return errReadOnlyFile
	case err != nil:
		return err
	}
	return errors.Join(rewrite(file), file.Close())
}

// rewrite writes a file as it is and syncs it.
func rewrite(file byHand) error {
	piece := make([]byte, 1<<20)
	for offset := int64(0); ; {
		n, err := file.ReadAt(piece, offset)
		if _, err := file.WriteAt(piece[:n], offset); err != nil {
			return err
		}
		offset += int64(n)
		if errors.Is(err, io.EOF) {
			return file.Sync()
		}
		if err != nil {
			return err
		}
	}
}
