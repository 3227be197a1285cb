package oauth

import (
	"fmt"
	"testing"
	"time"
)

func TestDV05_OfAThousandGuessesFiveAreTriedAndThenOneAMinute(t *testing.T) {
	var g guesses
	tried, now := 0, epochOfGuesses
	for i := range 1000 {
		if i >= 500 {
			now = now.Add(time.Second)
		}
		wait, ok := g.take("192.0.2.1", now)
		if ok {
			tried++
		} else if wait <= 0 || wait > userCodeTryEvery {
			t.Fatalf("guess %d is told to wait %v", i, wait)
		}
	}
	if want := maxUserCodeTries + 500/60; tried != want {
		t.Errorf("%d guesses were tried, want %d", tried, want)
	}
	if _, ok := g.take("192.0.2.2", now); !ok {
		t.Error("another address waits too")
	}
}

var epochOfGuesses = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestDV05_ARightCodeCostsNothing(t *testing.T) {
	var g guesses
	for i := range 100 {
		if _, ok := g.take("192.0.2.1", epochOfGuesses); !ok {
			t.Fatalf("code %d has to wait", i)
		}
		g.giveBack("192.0.2.1", epochOfGuesses)
	}
	if len(g.tries) != 0 {
		t.Errorf("%d addresses are remembered", len(g.tries))
	}
}

func TestDV05_AClockThatGoesBackForgetsNoGuess(t *testing.T) {
	var g guesses
	for range maxUserCodeTries {
		g.take("192.0.2.1", epochOfGuesses)
	}
	if _, ok := g.take("192.0.2.1", epochOfGuesses.Add(-time.Hour)); ok {
		t.Error("one more guess")
	}
}

func TestWEB65_TheMemoryOfGuessesIsBounded(t *testing.T) {
	var g guesses
	for i := range maxGuessers + 10 {
		g.take(fmt.Sprint(i), epochOfGuesses)
	}
	if len(g.tries) > maxGuessers {
		t.Errorf("%d addresses are remembered", len(g.tries))
	}
}
