//go:build unix

package main

import (
	"io/fs"
	"syscall"
)

// restrictNewFiles lets nobody else read what this process creates (WEB-49).
func restrictNewFiles() { syscall.Umask(0o077) }

// openFiles says how many files and connections this process may have open.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return uint64(limit.Cur)
}

// openToOthers says whether users other than the owner may read or change a file.
func openToOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }
