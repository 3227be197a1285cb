//go:build unix

package db

import (
	"os"
	"syscall"
)

// inode is the number of the file itself, which a copy does not share; 0 where it has none.
func inode(info os.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Ino)
	}
	return 0
}
