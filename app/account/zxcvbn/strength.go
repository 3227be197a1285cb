// Package zxcvbn guesses how easily a password is guessed. It is the package matching of github.com/ccojocar/zxcvbn-go v1.0.4
// (LICENSE), whose scoring, entropy and data it uses, with one change: the dictionaries are read when the first password is judged.
// There they are read when a program starts, each time for 40 ms and for good in 20 MB, though a server that nobody gives a new
// password never needs them. A test compares the two.
package zxcvbn

import (
	"encoding/json"
	"sort"
	"sync"

	"github.com/ccojocar/zxcvbn-go/adjacency"
	"github.com/ccojocar/zxcvbn-go/data"
	"github.com/ccojocar/zxcvbn-go/match"
	"github.com/ccojocar/zxcvbn-go/scoring"
)

// Score is from 0, guessed at once, to 4. words are what the person who chose it is known by. Its time grows with the third power of
// the length: give it no more than some 70 characters.
func Score(password string, words []string) int {
	load()
	var matches []match.Match
	if words != nil {
		matches = buildDictMatcher("user_inputs", buildRankedDict(words))(password)
	}
	for _, find := range dictionaryMatchers {
		matches = append(matches, find(password)...)
	}
	for _, find := range []matcher{spatialMatch, repeatMatch, sequenceMatch, l33tMatch, dateSepMatcher, dateWithoutSepMatch} {
		matches = append(matches, find(password)...)
	}
	sort.Sort(match.Matches(matches))
	return scoring.MinimumEntropyMatchSequence(password, matches).Score
}

type matcher = func(password string) []match.Match

// Set by load, and not changed afterwards.
var (
	dictionaryMatchers []matcher
	adjacencyGraphs    []adjacency.Graph
	l33tTable          adjacency.Graph
)

var sequences = map[string]string{
	"lower":  "abcdefghijklmnopqrstuvwxyz",
	"upper":  "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	"digits": "0123456789",
}

var load = sync.OnceFunc(func() {
	for name, file := range map[string]string{
		"MaleNames": "MaleNames", "FemaleNames": "FemaleNames", "Surname": "Surnames", "English": "English", "Passwords": "Passwords",
	} {
		var frequency struct{ List []string }
		text, err := data.Asset("data/" + file + ".json")
		if err == nil {
			err = json.Unmarshal(text, &frequency)
		}
		if err != nil {
			panic("zxcvbn: " + err.Error()) // unreachable: the lists are part of the binary
		}
		dictionaryMatchers = append(dictionaryMatchers, buildDictMatcher(name, buildRankedDict(frequency.List)))
	}
	l33tTable = adjacency.GraphMap["l33t"]
	for _, name := range []string{"qwerty", "dvorak", "keypad", "macKeypad"} {
		adjacencyGraphs = append(adjacencyGraphs, adjacency.GraphMap[name])
	}
})
