package oauth

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"regrant/app/meter"
)

// Tally is what a [Server] has counted since its start, for metrics. Counting allocates nothing and holds nobody up.
type Tally struct {
	grants  [len(talliedTypes)][]atomic.Int64 // by what became of it, see outcomes
	reuse   [len(reuseClasses)][len(reuseActions)]atomic.Int64
	failed  [len(backgroundWork)]atomic.Int64
	sweeps  [2]atomic.Int64 // done, failed
	swept   atomic.Int64    // rows
	sweepIn *meter.Histogram

	places map[Rule]int // of the rules among the outcomes
}

var (
	talliedTypes = [...]string{GrantRefreshToken, GrantAuthorizationCode, GrantClientCredentials, GrantDeviceCode, GrantTokenExchange, "other"}
	reuseClasses = [...]ReuseClass{ReuseRace, ReuseLostResponse, ReuseTheft}
	reuseActions = [...]string{"revoked", "reported"}
	sweepResults = [...]string{"done", "failed"}

	// backgroundWork names what runs in the background, as the log does.
	backgroundWork = [...]string{workBeat, workReload, workFlush, workSweep, workBulk}
)

const (
	workBeat   = "save the clock"
	workReload = "reload keys and APIs"
	workFlush  = "write counters"
	workSweep  = "sweep"
	workBulk   = "revoke many"
)

// outcome is what became of a token request.
type outcome int

// The outcomes besides the rules, which follow them.
const (
	outcomeIssued   outcome = iota // a first token, or one without a refresh token
	outcomeRotated                 // the refresh token moved to its next generation
	outcomeReplayed                // the previous generation came again in its window and got the same successor
	outcomeRenewed                 // a refresh token that does not rotate
	outcomeFault                   // no verdict: the server could not answer
	outcomeGone                    // nor here: the caller hung up
	outcomeGarbage                 // not a token of this server
	outcomeStranger                // not a client of this server, or no word of who it is
	outcomeRules
)

// outcomes tells each in words: the result, and the reason that stands beside it.
var outcomes = [outcomeRules][2]string{
	outcomeIssued: {"granted", "issued"}, outcomeRotated: {"granted", "rotated"}, outcomeReplayed: {"granted", "replayed"},
	outcomeRenewed: {"granted", "renewed"}, outcomeFault: {"failed", "fault"}, outcomeGone: {"failed", "caller_gone"},
	outcomeGarbage: {"refused", "refresh_token.garbage"}, outcomeStranger: {"refused", "client.unknown"},
}

func newTally() *Tally {
	t := &Tally{sweepIn: meter.NewTimes(), places: map[Rule]int{}}
	for i, rule := range Rules() {
		t.places[rule] = int(outcomeRules) + i
	}
	for i := range t.grants {
		t.grants[i] = make([]atomic.Int64, int(outcomeRules)+len(t.places))
	}
	return t
}

// answered counts the answer to a token request.
func (t *Tally) answered(grantType string, response *TokenResponse, err error) {
	place := 0
	if err == nil {
		place = int(response.how)
	} else {
		place = t.placeOf(err)
	}
	i := 0
	for i < len(talliedTypes)-1 && talliedTypes[i] != grantType {
		i++
	}
	t.grants[i][place].Add(1)
}

// placeOf is where an error is counted.
func (t *Tally) placeOf(err error) int {
	e := AsError(err)
	switch {
	case isFault(e) && errors.Is(e.Err, context.Canceled):
		return int(outcomeGone)
	case isFault(e):
		return int(outcomeFault)
	case e.garbage:
		return int(outcomeGarbage)
	}
	rule := ruleOf(e.Code)
	if e.Refusal != nil && e.Refusal.Rule != "" {
		rule = e.Refusal.Rule
	} else if e.Code == InvalidClient {
		return int(outcomeStranger)
	}
	return t.places[rule]
}

// reused counts a proven reuse, whatever the client's policy makes of it.
func (t *Tally) reused(class ReuseClass, reported bool) {
	action := 0
	if reported {
		action = 1
	}
	for i, c := range reuseClasses {
		if c == class {
			t.reuse[i][action].Add(1)
		}
	}
}

// sweep counts one sweep of the store.
func (t *Tally) sweep(rows int, took time.Duration, err error) {
	t.swept.Add(int64(rows))
	t.sweepIn.AddTime(took)
	if err != nil {
		t.sweeps[1].Add(1)
		return
	}
	t.sweeps[0].Add(1)
}

// lapsed counts background work that failed.
func (t *Tally) lapsed(work string) {
	for i, w := range backgroundWork {
		if w == work {
			t.failed[i].Add(1)
		}
	}
}

// EachGrant calls f with the count of every way in which a token request can end, those that never did only where they are
// of interest. result is granted, refused or failed; reason is the [Rule] of a refusal.
func (t *Tally) EachGrant(f func(grantType, result, reason string, n int64)) {
	rules := Rules()
	for i, grantType := range talliedTypes {
		for place := range t.grants[i] {
			n := t.grants[i][place].Load()
			switch {
			case place < int(outcomeRules):
				if own := grantType == GrantRefreshToken; n > 0 || own || place == int(outcomeIssued) || place == int(outcomeFault) {
					f(grantType, outcomes[place][0], outcomes[place][1], n)
				}
			case n > 0:
				f(grantType, "refused", string(rules[place-int(outcomeRules)]), n)
			}
		}
	}
}

// EachReuse calls f with the count of every class of reuse and of what was done about it: revoked or reported.
func (t *Tally) EachReuse(f func(class ReuseClass, action string, n int64)) {
	for i, class := range reuseClasses {
		for j, action := range reuseActions {
			f(class, action, t.reuse[i][j].Load())
		}
	}
}

// EachFailure calls f with how often each kind of background work has failed.
func (t *Tally) EachFailure(f func(work string, n int64)) {
	for i, work := range backgroundWork {
		f(work, t.failed[i].Load())
	}
}

// Sweeps calls f with how many sweeps ended in which way, and gives the rows that they removed and how long they took.
func (t *Tally) Sweeps(f func(result string, n int64)) (rows int64, took meter.Reading) {
	for i, result := range sweepResults {
		f(result, t.sweeps[i].Load())
	}
	return t.swept.Load(), t.sweepIn.Read()
}
