//go:build !unix

package db

import "os"

// inode is the number of the file itself, which a copy does not share; 0 where it has none.
func inode(os.FileInfo) uint64 { return 0 }
