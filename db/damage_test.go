package db_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"regrant/db"
)

const pageSize = 4096

// specimen is a database to be damaged, and what it holds.
type specimen struct {
	files map[string][]byte // by suffix: "", "-wal", "-shm"
	apps  []application
	print string // of all rows
}

// newSpecimen gives a database with living, revoked and often rotated grants; crashed has much of it in the WAL.
func newSpecimen(t *testing.T, crashed bool) *specimen {
	t.Helper()
	ctx, dir := t.Context(), inMemory(t)
	path := filepath.Join(dir, "regrant.db")
	file, _ := prepared()
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := openService(ctx, path, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		a, err := s.join(ctx)
		for range 4 {
			if err == nil {
				err = s.refresh(ctx, a)
			}
		}
		if err == nil && i%4 == 0 {
			err = s.revoke(ctx, a)
		}
		if err == nil && crashed && i == 20 {
			err = s.db.Checkpoint(ctx, true)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	sp := &specimen{apps: s.memories(), files: map[string][]byte{}}
	if !crashed {
		if err := s.db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if b, err := os.ReadFile(path + suffix); err == nil {
			sp.files[suffix] = b
		}
	}
	if crashed {
		s.db.Close()
	}
	if len(sp.files) != map[bool]int{false: 1, true: 3}[crashed] {
		t.Fatalf("%d files", len(sp.files))
	}
	sp.print = printOf(sp.write(t, inMemory(t)))
	return sp
}

// write puts the files into dir.
func (sp *specimen) write(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "regrant.db")
	for suffix, b := range sp.files {
		if err := os.WriteFile(path+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// printOf is equal for databases with equal rows, and "" if they cannot all be read.
func printOf(path string) string {
	raw, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return ""
	}
	defer raw.Close()
	raw.SetMaxOpenConns(1)
	hash := sha256.New()
	var names []string
	rows, err := raw.Query("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
	if err != nil {
		return ""
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return ""
		}
		names = append(names, name)
	}
	if rows.Err() != nil {
		return ""
	}
	for _, name := range names {
		rows, err := raw.Query(`SELECT * FROM "` + name + `"`)
		if err != nil {
			return ""
		}
		columns, _ := rows.Columns()
		values, pointers := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		fmt.Fprintln(hash, name, columns)
		for rows.Next() {
			if err := rows.Scan(pointers...); err != nil {
				break
			}
			fmt.Fprintf(hash, "%v\n", values)
		}
		err = rows.Err()
		rows.Close()
		if err != nil {
			return ""
		}
	}
	return fmt.Sprintf("%x", hash.Sum(nil))
}

// damage is a way to break a file. It reports false where there is nothing of that kind to break.
type damage struct {
	name       string
	structural bool // what SQLite stands on, rather than what a row says
	crashed    bool // of a specimen with a WAL
	do         func(*specimen, *mathrand.Rand)
}

// used gives the place of a page that belongs to a tree.
func used(b []byte, rng *mathrand.Rand) int {
	for {
		at := rng.IntN(len(b)/pageSize) * pageSize
		header := at
		if at == 0 {
			header = 100
		}
		if kind := b[header]; kind == 2 || kind == 5 || kind == 10 || kind == 13 {
			return at
		}
	}
}

func flip(b []byte, rng *mathrand.Rand) {
	for range 1 + rng.IntN(64) {
		b[rng.IntN(len(b))] ^= byte(1 + rng.IntN(255))
	}
}

var damages = []damage{
	{"zeroed page", true, false, func(s *specimen, rng *mathrand.Rand) {
		at := used(s.files[""], rng)
		clear(s.files[""][at : at+pageSize])
	}},
	{"page of garbage", true, false, func(s *specimen, rng *mathrand.Rand) {
		at := used(s.files[""], rng)
		for i := range pageSize {
			s.files[""][at+i] = byte(rng.Uint32())
		}
	}},
	{"two pages swapped", true, false, func(s *specimen, rng *mathrand.Rand) {
		b := s.files[""]
		x, y := used(b, rng), used(b, rng)
		for x == y {
			y = used(b, rng)
		}
		page := slices.Clone(b[x : x+pageSize])
		copy(b[x:x+pageSize], b[y:y+pageSize])
		copy(b[y:], page)
	}},
	{"cut short", true, false, func(s *specimen, rng *mathrand.Rand) {
		s.files[""] = s.files[""][:rng.IntN(len(s.files[""])-1)+1]
	}},
	{"head of a tree's page", true, false, func(s *specimen, rng *mathrand.Rand) {
		b := s.files[""]
		at := used(b, rng)
		if at == 0 {
			at = 100
		}
		// Its kind, the number of cells, and where they begin.
		b[at+[]int{0, 3, 4, 5, 6}[rng.IntN(5)]] ^= byte(1 + rng.IntN(255))
	}},
	{"pointer to a cell", true, false, func(s *specimen, rng *mathrand.Rand) {
		b := s.files[""]
		for {
			at := used(b, rng)
			if at == 0 {
				continue
			}
			head := 8
			if b[at] == 2 || b[at] == 5 {
				head = 12
			}
			if n := int(binary.BigEndian.Uint16(b[at+3:])); n > 0 {
				b[at+head+rng.IntN(2*n)] ^= byte(1 + rng.IntN(255))
				return
			}
		}
	}},
	{"1 to 64 bytes of the file", false, false, func(s *specimen, rng *mathrand.Rand) { flip(s.files[""], rng) }},
	{"1 to 64 bytes of the file beside a WAL", false, true, func(s *specimen, rng *mathrand.Rand) { flip(s.files[""], rng) }},
	{"1 to 64 bytes of the WAL", false, true, func(s *specimen, rng *mathrand.Rand) { flip(s.files["-wal"], rng) }},
	{"1 to 64 bytes of the -shm", false, true, func(s *specimen, rng *mathrand.Rand) { flip(s.files["-shm"], rng) }},
	{"end of the WAL cut off", false, true, func(s *specimen, rng *mathrand.Rand) {
		// What a crash may leave as well: only the last transaction is lost.
		s.files["-wal"] = s.files["-wal"][:len(s.files["-wal"])-1-rng.IntN(pageSize)]
	}},
	{"a zeroed page of the WAL", false, true, func(s *specimen, rng *mathrand.Rand) {
		frame := frameSize * rng.IntN((len(s.files["-wal"])-32)/frameSize)
		clear(s.files["-wal"][32+frame : 32+frame+frameSize])
	}},
	{"two rows' hashes swapped", false, false, nil},
}

const frameSize = pageSize + 24

// diagnosis is what becomes of a damaged copy.
type diagnosis struct {
	refused  bool   // the server does not start
	met      bool   // it stops its writes, being told by SQLite
	doctor   bool   // `regrant doctor` would find it
	harmless bool   // every row is as it was
	accepted string // a token that must not be
	odd      int    // honest tokens that got a verdict
}

// diagnose opens two copies: one as doctor does, one as the server.
func (sp *specimen) diagnose(t *testing.T, mend func(path string)) (d diagnosis) {
	t.Helper()
	ctx := context.Background()
	work := inMemory(t)
	defer os.RemoveAll(work)
	copyTo := func(name string) string {
		dir := filepath.Join(work, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := sp.write(t, dir)
		if mend != nil {
			mend(path)
		}
		return path
	}
	d.harmless = printOf(copyTo("print")) == sp.print
	d.doctor = unsound(ctx, copyTo("doctor"))
	s, err := openService(ctx, copyTo("server"), db.Options{})
	if err != nil {
		d.refused = true
		return d
	}
	defer s.db.Close()
	for i, a := range sp.apps {
		_, err := s.present(ctx, a.token)
		switch {
		case a.ended && err == nil:
			d.accepted = fmt.Sprintf("the token of application %d, which was revoked", i)
		case !a.ended && verdict(err):
			d.odd++
		}
	}
	for i, a := range sp.apps {
		if _, err := s.present(ctx, a.older[i%3]); err == nil {
			d.accepted = fmt.Sprintf("generation %d of application %d", i%3, i)
		}
	}
	d.met = s.db.Ready(ctx) != nil
	return d
}

// unsound says whether doctor's checks find something.
func unsound(ctx context.Context, path string) bool {
	s, err := db.Open(ctx, path, db.Options{})
	if err != nil {
		return true
	}
	defer s.Close()
	wrong, err := s.CheckIntegrity(ctx)
	more, err2 := s.CheckReferences(ctx)
	_, err3 := s.VerifyAudit(ctx)
	_, err4 := s.Keys(ctx)
	return err != nil || err2 != nil || err3 != nil || err4 != nil || len(wrong)+len(more) > 0
}

func TestF7_ADamagedFileIsNoticedOrHarmlessAndNeverLetsAnybodyIn(t *testing.T) {
	specimens := map[bool]*specimen{false: newSpecimen(t, false), true: newSpecimen(t, true)}
	for crashed, s := range specimens {
		if d := s.diagnose(t, nil); !d.harmless || d.refused || d.doctor || d.odd > 0 || d.accepted != "" {
			t.Fatalf("without damage (crashed %v): %+v", crashed, d)
		}
	}
	copies := many(80, 4, 1) // of each kind
	structural, found := 0, 0
	for _, kind := range damages {
		var count struct{ refused, met, doctor, harmless, silent, odd int }
		for i := range copies {
			rng := mathrand.New(mathrand.NewPCG(uint64(i), 9))
			s := &specimen{apps: specimens[kind.crashed].apps, print: specimens[kind.crashed].print, files: map[string][]byte{}}
			for suffix, b := range specimens[kind.crashed].files {
				s.files[suffix] = slices.Clone(b)
			}
			var mend func(string)
			if kind.do != nil {
				kind.do(s, rng)
			} else {
				mend = func(path string) { swapHashes(t, path, i) }
			}

			d := s.diagnose(t, mend)

			if d.accepted != "" {
				t.Errorf("%s, copy %d: accepted %s", kind.name, i, d.accepted)
			}
			for of, is := range map[*int]bool{&count.refused: d.refused, &count.met: d.met, &count.doctor: d.doctor, &count.harmless: d.harmless,
				&count.silent: !d.refused && !d.met && !d.doctor && !d.harmless, &count.odd: d.odd > 0} {
				if is {
					*of++
				}
			}
			if kind.structural && !d.harmless {
				structural++
				if d.doctor {
					found++
				} else {
					t.Logf("%s, copy %d: doctor finds nothing: %+v", kind.name, i, d)
				}
			}
		}
		t.Logf("%-40s %d copies: %+v", kind.name, copies, count)
	}
	t.Logf("doctor finds %d of %d structural damages", found, structural)
	if found*100 < structural*95 {
		t.Error("want 95 of 100")
	}
}

// swapHashes gives two tokens each other's hash.
func swapHashes(t *testing.T, path string, i int) {
	t.Helper()
	raw, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetMaxOpenConns(1)
	_, err = raw.Exec(`WITH two AS (SELECT token_id, current_hash FROM refresh_tokens ORDER BY token_id LIMIT 2 OFFSET ?1)
		UPDATE refresh_tokens SET current_hash = (SELECT o.current_hash FROM two o WHERE o.token_id <> refresh_tokens.token_id)
		WHERE token_id IN (SELECT token_id FROM two)`, i%38)
	if err != nil {
		t.Fatal(err)
	}
}
