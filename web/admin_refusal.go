package web

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"regrant/app/oauth"
	"regrant/web/view"
)

// adminRefusals answers why something was refused.
func (s *Server) adminRefusals(area *adminArea) {
	area.readable("/admin/refusals", s.showRefusals, s.explainToken)
	area.page("/admin/refusals/{id}", s.showRefusal)
}

// refusalsOnPage is how many refusals a page lists.
const refusalsOnPage = 50

// requestID reads a request id as people paste it: in quotes, in small letters, with space around it.
func requestID(pasted string) string { return strings.ToUpper(strings.Trim(pasted, " \t\r\n\"'`")) }

// showRefusals lists refusals, and explains the one whose request id is given.
func (s *Server) showRefusals(w http.ResponseWriter, r *http.Request, a *admin) {
	page, err := s.refusalsPage(w, r, a)
	if err != nil {
		s.unavailable(w, r, "list refusals", err)
		return
	}
	q := r.URL.Query()
	if page.RequestID = requestID(q.Get("request_id")); page.RequestID == "" {
		if q.Has("request_id") {
			page.RequestError = page.Text.T("admin.refusal.by_request.missing")
		}
		s.showPage(w, r, http.StatusOK, false, page)
		return
	}
	found, err := s.store.Refusals(r.Context(), oauth.RefusalFilter{RequestID: page.RequestID, Limit: 1})
	if err == nil && len(found) == 0 {
		page.NotFound = unknownRequest(page.Text)
	} else if err == nil {
		page.Answer, err = s.refusalAnswer(r.Context(), page.Text, &found[0])
	}
	if err != nil {
		s.unavailable(w, r, "explain a refusal", err)
		return
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

// unknownRequest says why a request id may be unknown.
func unknownRequest(t *view.Text) []string {
	return []string{
		t.T("admin.refusal.not_found.accepted"), t.T("admin.refusal.not_found.garbage"), t.T("admin.refusal.not_found.old"),
		t.T("admin.refusal.not_found.bounded"), t.T("admin.refusal.not_found.fault"),
	}
}

// showRefusal explains one refusal.
func (s *Server) showRefusal(w http.ResponseWriter, r *http.Request, a *admin) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		s.notFound(w, r)
		return
	}
	f, err := s.store.Refusal(r.Context(), id)
	if errors.Is(err, oauth.ErrNotFound) {
		s.notFound(w, r)
		return
	}
	if err != nil {
		s.unavailable(w, r, "read a refusal", err)
		return
	}
	t := s.frame(r).Text
	answer, err := s.refusalAnswer(r.Context(), t, f)
	if err != nil {
		s.unavailable(w, r, "explain a refusal", err)
		return
	}
	s.showPage(w, r, http.StatusOK, false, view.AdminRefusal{AdminFrame: s.adminFrame(w, r, a, "refusals", view.Crumb{Label: answer.Title}), Answer: *answer})
}

// refusalsPage is the page without an answer. What waits in memory is written first, so that a refusal of a second ago is found.
func (s *Server) refusalsPage(w http.ResponseWriter, r *http.Request, a *admin) (*view.AdminRefusals, error) {
	if err := s.oauth.Flush(r.Context()); err != nil {
		return nil, err
	}
	q := r.URL.Query()
	f := oauth.RefusalFilter{ClientID: q.Get("client"), Rule: oauth.Rule(q.Get("rule")), Code: oauth.Code(q.Get("code")), Limit: refusalsOnPage + 1}
	f.Before, _ = strconv.ParseInt(q.Get("before"), 10, 64) // what is no number begins at the newest
	page := &view.AdminRefusals{AdminFrame: s.adminFrame(w, r, a, "refusals"), Now: s.now(), Filtered: f.ClientID != "" || f.Rule != "" || f.Code != ""}
	t := page.Text
	refusals, err := s.store.Refusals(r.Context(), f)
	if err != nil {
		return nil, err
	}
	if len(refusals) > refusalsOnPage {
		refusals = refusals[:refusalsOnPage]
		page.Pager.Next = refusalsURL(f, refusals[refusalsOnPage-1].ID)
	}
	if f.Before > 0 {
		page.Pager.First = refusalsURL(f, 0)
	}
	if page.Rows, err = s.refusalRows(r.Context(), t, refusals); err != nil {
		return nil, err
	}
	clients, err := s.store.Clients(r.Context())
	if err != nil {
		return nil, err
	}
	page.Clients = []view.Option{{Label: t.T("admin.refusal.all_clients")}}
	for _, c := range clients {
		page.Clients = append(page.Clients, view.Option{Value: c.ID, Label: c.Name, Selected: c.ID == f.ClientID})
	}
	page.Rules = []view.Option{{Label: t.T("admin.refusal.all_rules")}}
	for _, rule := range oauth.Rules() {
		page.Rules = append(page.Rules, view.Option{Value: string(rule), Label: t.T(ruleTexts[rule].title), Selected: rule == f.Rule})
	}
	page.Codes = []view.Option{{Label: t.T("admin.refusal.all_codes")}}
	for _, code := range refusalCodes {
		page.Codes = append(page.Codes, view.Option{Value: string(code), Label: string(code), Selected: code == f.Code})
	}
	return page, nil
}

