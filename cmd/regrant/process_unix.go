//go:build unix

package main

import (
	"io/fs"
	"os"
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

// ownedByOthers says whether a file belongs to neither this user, nor root, nor the owner of another file.
func ownedByOthers(info fs.FileInfo, other string) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 || int(owner.Uid) == os.Geteuid() {
		return false
	}
	if info, err := os.Stat(other); err == nil {
		if of, ok := info.Sys().(*syscall.Stat_t); ok && of.Uid == owner.Uid {
			return false
		}
	}
	return true
}
