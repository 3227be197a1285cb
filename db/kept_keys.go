package db

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"strings"

	"regrant/app/backup"
)

// KeptKeys names the files beside the database at path that other work of ours has left there, as a restore leaves what it replaces,
// and that hold keys which are not sealed; those too of which that cannot be told.
func KeptKeys(ctx context.Context, path string) []string {
	path, err := absolute(path)
	if err != nil {
		return nil
	}
	var names []string
	for _, mark := range []string{replacedMark, upgradeMark, restoringMark, backup.PartialMark, failedMark} {
		found, _ := filepath.Glob(globSafe(path) + mark + "*")
		names = append(names, found...)
	}
	slices.Sort(names)
	return slices.DeleteFunc(names, func(name string) bool {
		for _, rest := range []string{"-shm", ".lock", ".lock-journal"} {
			if strings.HasSuffix(name, rest) {
				return true
			}
		}
		return sizeOf(name) == 0 || sealedOnly(ctx, name)
	})
}

// sealedOnly says whether a file is a database without a key that is not sealed. What its WAL would change does not count.
func sealedOnly(ctx context.Context, name string) bool {
	pool, err := sql.Open("sqlite", readerDSN(name, 0)+"&immutable=1")
	if err != nil {
		return false
	}
	defer pool.Close()
	var unsealed int
	err = pool.QueryRowContext(ctx, "SELECT COUNT(*) FROM keys WHERE sealed_at IS NULL").Scan(&unsealed)
	return err == nil && unsealed == 0
}
