package db

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/bits"
	"os"
)

// errDamagedWAL is in the chain of the error of Open for a WAL that has lost what was answered.
var errDamagedWAL = errors.New("the write-ahead log is damaged: changes that were confirmed cannot be read from it any more")

// The WAL's format: https://sqlite.org/fileformat2.html#the_write_ahead_log
const (
	walHeaderSize   = 32
	frameHeaderSize = 24
	walMagic        = 0x377f0682 // with the last bit set, checksums are of big-endian words
)

// CheckWAL finds damage that SQLite takes for the usual end of a write-ahead log after a crash. There it stops to read without
// a word, and forgets what came behind: rotations, and revocations. But a crash can leave at most the last transaction
// incomplete, since each is synced before the next one is written. So two commits behind the place where the checksums end, in one
// unbroken chain of frames, were confirmed to somebody: the second was written after the first. Damage within the last two
// transactions cannot be told from a crash. Writes that failed, as on a full disk, leave frames of commits as well, but each begins a
// chain of its own.
//
// It reads the file past SQLite, before SQLite opens it, whether a server writes it or not. A WAL that is sound may still be that of
// another file, which is an error as well where it can be told.
func CheckWAL(ctx context.Context, path string) error {
	if err := checkWALFrames(path); err != nil {
		return err
	}
	return checkForeignWAL(ctx, path)
}

func checkWALFrames(path string) error {
	f, err := os.Open(path + "-wal")
	if err != nil {
		return nil // there is none, or SQLite says better what is wrong
	}
	defer f.Close()
	lost, err := lostForGood(f, path)
	if err == nil && lost {
		err = fmt.Errorf("%s: %w; restore a backup", path+"-wal", errDamagedWAL)
	}
	return err
}

// lostForGood looks until two looks agree. A server that writes meanwhile can begin the WAL anew, which its header tells, or be in the
// middle of a frame when that is read and have two more commits behind it when those are: damage is found in the same place again.
func lostForGood(f io.ReaderAt, path string) (bool, error) {
	last := int64(-1)
	for {
		before, after := make([]byte, walHeaderSize), make([]byte, walHeaderSize)
		n, _ := f.ReadAt(before, 0)
		at, err := brokenAt(f, before[:n], path)
		m, _ := f.ReadAt(after, 0)
		switch {
		case string(before[:n]) != string(after[:m]):
			last = -1
		case err != nil || at < 0:
			return false, err
		case at == last:
			return true, nil
		default:
			last = at
		}
	}
}

// brokenAt gives the place from which on SQLite would read nothing although confirmed transactions follow, -1 for none.
func brokenAt(f io.ReaderAt, header []byte, path string) (int64, error) {
	r := io.NewSectionReader(f, walHeaderSize, 1<<40)
	if len(header) < walHeaderSize {
		return -1, nil
	}
	big, sum, ok := readWALHeader(header)
	pageSize := binary.BigEndian.Uint32(header[8:])
	if !ok {
		if lost, err := headless(r, path); err != nil || !lost {
			return -1, err
		}
		return 0, nil
	}
	frame := make([]byte, frameHeaderSize+pageSize)
	broken, commits := int64(-1), 0 // commits of the chain that the frame is in, once one is broken
	for at := int64(walHeaderSize); ; at += int64(len(frame)) {
		if _, err := io.ReadFull(r, frame); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return -1, nil
			}
			return -1, err
		}
		current := string(frame[8:16]) == string(header[16:24]) // the salts of this run through the file
		chained := current && sum.add(big, frame[:8]).add(big, frame[frameHeaderSize:]).is(frame[16:24])
		sum = walSum{binary.BigEndian.Uint32(frame[16:]), binary.BigEndian.Uint32(frame[20:])}
		if broken < 0 && chained {
			continue
		}
		if broken < 0 {
			broken = at
		}
		if !chained {
			commits = 0
		} else if binary.BigEndian.Uint32(frame[4:]) != 0 {
			if commits++; commits == 2 {
				return broken, nil
			}
		}
	}
}

// headless judges a WAL without a sound header, of which SQLite reads nothing. The header is synced before the first frame is
// written, so it was damaged; or its writing failed when the WAL was to begin anew, but then all that was confirmed and stands behind
// it is in the database already. The checksums are taken to be of little-endian words, as on nearly every machine.
func headless(r io.Reader, path string) (lost bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return false, nil
	}
	defer file.Close()
	head := make([]byte, 18)
	if _, err := file.ReadAt(head, 0); err != nil {
		return false, nil
	}
	pageSize := int64(binary.BigEndian.Uint16(head[16:]))
	if pageSize < 512 {
		return false, nil
	}
	// By page: whether the last confirmed frame of it differs from the database.
	confirmed, open := map[uint32]bool{}, map[uint32]bool{}
	frame, page := make([]byte, frameHeaderSize+pageSize), make([]byte, pageSize)
	var salts string
	var sum walSum
	for {
		if _, err := io.ReadFull(r, frame); err != nil {
			break
		}
		chained := sum.add(false, frame[:8]).add(false, frame[frameHeaderSize:]).is(frame[16:24])
		sum = walSum{binary.BigEndian.Uint32(frame[16:]), binary.BigEndian.Uint32(frame[20:])}
		if salts == "" {
			salts, chained = string(frame[8:16]), true // the sum that it begins with stood in the header
		}
		number := binary.BigEndian.Uint32(frame)
		if number == 0 || string(frame[8:16]) != salts || !chained {
			break // of an earlier run through the file, or of a write that failed
		}
		_, err := file.ReadAt(page, (int64(number)-1)*pageSize)
		open[number] = err != nil || string(page) != string(frame[frameHeaderSize:])
		if binary.BigEndian.Uint32(frame[4:]) != 0 {
			maps.Copy(confirmed, open)
			clear(open)
		}
	}
	for _, differs := range confirmed {
		lost = lost || differs
	}
	return lost, nil
}

// readWALHeader gives the order of bytes and the checksum with which the frames begin.
func readWALHeader(h []byte) (bigEndian bool, sum walSum, ok bool) {
	magic, size := binary.BigEndian.Uint32(h), binary.BigEndian.Uint32(h[8:])
	if magic&^1 != walMagic || size < 512 || size > 65536 || size&(size-1) != 0 {
		return false, sum, false
	}
	bigEndian = magic&1 == 1
	sum = sum.add(bigEndian, h[:24])
	return bigEndian, sum, sum.is(h[24:])
}

// walSum is the running checksum.
type walSum [2]uint32

func (s walSum) add(bigEndian bool, b []byte) walSum {
	for ; len(b) >= 8; b = b[8:] {
		first, second := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		if bigEndian {
			first, second = bits.ReverseBytes32(first), bits.ReverseBytes32(second)
		}
		s[0] += first + s[1]
		s[1] += second + s[0]
	}
	return s
}

func (s walSum) is(b []byte) bool {
	return binary.BigEndian.Uint32(b) == s[0] && binary.BigEndian.Uint32(b[4:]) == s[1]
}
