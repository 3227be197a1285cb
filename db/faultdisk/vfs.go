package faultdisk

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// wrapper is a sqlite3_file of ours; that of the real VFS follows it in the same memory.
type wrapper struct {
	methods uintptr
	id      uintptr
}

const wrapperSize = unsafe.Sizeof(wrapper{})

// file is what a wrapper's id stands for.
type file struct {
	disk    *Disk
	name    string
	node    *inode
	created atomic.Bool // its first sync brings its directory along
}

var (
	files    sync.Map // by id
	lastFile atomic.Uintptr

	original uintptr // the VFS that does the work
	shim     *sqlite3.Tsqlite3_vfs
	methods  *sqlite3.Tsqlite3_io_methods
)

// register makes the shim the default VFS of the process, for good: files that are on no disk pass through it.
var register = sync.OnceValue(func() error {
	tls := libc.NewTLS()
	original = sqlite3.Xsqlite3_vfs_find(tls, 0)
	if original == 0 {
		return fmt.Errorf("faultdisk: SQLite has no VFS")
	}
	name, err := libc.CString("faultdisk")
	if err != nil {
		return err
	}
	// Both tables live in C's memory, where nothing moves and nothing is collected.
	shim = at[sqlite3.Tsqlite3_vfs](libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_vfs{}))))
	methods = at[sqlite3.Tsqlite3_io_methods](libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{}))))
	*shim = *realVFS()
	shim.FpNext, shim.FzName = 0, name
	shim.FszOsFile += int32(wrapperSize)
	shim.FxOpen = pointer(open)
	shim.FxDelete = pointer(remove)

	methods.FiVersion = 2 // no xFetch: memory maps would go past us
	methods.FxClose = pointer(closeFile)
	methods.FxRead = pointer(read)
	methods.FxWrite = pointer(write)
	methods.FxTruncate = pointer(truncate)
	methods.FxSync = pointer(syncFile)
	methods.FxFileSize = pointer(fileSize)
	methods.FxLock = pointer(lock)
	methods.FxUnlock = pointer(unlock)
	methods.FxCheckReservedLock = pointer(checkReservedLock)
	methods.FxFileControl = pointer(fileControl)
	methods.FxSectorSize = pointer(sectorSize)
	methods.FxDeviceCharacteristics = pointer(deviceCharacteristics)
	methods.FxShmMap = pointer(shmMap)
	methods.FxShmLock = pointer(shmLock)
	methods.FxShmBarrier = pointer(shmBarrier)
	methods.FxShmUnmap = pointer(shmUnmap)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, uintptr(unsafe.Pointer(shim)), 1); rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("faultdisk: register: %d", rc)
	}
	return nil
})

// pointer is a function as C code that became Go keeps it. f must be declared at the top of a package.
func pointer[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// function is the way back.
func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&struct{ uintptr }{p})) }

// The types of what the tables hold.
type (
	openFunc    = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, outFlags uintptr) int32
	deleteFunc  = func(tls *libc.TLS, vfs, name uintptr, syncDir int32) int32
	plainFunc   = func(tls *libc.TLS, file uintptr) int32
	moveFunc    = func(tls *libc.TLS, file, buffer uintptr, amount int32, offset int64) int32
	sizeFunc    = func(tls *libc.TLS, file uintptr, size int64) int32
	flagFunc    = func(tls *libc.TLS, file uintptr, flag int32) int32
	askFunc     = func(tls *libc.TLS, file, out uintptr) int32
	controlFunc = func(tls *libc.TLS, file uintptr, op int32, arg uintptr) int32
	mapFunc     = func(tls *libc.TLS, file uintptr, region, size, extend int32, out uintptr) int32
	shmLockFunc = func(tls *libc.TLS, file uintptr, offset, n, flags int32) int32
	barrierFunc = func(tls *libc.TLS, file uintptr)
)

// at is what C keeps at an address of its own memory.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

func realVFS() *sqlite3.Tsqlite3_vfs { return at[sqlite3.Tsqlite3_vfs](original) }

