package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"regrant/app/audit"
)

// Registration tells a client that registered itself what is registered, RFC 7592 §2.1. A token that is not that client's, and a client
// that does not exist, are one and the same [InvalidToken].
func (s *Server) Registration(ctx context.Context, id string, r RegistrationRequest) (*ClientInformation, error) {
	c, err := s.registered(ctx, id, r.Token)
	if err != nil {
		return nil, err
	}
	return (&ClientInformation{RegistrationAccessToken: r.Token}).of(c, s.issuer), nil
}

// ChangeRegistration replaces what a client has registered of itself, RFC 7592 §2.2: what is left out goes. A client never gets a
// scope by it that it did not have, since an admin may have taken it away.
func (s *Server) ChangeRegistration(ctx context.Context, id string, r RegistrationRequest) (*ClientInformation, error) {
	c, err := s.registered(ctx, id, r.Token)
	if err != nil {
		return nil, err
	}
	if err := s.checkUpdate(c, r.Metadata, s.clock.Now().Deadline); err != nil {
		return nil, err
	}
	m, err := readClientMetadata(r.Metadata)
	if err != nil {
		return nil, wire(err)
	}
	if err := s.checkSector(ctx, m, r.By.IP); err != nil {
		return nil, err
	}
	by := r.By
	by.Actor, by.ActorID = audit.ByClient, id
	c, err = ChangeClient(ctx, s.store, id, func(c *Client) error {
		if err := s.mayConfigure(c, r.Token); err != nil { // it may have been disabled meanwhile
			return err
		}
		if err := m.apply(c, c.Scope); err != nil {
			return err
		}
		return nil
	}, s.clock.Now().Wall, by)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, errConfiguration("the client is gone")
	case err != nil:
		return nil, wire(fault("change registration", err))
	}
	return (&ClientInformation{RegistrationAccessToken: r.Token}).of(c, s.issuer), nil
}

// EndRegistration deletes a client that asks for it, with its grants: RFC 7592 §2.3.
func (s *Server) EndRegistration(ctx context.Context, id string, r RegistrationRequest) error {
	if _, err := s.registered(ctx, id, r.Token); err != nil {
		return err
	}
	by := r.By
	by.Actor, by.ActorID = audit.ByClient, id
	err := RemoveClient(ctx, s.store, id, s.clock.Now().Wall, by)
	if errors.Is(err, ErrNotFound) {
		return errConfiguration("the client is gone")
	}
	return fault("delete client", err)
}

// registered gives the client whose registration access token this is, RFC 7592 §3.
func (s *Server) registered(ctx context.Context, id, token string) (*Client, error) {
	c, err := s.store.Client(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fault("read client", err)
	}
	return c, s.mayConfigure(c, token)
}

// mayConfigure refuses whoever does not have the client's token; nil is a client that does not exist, and costs the same.
func (s *Server) mayConfigure(c *Client, token string) error {
	kept := dummySecret
	if c != nil && c.RegistrationHash != nil {
		kept = c.RegistrationHash
	}
	switch matches := sameHash(kept, hashSecret(token)); {
	case c == nil:
		return errConfiguration("unknown client")
	case c.RegistrationHash == nil:
		return errConfiguration("the client did not register itself")
	case !matches:
		return errConfiguration("wrong token for " + c.ID)
	case c.DisabledAt != nil:
		return refuse(AccessDenied, "The client is disabled.")
	}
	return nil
}

func errConfiguration(why string) error {
	return refusef(InvalidToken, "The registration access token is not valid for this client.", "registration access token: %s", why)
}

// checkUpdate refuses an update that is not of this client, or that holds what only the server says: RFC 7592 §2.2.
func (s *Server) checkUpdate(c *Client, members map[string]json.RawMessage, now time.Time) error {
	for _, name := range []string{"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"} {
		if _, there := members[name]; there {
			return refuse(InvalidRequest, name+": must not be sent (RFC 7592 section 2.2)")
		}
	}
	m := &metadataMembers{members: members}
	id, secret := m.text("client_id"), m.text("client_secret")
	switch {
	case m.err != nil:
		return m.err
	case id != c.ID:
		return refuse(InvalidRequest, "client_id: must be that of the client (RFC 7592 section 2.2)")
	case secret != "" && !secretMatches(c, secret, now):
		return refuse(InvalidClientMetadata, "client_secret: is not the one that was issued; the server makes secrets")
	}
	return nil
}
