package account

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
)

// refusal is the key of the reason for which a password may not be chosen, empty if it may.
func refusal(t testing.TB, password string, words ...string) string {
	t.Helper()
	err := CheckPassword(password, words...)
	var e *PasswordError
	if err != nil && !errors.As(err, &e) {
		t.Fatal(err)
	}
	if err == nil {
		return ""
	}
	if err.Error() == "" || len(password) >= MinPassword && strings.Contains(err.Error(), password) {
		t.Errorf("the refusal says %q", err)
	}
	return e.Key
}

func TestRequirements(t *testing.T) {
	// 14 characters that follow no pattern, to be made longer.
	const odd = "kV9#tz Wq4!rLm"

	t.Run("WEB-33 the hash for accounts that do not exist is one of nobody's password, at the cost of all", func(t *testing.T) {
		h, err := NewHasher(HasherOptions{Cost: Cost{Memory: 64, Iterations: 1, Lanes: 1}})
		if err != nil {
			t.Fatal(err)
		}
		params, salt, key, err := argon2id.DecodeHash(h.dummy)
		if err != nil || *params != h.params || len(salt) != 16 || len(key) != 32 || h.dummy == h.nobodys() {
			t.Errorf("%s: %+v %v", h.dummy, params, err)
		}
		if _, err := NewHasher(HasherOptions{Cost: Cost{Memory: 64, Lanes: 1}}); err == nil {
			t.Error("a hash in no round is no hash")
		}
	})

	t.Run("WEB-30 lengths count code points", func(t *testing.T) {
		long := strings.Repeat("kV9#tz Wq4!rLmx7 ", 16)
		for _, c := range []struct{ password, want string }{
			{"", "password.too_short"},
			{odd, "password.too_short"},
			{odd + "u", ""},
			{odd + " ", ""},
			{strings.Repeat("é", 14), "password.too_short"},
			{"kV9#tz Wq4!rL🦉🪁", ""},
			{"🦉🪁🧶🫖🪴🦔🧭🪟🪵🫧🛶🪗🧺🪡", "password.too_short"},
			{"🦉🪁🧶🫖🪴🦔🧭🪟🪵🫧🛶🪗🧺🪡🦞", ""},
			{"e\u0301 " + odd[2:], "password.too_short"}, // 14 in NFC, though 15 were typed
			{long[:64], ""},
			{long[:256], ""},
			{long[:257], "password.too_long"},
			{strings.Repeat(long, 1000), "password.too_long"},
		} {
			if got := refusal(t, c.password); got != c.want {
				t.Errorf("%.40q of %d: got %q, want %q", c.password, utf8.RuneCountInString(c.password), got, c.want)
			}
		}
	})

	t.Run("WEB-30 no composition is asked for", func(t *testing.T) {
		for _, p := range []string{"orchid wander velvet mosaic", "ptarmigan otter kayak", "83 ospreys over lisbon pier", "ワニが橋の下で静かに眠っている夜"} {
			if got := refusal(t, p); got != "" {
				t.Errorf("%q: %s", p, got)
			}
		}
	})

	t.Run("WEB-30 the whole password is verified, in any normal form", func(t *testing.T) {
		h, err := NewHasher(HasherOptions{Cost: Cost{Memory: 64, Iterations: 1, Lanes: 1}})
		if err != nil {
			t.Fatal(err)
		}
		turn, err := h.enter(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		defer turn.leave()
		long := strings.Repeat("x", 71)
		for _, c := range []struct {
			chosen, typed string
			want          bool
		}{
			{odd + "u", odd + "u", true},
			{odd + "u ", odd + "u", false},
			{" " + odd + "u", odd + "u", false},
			{odd + "u", odd + "U", false},
			{long + "ab", long + "ac", false}, // the 73rd byte
			{strings.Repeat("y", 255) + "a", strings.Repeat("y", 255) + "b", false},
			{"caf\u00e9 " + odd, "cafe\u0301 " + odd, true},
		} {
			hash, err := turn.hash(c.chosen)
			if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=64,t=1,p=1$") {
				t.Fatal(hash, err)
			}
			got, stale, err := turn.check(c.typed, hash, "")
			if got != c.want || stale || err != nil {
				t.Errorf("%.20q typed for %.20q: %v, %v, %v", c.typed, c.chosen, got, stale, err)
			}
		}
		if match, _, err := turn.check("", "", ""); match || err != nil {
			t.Error("a person without a password was let in", err)
		}
		if match, _, err := turn.check("x", "$2a$10$bcrypt", ""); match || err == nil {
			t.Error("a hash that cannot be read is a verdict")
		}
		for _, cost := range []string{"m=64,t=0,p=1", "m=64,t=1,p=0", "m=4000000000,t=1,p=1", "m=64,t=4000000000,p=1"} {
			_, _, err := turn.check("x", "$argon2id$v=19$"+cost+"$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "")
			if err == nil {
				t.Errorf("%s was computed", cost)
			}
		}
	})

	t.Run("WEB-31 the list holds at least 3 000 passwords of policy length", func(t *testing.T) {
		if n := len(blocklist()); n < 3000 {
			t.Errorf("%d", n)
		}
		for w := range blocklist() {
			if n := utf8.RuneCountInString(w); n < MinPassword || w != bareWord(w) {
				t.Fatalf("%q of %d is never asked for", w, n)
			}
		}
	})

	t.Run("WEB-31 what is guessed first is refused, and the refusal says why", func(t *testing.T) {
		for _, c := range []struct{ password, want string }{
			{"passwordpassword", "password.common"},
			{"PasswordPassword1", "password.common"},
			{"correct horse battery staple", "password.common"},
			{"Correct-Horse-Battery-Staple!", "password.common"},
			{"qwertyuiopasdfghjkl", "password.common"},
			{"123456789012345", "password.common"},
			{"May the Force be with you", "password.common"},
			{"dragondragondragon", "password.common"},
			{"парольпарольпароль", "password.common"},
			{"ann.miller@example.com", "password.personal"},
			{"Ann Miller 1984!", "password.personal"},
			{"miller-miller-miller", "password.personal"},
			{"RegrantRegrant2026", "password.personal"},
			{"login.acme.test 12", "password.personal"},
			{"xyzxyzxyzxyzxyzxyz", "password.guessable"},
			{"zzzzzzzzzzzzzzzzzzzzzzz", "password.guessable"},
			{"kx7kx7kx7kx7kx7k", "password.guessable"},
			{"ppppppppppppppq", "password.guessable"},
			{odd + "\x00u", "password.not_text"},
			{odd + "\xff\xfe", "password.not_text"},
		} {
			if got := refusal(t, c.password, "ann.miller@example.com", "Ann Miller", "login.acme.test"); got != c.want {
				t.Errorf("%q: got %q, want %q", c.password, got, c.want)
			}
		}
		if got := refusal(t, "the miller grinds blue oats", "Ann Miller"); got != "" {
			t.Errorf("a name inside a long password: %s", got)
		}
	})

	t.Run("WEB-31 the longest password costs little to weigh", func(t *testing.T) {
		long := strings.Repeat("Zq7 aRt9-", 40)[:MaxPassword]
		emoji := strings.Repeat("🦉a🪁7", 100)
		began := time.Now()
		CheckPassword(long)
		CheckPassword(string([]rune(emoji)[:MaxPassword]))
		if d := time.Since(began); d > 3*time.Second {
			t.Errorf("took %v", d)
		}
	})
}

func TestHasher(t *testing.T) {
	cost := Cost{Memory: 4 * 1024, Iterations: 3, Lanes: 1}

	t.Run("WEB-32 no more hashes run at a time than may, and no more wait", func(t *testing.T) {
		h, err := NewHasher(HasherOptions{Cost: cost, Parallel: 2, Waiting: 3})
		if err != nil {
			t.Fatal(err)
		}
		var running, most, done, busy atomic.Int64
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				turn, err := h.enter(context.Background(), false)
				if errors.Is(err, ErrBusy) {
					busy.Add(1)
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				defer turn.leave()
				n := running.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				_, _, _ = turn.check("x", "", "")
				running.Add(-1)
				done.Add(1)
			})
		}
		wg.Wait()
		if most.Load() > 2 || done.Load() < 5 || done.Load()+busy.Load() != 50 {
			t.Errorf("%d at a time, %d done, %d busy", most.Load(), done.Load(), busy.Load())
		}
	})

	t.Run("a caller that has gone leaves its place in the queue", func(t *testing.T) {
		h, err := NewHasher(HasherOptions{Cost: cost, Parallel: 1, Waiting: 1})
		if err != nil {
			t.Fatal(err)
		}
		first, err := h.enter(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if _, err := h.enter(ctx, false); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrBusy) {
				t.Fatalf("got %v", err)
			}
			cancel()
		}
		first.leave()
		second, err := h.enter(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		second.leave()
	})

	t.Run("WEB-33 an unknown account costs the same hash as a known one", func(t *testing.T) {
		h, err := NewHasher(HasherOptions{Cost: Cost{Memory: 16 * 1024, Iterations: 2, Lanes: 1}})
		if err != nil {
			t.Fatal(err)
		}
		turn, err := h.enter(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		defer turn.leave()
		hash, err := turn.hash("a lighthouse keeper's teapot")
		if err != nil {
			t.Fatal(err)
		}
		old, err := argon2id.CreateHash("x", &argon2id.Params{Memory: 40 * 1024, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
		if err != nil {
			t.Fatal(err)
		}
		memory := func(hash, like string) uint64 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			match, _, err := turn.check("x", hash, like)
			runtime.ReadMemStats(&after)
			if err != nil || match && hash == "" {
				t.Error(match, err)
			}
			return (after.TotalAlloc - before.TotalAlloc) >> 20
		}
		for _, c := range []struct {
			hash, like string
			want       uint64 // MiB
		}{
			{hash, "", 16}, {"", hash, 16}, {"", "", 16}, {"", "damaged", 16}, {"", "$argon2id$v=19$m=4000000000,t=1,p=1$AAAA$AAAA", 16},
			{old, "", 40}, {"", old, 40}, // as long as people have hashes at the cost of before
		} {
			if got := memory(c.hash, c.like); got != c.want {
				t.Errorf("%q, like %q: %d MiB", c.hash, c.like, got)
			}
		}
	})

	t.Run("the default is 19 MiB, two passes, one lane, and leaves a core", func(t *testing.T) {
		h, err := NewHasher(HasherOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if h.params.Memory != 19*1024 || h.params.Iterations != 2 || h.params.Parallelism != 1 || h.turns.free > 4 || h.turns.free < 1 {
			t.Errorf("%+v, %d at a time", h.params, h.turns.free)
		}
	})
}

func FuzzCheckPassword(f *testing.F) {
	for _, s := range []string{"passwordpassword", "🦉🪁🧶🫖🪴🦔🧭🪟🪵🫧🛶🪗🧺🪡🦞", "e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301", "\xff", "ſß1984-ΣΑΣ-ıİKÅ-2026"} {
		f.Add(s, "ann@example.com")
	}
	f.Fuzz(func(t *testing.T, password, word string) {
		err := CheckPassword(password, word)
		var e *PasswordError
		if err != nil && (!errors.As(err, &e) || e.Key == "") {
			t.Fatal(err)
		}
		if n := utf8.RuneCountInString(normalPassword(password)); err == nil && (n < MinPassword || n > MaxPassword) {
			t.Fatalf("a password of %d was accepted", n)
		}
	})
}
