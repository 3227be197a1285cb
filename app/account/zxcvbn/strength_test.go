package zxcvbn

import (
	"fmt"
	"math/rand/v2"
	"testing"

	theirs "github.com/ccojocar/zxcvbn-go"
)

// The library judges every password as its copy does.
func TestTheCopyScoresAsTheLibrary(t *testing.T) {
	pieces := []string{
		"correct", "horse", "battery", "staple", "Pa55w0rd", "qwertzuiop", "asdfgh", "1234567", "aaaa", "abcdef", "ZYXWV", "1984-12-24", "24.12.1984",
		"p@$$", "margaret", "Smith", "kV9#tz", "Wq4!rLm", " ", "é", "🦉", "dr4g0n", "l337", "|7<(", "iloveyou", "x", "7",
	}
	random := rand.New(rand.NewPCG(1, 2))
	scores := map[int]int{}
	for i := range 400 {
		password := ""
		for range 1 + random.IntN(4) {
			password += pieces[random.IntN(len(pieces))]
		}
		var words []string
		if i%3 == 0 {
			words = []string{"Smith", "horse battery", "acme"}
		}
		got, want := Score(password, words), theirs.PasswordStrength(password, words).Score
		if got != want {
			t.Errorf("%q with %v: %d, the library says %d", password, words, got, want)
		}
		scores[got]++
	}
	if len(scores) != 5 {
		t.Errorf("only the scores %s were seen", fmt.Sprint(scores))
	}
}
