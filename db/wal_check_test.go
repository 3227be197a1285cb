package db

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// crashedWAL is a database with some confirmed writes in its WAL, as a crash leaves it, and the frames of that.
func crashedWAL(t *testing.T) (path string, wal []byte, frameSize int) {
	t.Helper()
	d := openTest(t, Options{})
	for i := range 12 {
		if err := d.PutSetting(t.Context(), fmt.Sprint("setting ", i), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	path = filepath.Join(t.TempDir(), "copy.db")
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(d.Path() + suffix)
		if err == nil {
			err = os.WriteFile(path+suffix, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		wal = b
	}
	return path, wal, frameHeaderSize + int(binary.BigEndian.Uint32(wal[8:]))
}

func putWAL(t *testing.T, path string, parts ...[]byte) {
	t.Helper()
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	if err := os.WriteFile(path+"-wal", all, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAWALThatLostWhatWasConfirmedIsDamaged(t *testing.T) {
	path, wal, frame := crashedWAL(t)
	if err := CheckWAL(t.Context(), path); err != nil {
		t.Fatal("as the crash left it:", err)
	}
	for _, at := range []int{walHeaderSize + 4, walHeaderSize + frameHeaderSize + 100, walHeaderSize + 3*frame + 20, walHeaderSize + 3*frame + 500} {
		damaged := append([]byte{}, wal...)
		damaged[at] ^= 0x10
		putWAL(t, path, damaged)
		if err := CheckWAL(t.Context(), path); !errors.Is(err, errDamagedWAL) {
			t.Errorf("a bit at %d is another: %v", at, err)
		}
	}
	putWAL(t, path, wal[:len(wal)-frame/2])
	if err := CheckWAL(t.Context(), path); err != nil {
		t.Error("the last write is incomplete:", err)
	}
}

// A command looks at the WAL of a server that goes on writing: it may read a frame that is half written, and behind it what came after.
func TestAWALThatIsWrittenMeanwhileIsNotDamaged(t *testing.T) {
	path, wal, frame := crashedWAL(t)
	live := &halfWritten{bytes.NewReader(wal), walHeaderSize + 3*int64(frame) + 500, false}
	if lost, err := lostForGood(live, path); lost || err != nil {
		t.Error(lost, err)
	}
	if !live.read {
		t.Error("the half-written frame was not read")
	}
}

// halfWritten is a WAL with a byte that is not there yet when it is read first.
type halfWritten struct {
	wal  io.ReaderAt
	at   int64
	read bool
}

func (h *halfWritten) ReadAt(b []byte, off int64) (int, error) {
	n, err := h.wal.ReadAt(b, off)
	if i := h.at - off; !h.read && i >= 0 && i < int64(n) {
		b[i] ^= 0x10
		h.read = true
	}
	return n, err
}

// F4: each write that a full disk refused may have left the frame of its commit behind what was confirmed, or a piece of one.
func TestF4_WritesThatFailedAreNoDamageOfTheWAL(t *testing.T) {
	path, wal, frame := crashedWAL(t)
	refused := func(number uint32) []byte { // with the salts of this run, and a commit that is complete but for its page
		f := append([]byte{}, wal[len(wal)-frame:]...)
		binary.BigEndian.PutUint32(f, number)
		binary.BigEndian.PutUint32(f[4:], 40)
		binary.BigEndian.PutUint32(f[16:], 0xdead0000+number)
		return f
	}
	putWAL(t, path, wal, refused(3), refused(4), refused(5), refused(3), refused(9))
	if err := CheckWAL(t.Context(), path); err != nil {
		t.Error("behind a sound log:", err)
	}
	putWAL(t, path, wal[:len(wal)-frame/2], refused(3)[frame/2:], refused(4), refused(5), refused(9))
	if err := CheckWAL(t.Context(), path); err != nil {
		t.Error("behind a log whose last write is incomplete:", err)
	}
	headless := append([]byte{}, wal...)
	clear(headless[:walHeaderSize])
	copyDatabase(t, path, wal, frame)
	putWAL(t, path, headless, refused(3), refused(4), refused(9))
	if err := CheckWAL(t.Context(), path); err != nil {
		t.Error("when it was to begin anew, with all that was confirmed in the database:", err)
	}
}

// copyDatabase writes the pages of a WAL into the database, as a checkpoint does.
func copyDatabase(t *testing.T, path string, wal []byte, frame int) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for at := walHeaderSize; at+frame <= len(wal); at += frame {
		number := int64(binary.BigEndian.Uint32(wal[at:]))
		if _, err := file.WriteAt(wal[at+frameHeaderSize:at+frame], (number-1)*int64(frame-frameHeaderSize)); err != nil {
			t.Fatal(err)
		}
	}
}
