//go:build !unix

package main

import "io/fs"

// Systems without a umask keep files apart by other means, which Regrant leaves as they are.

func restrictNewFiles()                          {}
func openFiles() uint64                          { return 16384 }
func openToOthers(_ fs.FileInfo) bool            { return false }
func ownedByOthers(_ fs.FileInfo, _ string) bool { return false }
