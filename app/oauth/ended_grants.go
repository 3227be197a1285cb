package oauth

import (
	"encoding/json"
	"fmt"
	"time"
)

// EndedGrants is what a client is told of the end of grants: of one, or of every one of a person or of all people. Time that ends a
// grant is told to nobody, since the client was told how long it lasts.
type EndedGrants struct {
	GrantID   string        `json:"grant_id,omitempty"` // "": every one that was made at or before Until
	SessionID string        `json:"sid,omitempty"`      // of the browser in which it was made
	PersonID  string        `json:"sub,omitempty"`      // "": of every person
	Reason    RevokedReason `json:"reason,omitempty"`
	At        time.Time     `json:"at"`
	Until     *time.Time    `json:"until,omitempty"`
	Test      bool          `json:"test,omitempty"` // nothing has ended: an admin looks whether news arrives
}

func readEndedGrants(told []byte) (e EndedGrants, err error) {
	if err := json.Unmarshal(told, &e); err != nil {
		return e, fmt.Errorf("read the end of grants: %w", err)
	}
	return e, nil
}
