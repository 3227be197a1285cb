package backup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// PartialMark stands in the name of a backup that is not finished, behind the name that it will have.
const PartialMark = ".partial-"

// The names of the backups that the server makes by itself: for regrant.db, regrant-20261128T200500Z.db, in UTC.
const (
	nameTime   = "20060102T150405Z"
	nameSuffix = ".db"
)

// name is the file name of the backup of that time.
func (s Schedule) name(at time.Time) string {
	return s.Name + "-" + at.UTC().Format(nameTime) + nameSuffix
}

// timeOf reads the time off a name that this schedule gave. Any other name is somebody else's.
func (s Schedule) timeOf(name string) (time.Time, bool) {
	text, ok := strings.CutPrefix(name, s.Name+"-")
	if !ok {
		return time.Time{}, false
	}
	at, err := time.Parse(nameTime+nameSuffix, text)
	return at, err == nil && s.name(at) == name
}

// own lists the backups that this schedule has made, the oldest first. Their names sort by time.
func (s Schedule) own() ([]string, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if _, ok := s.timeOf(e.Name()); ok && e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// prune removes the oldest of the schedule's own backups until Keep of them are left, and says how many went. The one that was
// just made is never removed, whatever the clock said when others were named.
func (s Schedule) prune(made string) (removed int, err error) {
	names, err := s.own()
	if err != nil {
		return 0, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == made })
	for len(names) >= s.Keep && len(names) > 0 {
		if e := os.Remove(filepath.Join(s.Dir, names[0])); e != nil {
			err = errors.Join(err, e)
		} else {
			removed++
		}
		names = names[1:]
	}
	return removed, err
}

// sweep removes what was not finished when the process before this one was killed. There is one server of a database at a time.
func (s Schedule) sweep() {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		whole, _, partial := strings.Cut(e.Name(), PartialMark)
		if _, ok := s.timeOf(whole); ok && partial {
			_ = os.Remove(filepath.Join(s.Dir, e.Name()))
		}
	}
}

// CheckDir gives the absolute name of a directory that backups can be put into; the error is a plain sentence.
func CheckDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", errors.New("the directory " + abs + " does not exist")
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", errors.New(abs + " is not a directory")
	}
	probe, err := os.CreateTemp(abs, ".regrant-probe-")
	if err != nil {
		return "", errors.New("the directory " + abs + " is not writable")
	}
	return abs, errors.Join(probe.Close(), os.Remove(probe.Name()))
}