// below gives the real file below ours, and its methods.
func below(p uintptr) (uintptr, *sqlite3.Tsqlite3_io_methods) {
	f := p + wrapperSize
	return f, at[sqlite3.Tsqlite3_io_methods](at[sqlite3.Tsqlite3_file](f).FpMethods)
}

func fileOf(p uintptr) *file {
	f, ok := files.Load(at[wrapper](p).id)
	if !ok {
		panic("faultdisk: a file that is not open")
	}
	return f.(*file)
}

func (f *file) ask(kind Kind, offset int64, length int) Fault {
	return f.disk.ask(Call{Kind: kind, File: filepath.Base(f.name), Offset: offset, Length: length})
}

func open(tls *libc.TLS, _, zName, p uintptr, flags int32, outFlags uintptr) int32 {
	realOpen := function[openFunc](realVFS().FxOpen)
	var d *Disk
	name := ""
	if zName != 0 {
		name = libc.GoString(zName)
		d = diskOf(name)
	}
	if d == nil {
		return realOpen(tls, original, zName, p, flags, outFlags)
	}
	*at[wrapper](p) = wrapper{}
	if fault := d.ask(Call{Kind: Open, File: filepath.Base(name)}); fault.Code != 0 {
		return fault.Code
	}
	if d.readOnly.Load() {
		// What the real one does when the system refuses to open a file for writing.
		flags = flags&^(sqlite3.SQLITE_OPEN_READWRITE|sqlite3.SQLITE_OPEN_CREATE) | sqlite3.SQLITE_OPEN_READONLY
	}
	if rc := realOpen(tls, original, zName, p+wrapperSize, flags, outFlags); rc != sqlite3.SQLITE_OK {
		return rc
	}
	node, err := d.opened(name)
	if err != nil {
		f, m := below(p)
		function[plainFunc](m.FxClose)(tls, f)
		return sqlite3.SQLITE_CANTOPEN
	}
	f := &file{disk: d, name: name, node: node}
	journal := int32(sqlite3.SQLITE_OPEN_MAIN_JOURNAL | sqlite3.SQLITE_OPEN_SUPER_JOURNAL | sqlite3.SQLITE_OPEN_WAL)
	f.created.Store(flags&sqlite3.SQLITE_OPEN_CREATE != 0 && flags&journal != 0)
	id := lastFile.Add(1)
	files.Store(id, f)
	*at[wrapper](p) = wrapper{methods: uintptr(unsafe.Pointer(methods)), id: id}
	return sqlite3.SQLITE_OK
}

func remove(tls *libc.TLS, _, zName uintptr, syncDir int32) int32 {
	name := libc.GoString(zName)
	d := diskOf(name)
	if d != nil {
		if fault := d.ask(Call{Kind: Delete, File: filepath.Base(name)}); fault.Code != 0 {
			return fault.Code
		}
		if d.readOnly.Load() {
			return sqlite3.SQLITE_IOERR_DELETE
		}
	}
	rc := function[deleteFunc](realVFS().FxDelete)(tls, original, zName, syncDir)
	if d != nil && rc == sqlite3.SQLITE_OK {
		d.deleted(name, syncDir != 0)
	}
	return rc
}

func closeFile(tls *libc.TLS, p uintptr) int32 {
	files.Delete(at[wrapper](p).id)
	f, m := below(p)
	return function[plainFunc](m.FxClose)(tls, f)
}

func read(tls *libc.TLS, p, buffer uintptr, amount int32, offset int64) int32 {
	if fault := fileOf(p).ask(Read, offset, int(amount)); fault.Code != 0 {
		return fault.Code
	}
	f, m := below(p)
	return function[moveFunc](m.FxRead)(tls, f, buffer, amount, offset)
}