// refusalCodes are the codes that refusals can be filtered by.
var refusalCodes = []oauth.Code{
	oauth.InvalidGrant, oauth.InvalidClient, oauth.InvalidScope, oauth.InvalidTarget, oauth.InvalidRequest, oauth.UnauthorizedClient,
	oauth.UnsupportedGrantType, oauth.UnsupportedResponseType, oauth.InvalidToken, oauth.InsufficientScope, oauth.LoginRequired,
	oauth.ConsentRequired, oauth.AccessDenied,
}

func refusalsURL(f oauth.RefusalFilter, before int64) string {
	q := url.Values{}
	for name, value := range map[string]string{"client": f.ClientID, "rule": string(f.Rule), "code": string(f.Code)} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if before > 0 {
		q.Set("before", strconv.FormatInt(before, 10))
	}
	if len(q) == 0 {
		return "/admin/refusals"
	}
	return "/admin/refusals?" + q.Encode()
}

// recentRefusals gives the last refusals that f chooses as rows of view's refusalTable.
func (s *Server) recentRefusals(ctx context.Context, t *view.Text, f oauth.RefusalFilter) ([]view.RefusalRow, error) {
	if err := s.oauth.Flush(ctx); err != nil {
		return nil, err
	}
	refusals, err := s.store.Refusals(ctx, f)
	if err != nil {
		return nil, err
	}
	return s.refusalRows(ctx, t, refusals)
}

// explainToken takes the public head of a token and says what refused it, or what would become of it. A whole token, from a
// browser without JavaScript, is cut down to its head here and forgotten: it stands in no log, event or page.
func (s *Server) explainToken(w http.ResponseWriter, r *http.Request, a *admin) {
	page, err := s.refusalsPage(w, r, a)
	if err != nil {
		s.unavailable(w, r, "list refusals", err)
		return
	}
	asked := readAskedToken(r.PostForm)
	status := http.StatusOK
	switch {
	case asked.problem != "":
		status, page.TokenError = http.StatusUnprocessableEntity, page.Text.T(asked.problem)
	case asked.jti != "":
		page.Answer, err = s.accessTokenAnswer(r.Context(), page.Text, asked.jti, asked.grantID)
	default:
		page.Answer, err = s.refreshTokenAnswer(r.Context(), page.Text, asked.head)
	}
	if err != nil {
		s.unavailable(w, r, "explain a token", err)
		return
	}
	s.showPage(w, r, status, false, page)
}

// askedToken is what an admin wants to know of: the public part of a token.
type askedToken struct {
	head         oauth.TokenHead
	jti, grantID string
	problem      string // key of the text that says what is wrong
}

// readAskedToken reads what the browser's script has left of a token, or the token itself.
func readAskedToken(form url.Values) askedToken {
	if raw := form.Get("head"); raw != "" {
		b, err := hex.DecodeString(raw)
		if head, ok := oauth.ReadTokenHead(b); err == nil && ok {
			return askedToken{head: head}
		}
		return askedToken{problem: "admin.refusal.by_token.malformed"}
	}
	if jti := form.Get("jti"); jti != "" {
		return askedToken{jti: jti, grantID: form.Get("grant_id")}
	}
	kind, token := form.Get("kind"), strings.TrimSpace(form.Get("token"))
	if head, ok := oauth.HeadOf(token); ok {
		return askedToken{head: head}
	}
	if jti, grantID, ok := oauth.ClaimsOf(token); ok {
		return askedToken{jti: jti, grantID: grantID}
	}
	switch {
	case kind == "" && token == "":
		return askedToken{problem: "admin.refusal.by_token.missing"}
	case kind == "rga1" || strings.HasPrefix(token, "rga1_"):
		return askedToken{problem: "admin.refusal.by_token.opaque"}
	case kind == "rgs1" || kind == "rgc1" || strings.HasPrefix(token, "rgs1_") || strings.HasPrefix(token, "rgc1_"):
		return askedToken{problem: "admin.refusal.by_token.secret"}
	}
	return askedToken{problem: "admin.refusal.by_token.malformed"}
}
