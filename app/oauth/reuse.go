package oauth

import "time"

// ReuseClass says what a proven reuse most likely was, requirements.md 1.24.
type ReuseClass string

// The classes.
const (
	ReuseLostResponse ReuseClass = "lost_response" // the previous generation came again and its successor was never used
	ReuseRace         ReuseClass = "race"          // superseded less than a minute ago, from the same address and agent
	ReuseTheft        ReuseClass = "theft"         // anything else
)

const raceWindow = time.Minute

// classifyReuse says which it was. ip and agent are the presenter's, s is the row that proved it.
func classifyReuse(s *RefreshState, generation uint32, now time.Time, ip, agent string) ReuseClass {
	behind := s.Generation - generation
	if behind == 1 {
		return ReuseLostResponse
	}
	at, known := s.Ring.supersededAt(behind)
	if known && now.Sub(at) < raceWindow && ip == s.LastIP && agent == s.LastUserAgent {
		return ReuseRace
	}
	return ReuseTheft
}