func write(tls *libc.TLS, p, buffer uintptr, amount int32, offset int64) int32 {
	own := fileOf(p)
	fault := own.ask(Write, offset, int(amount))
	if fault.Code == 0 && own.disk.readOnly.Load() {
		fault.Code = sqlite3.SQLITE_IOERR_WRITE
	}
	if fault.Code != 0 {
		amount = min(amount, int32(fault.Part))
	}
	f, m := below(p)
	if amount > 0 {
		if rc := function[moveFunc](m.FxWrite)(tls, f, buffer, amount, offset); rc != sqlite3.SQLITE_OK {
			return rc
		}
		data := append([]byte(nil), unsafe.Slice(at[byte](buffer), amount)...)
		own.disk.change(own.node, change{offset, data})
	}
	return fault.Code
}

func truncate(tls *libc.TLS, p uintptr, size int64) int32 {
	own := fileOf(p)
	if fault := own.ask(Truncate, size, 0); fault.Code != 0 {
		return fault.Code
	}
	if own.disk.readOnly.Load() {
		return sqlite3.SQLITE_IOERR_TRUNCATE
	}
	f, m := below(p)
	rc := function[sizeFunc](m.FxTruncate)(tls, f, size)
	if rc == sqlite3.SQLITE_OK {
		own.disk.change(own.node, change{offset: size})
	}
	return rc
}

func syncFile(tls *libc.TLS, p uintptr, flags int32) int32 {
	own := fileOf(p)
	if fault := own.ask(Sync, 0, 0); fault.Code != 0 {
		own.disk.lost(own.node)
		return fault.Code
	}
	if own.disk.readOnly.Load() && own.disk.dirty(own.node) {
		own.disk.lost(own.node)
		return sqlite3.SQLITE_IOERR_FSYNC
	}
	f, m := below(p)
	rc := function[flagFunc](m.FxSync)(tls, f, flags)
	if rc == sqlite3.SQLITE_OK {
		own.disk.synced(own.node, own.created.Swap(false))
	}
	return rc
}

func fileSize(tls *libc.TLS, p, out uintptr) int32 {
	if fault := fileOf(p).ask(Size, 0, 0); fault.Code != 0 {
		return fault.Code
	}
	f, m := below(p)
	return function[askFunc](m.FxFileSize)(tls, f, out)
}

func shmMap(tls *libc.TLS, p uintptr, region, size, extend int32, out uintptr) int32 {
	if fault := fileOf(p).ask(Map, int64(region)*int64(size), int(size)); fault.Code != 0 {
		return fault.Code
	}
	f, m := below(p)
	return function[mapFunc](m.FxShmMap)(tls, f, region, size, extend, out)
}

// What follows is handed down as it is.

func lock(tls *libc.TLS, p uintptr, level int32) int32 {
	f, m := below(p)
	return function[flagFunc](m.FxLock)(tls, f, level)
}

func unlock(tls *libc.TLS, p uintptr, level int32) int32 {
	f, m := below(p)
	return function[flagFunc](m.FxUnlock)(tls, f, level)
}

func checkReservedLock(tls *libc.TLS, p, out uintptr) int32 {
	f, m := below(p)
	return function[askFunc](m.FxCheckReservedLock)(tls, f, out)
}

func fileControl(tls *libc.TLS, p uintptr, op int32, arg uintptr) int32 {
	f, m := below(p)
	return function[controlFunc](m.FxFileControl)(tls, f, op, arg)
}

func sectorSize(tls *libc.TLS, p uintptr) int32 {
	f, m := below(p)
	return function[plainFunc](m.FxSectorSize)(tls, f)
}

func deviceCharacteristics(tls *libc.TLS, p uintptr) int32 {
	f, m := below(p)
	return function[plainFunc](m.FxDeviceCharacteristics)(tls, f)
}

func shmLock(tls *libc.TLS, p uintptr, offset, n, flags int32) int32 {
	f, m := below(p)
	return function[shmLockFunc](m.FxShmLock)(tls, f, offset, n, flags)
}

func shmBarrier(tls *libc.TLS, p uintptr) {
	f, m := below(p)
	function[barrierFunc](m.FxShmBarrier)(tls, f)
}

func shmUnmap(tls *libc.TLS, p uintptr, deleteIt int32) int32 {
	f, m := below(p)
	return function[flagFunc](m.FxShmUnmap)(tls, f, deleteIt)
}
