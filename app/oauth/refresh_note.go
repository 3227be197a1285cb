package oauth

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"strconv"

	"regrant/app/audit"
)

// refused notes a refusal of a genuine token for the timeline of its grant and gives the answer.
func (s *Server) refused(state *RefreshState, token *refreshToken, r *TokenRequest, now Instant, rule Rule, why string) error {
	s.noteRefusal(state, token, r, now, why)
	return errRefreshToken(rule, why)
}

// noteError notes a refusal by scope, resource or policy, and gives the error unchanged. A fault is not a refusal.
func (s *Server) noteError(state *RefreshState, token *refreshToken, r *TokenRequest, now Instant, err error) error {
	var e *Error
	if errors.As(err, &e) && e.Code != TemporarilyUnavailable {
		s.noteRefusal(state, token, r, now, e.Error())
	}
	return err
}

// noteRefusal counts a refusal, and writes a moment for the first of its kind in a while. A token that is dead already
// costs no write at all once it was noted: some clients present theirs hundreds of times.
func (s *Server) noteRefusal(state *RefreshState, token *refreshToken, r *TokenRequest, now Instant, why string) {
	if !s.behind.first("refused:"+state.ID+why, now.Wall) {
		return
	}
	s.behind.refused(state.ClientID, state.ID, now.Wall)
	s.behind.moment(Moment{
		GrantID: state.ID, At: now.Wall, Kind: MomentRefused, Generation: token.generation,
		IP: r.By.IP, UserAgent: r.By.UserAgent, Detail: why, RequestID: r.By.RequestID,
	})
}

// noteUse writes the moments that a successful refresh can be: it got less, or came from elsewhere.
func (s *Server) noteUse(state *RefreshState, token *refreshToken, t target, r *TokenRequest, now Instant) {
	m := Moment{
		GrantID: state.ID, At: now.Wall, Generation: token.generation, IP: r.By.IP, UserAgent: r.By.UserAgent, RequestID: r.By.RequestID,
	}
	if r.Scope != "" && narrowed(state, t) {
		m.Kind, m.Detail = MomentNarrowed, t.scope.String()
		s.behind.moment(m)
	}
	if r.By.IP != state.LastIP {
		m.Kind, m.Detail = MomentAddressChanged, "before: "+state.LastIP
		s.behind.moment(m)
	}
	if r.By.UserAgent != state.LastUserAgent {
		m.Kind, m.Detail = MomentAgentChanged, "before: "+state.LastUserAgent
		s.behind.moment(m)
	}
}

// noteStranger records a genuine token that its presenter should not have.
func (s *Server) noteStranger(kind audit.Kind, client *Client, grantID string, token *refreshToken, r *TokenRequest) {
	now := s.clock.Now().Wall
	if s.behind.first(string(kind)+client.ID+encodeB64(token.id[:]), now) {
		s.behind.refused(client.ID, "", now)
		s.behind.event(audit.Event{At: now, Kind: kind, Origin: r.By, ClientID: client.ID, GrantID: grantID, Result: "refused",
			Detail: audit.Details("generation", decimal(token.generation))})
	}
}

func newNonce() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

func sameHash(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

func decimal(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
