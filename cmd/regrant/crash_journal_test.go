package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// journal is the log of those who use a server: a line each time one of them asks for something or is told something. Many write at
// once, so what waits while the disk syncs goes into the next sync together.
type journal struct {
	t     *testing.T
	file  *os.File
	queue chan journalLine
}

type journalLine struct {
	text   string
	onDisk chan error
}

func newJournal(t *testing.T) *journal {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(t.TempDir(), "log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	j := &journal{t, file, make(chan journalLine, 1024)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		j.run()
	}()
	t.Cleanup(func() {
		close(j.queue)
		<-ended
		file.Close()
	})
	return j
}

func (j *journal) run() {
	for first := range j.queue {
		batch := []journalLine{first}
		for more := true; more && len(batch) < cap(j.queue); {
			select {
			case line, open := <-j.queue:
				if more = open; open {
					batch = append(batch, line)
				}
			default:
				more = false
			}
		}
		var text strings.Builder
		for _, line := range batch {
			text.WriteString(line.text)
		}
		_, err := j.file.WriteString(text.String())
		if err == nil {
			err = j.file.Sync()
		}
		for _, line := range batch {
			line.onDisk <- err
		}
	}
}

// write adds a line that is on the disk when it returns.
func (j *journal) write(who, what, about string) {
	line := journalLine{fmt.Sprintln(who, what, about), make(chan error, 1)}
	j.queue <- line
	if err := <-line.onDisk; err != nil {
		j.t.Error(err)
	}
}

// takeLines gives what was written, by who, and begins the log anew.
func (j *journal) takeLines() map[string][][]string {
	b, err := os.ReadFile(j.file.Name())
	if err == nil {
		err = j.file.Truncate(0)
	}
	if err != nil {
		j.t.Error(err)
	}
	all := map[string][][]string{}
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line)
		all[words[0]] = append(all[words[0]], words[1:])
	}
	return all
}
