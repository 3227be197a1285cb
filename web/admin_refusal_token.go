package web

import (
	"context"
	"net/url"

	"regrant/app/oauth"
	"regrant/web/view"
)

// outcomeTexts are what would become of a token, in words.
var outcomeTexts = map[oauth.Outcome]struct{ title, why, tone string }{
	oauth.OutcomeUnknown: {"admin.refusal.outcome.unknown.title", "admin.refusal.outcome.unknown.text", toneCaution},
	oauth.OutcomeRotate:  {"admin.refusal.outcome.rotate.title", "admin.refusal.outcome.rotate.text", toneGood},
	oauth.OutcomeRenew:   {"admin.refusal.outcome.renew.title", "admin.refusal.outcome.renew.text", toneGood},
	oauth.OutcomeReplay:  {"admin.refusal.outcome.replay.title", "admin.refusal.outcome.replay.text", toneGood},
	oauth.OutcomeActive:  {"admin.refusal.outcome.active.title", "admin.refusal.outcome.active.text", toneGood},
}

// refreshTokenAnswer says what refused a refresh token last; where nothing has, what would become of it now.
func (s *Server) refreshTokenAnswer(ctx context.Context, t *view.Text, head oauth.TokenHead) (*view.RefusalAnswer, error) {
	forecast, err := s.oauth.Foresee(ctx, head)
	if err != nil {
		return nil, err
	}
	if forecast.State != nil {
		refusals, err := s.store.Refusals(ctx, oauth.RefusalFilter{GrantID: forecast.State.ID, Limit: oauth.RefusalsKeptOfGrant})
		if err != nil {
			return nil, err
		}
		for _, f := range refusals {
			if f.Generation != nil && *f.Generation == head.Generation && !f.At.Before(head.IssuedAt) {
				answer, err := s.refusalAnswer(ctx, t, &f)
				if err == nil {
					answer.Proof = t.T("admin.refusal.proof_refused")
				}
				return answer, err
			}
		}
	}
	return s.forecastAnswer(ctx, t, forecast, head.Generation)
}

// accessTokenAnswer says what introspection would say of an access token.
func (s *Server) accessTokenAnswer(ctx context.Context, t *view.Text, jti, grantID string) (*view.RefusalAnswer, error) {
	forecast, err := s.oauth.ForeseeAccessToken(ctx, jti, grantID)
	if err != nil {
		return nil, err
	}
	return s.forecastAnswer(ctx, t, forecast, 0)
}

// forecastAnswer puts a forecast into words. The head alone proves nothing, and it says so.
func (s *Server) forecastAnswer(ctx context.Context, t *view.Text, f *oauth.Forecast, came uint32) (*view.RefusalAnswer, error) {
	a := &view.RefusalAnswer{Label: t.T("admin.refusal.forecast"), Proof: t.T("admin.refusal.proof"), Stored: storedFacts(t, "", f.Found)}
	if f.State != nil {
		a.GrantURL = "/admin/grants/" + url.PathEscape(f.State.ID)
	}
	if text, known := outcomeTexts[f.Outcome]; known {
		a.Title, a.Why, a.Tone = t.T(text.title), t.T(text.why), text.tone
		return a, nil
	}
	client, err := s.names(t).client(ctx, f.State.ClientID)
	if err != nil {
		return nil, err
	}
	a.Tone, a.Title = toneOfRule(f.Rule), t.T("admin.refusal.outcome.refuse.title", "Rule", ruleTitle(t, f.Rule))
	if f.Head == (oauth.TokenHead{}) {
		explain(t, a, f.Rule, client.Label, nil, nil)
	} else {
		explain(t, a, f.Rule, client.Label, &came, &f.State.Generation)
	}
	if f.Rule == oauth.RuleTokenReuse {
		a.Why = t.T("admin.refusal.outcome.refuse.reuse") + " " + a.Why
	}
	return a, nil
}
