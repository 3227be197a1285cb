// Package faultdisk is a disk below SQLite that fails as a test tells it to. Only tests import it.
//
// It stands between SQLite and the files of one directory: every read, write, sync, truncation, opening and deletion goes
// first to a function of the test, which may let it pass, fail it, tear it or hold it up, and then to the real file. Files
// elsewhere are left alone. It is the default VFS of the process once it is used, so the code under test is the one that
// runs in production, down to its connection strings.
//
// Beside the real files it keeps what a power cut would leave of them: for each file what is certainly on the disk, and
// the writes since, of which [Crash.Image] lets any subset get there, in any order, torn at 512 bytes. A new file, or the
// end of an old one, is certain once its directory has been synced, as SQLite does at the first sync of a new WAL.
//
// A sync that fails is as Linux does it: what was waiting for it counts as clean afterwards and is never written again,
// whatever a later sync says; some of it may have reached the disk before.
package faultdisk
