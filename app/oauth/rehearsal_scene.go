package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"sync"
	"time"

	"regrant/app/audit"
)

// What the parties of a rehearsal look like to the server. The addresses are for documentation, RFC 5737.
var (
	rehearsalApp      = audit.Origin{IP: "192.0.2.10", UserAgent: "app"}
	rehearsalIntruder = audit.Origin{IP: "198.51.100.66", UserAgent: "somebody else"}
)

// maxRehearsedRefreshes is how many refreshes one scene may take.
const maxRehearsedRefreshes = 200

// acting is a scene while it is played. An error is a fault of the machine: refusals are what scenes are about.
type acting struct {
	*rehearsing
	ctx      context.Context
	scene    *Scene
	numbers  map[string]int // of tokens, in the order in which they appeared
	app      string         // the newest token that the app has
	intruder string         // ... that somebody else has
	refused  bool           // the app's newest token was refused, so there is nothing that it could go on with
	grantID  string
	err      error
}

type sceneToPlay struct {
	name SceneName
	play func(*acting)
}

// scenes gives what makes sense under the policy: without rotation no token is ever old, without grace none is replayed.
func (r *rehearsing) scenes() []sceneToPlay {
	p := r.client.Policy
	all := []sceneToPlay{{SceneRefresh, (*acting).plainRefresh}, {SceneTogether, (*acting).twoAtOnce}}
	switch {
	case p.RotationOff:
		all = append(all, sceneToPlay{SceneLostSoon, func(a *acting) { a.lostAnswer(2 * time.Second) }})
	case p.Grace >= 3*time.Second:
		all = append(all, sceneToPlay{SceneLostSoon, func(a *acting) { a.lostAnswer(min(2*time.Second, p.Grace/2)) }},
			sceneToPlay{SceneLostLate, func(a *acting) { a.lostAnswer(p.Grace - time.Second) }})
	case p.Grace > 0:
		all = append(all, sceneToPlay{SceneLostSoon, func(a *acting) { a.lostAnswer(p.Grace / 2) }})
	}
	if !p.RotationOff {
		all = append(all, sceneToPlay{SceneLostTooLate, func(a *acting) { a.lostAnswer(p.Grace + time.Second) }}, sceneToPlay{SceneRace, (*acting).oldTokenOfTheApp})
	}
	return append(all, sceneToPlay{SceneStolenOld, (*acting).oldTokenOfAnother}, sceneToPlay{SceneStolenUsed, (*acting).stolenAndUsed},
		sceneToPlay{SceneIdle, (*acting).idleTooLong}, sceneToPlay{SceneAbsolute, (*acting).endOfLife})
}

// play begins with a new sign-in, and ends with the question whether the app can go on.
func (r *rehearsing) play(ctx context.Context, name SceneName, play func(*acting)) (*Scene, error) {
	a := &acting{rehearsing: r, ctx: ctx, scene: &Scene{Name: name}, numbers: map[string]int{}}
	a.signIn()
	r.flush(a)
	r.store.take() // signing in is not what this is about
	play(a)
	r.flush(a)
	a.scene.Events, a.scene.Refusals, a.scene.Counted = r.store.take()
	if a.scene.TooLong == 0 && !a.refused {
		before := len(a.scene.Steps)
		a.refresh(ActGoesOn, a.later(), a.app, rehearsalApp)
		a.scene.SignedIn = a.err == nil && a.scene.Steps[before].Err == nil
	}
	if a.intruder != "" {
		a.scene.Intruder = a.works(a.intruder)
	}
	if a.err == nil {
		var g *GrantState
		if g, a.err = r.store.Grant(ctx, a.grantID); a.err == nil {
			a.scene.Revoked = g.RevokedAt != nil
		}
	}
	return a.scene, a.err
}

func (r *rehearsing) flush(a *acting) {
	if a.err == nil {
		a.err = r.engine.Flush(a.ctx)
	}
}

// signIn makes the grant that the scene is about, by a code as every sign-in does.
func (a *acting) signIn() {
	secret, hash := newSecret(codePrefix)
	verifier, now := rand.Text()+rand.Text(), a.engine.Now()
	sum := sha256.Sum256([]byte(verifier))
	a.err = a.store.IssueCode(a.ctx, "", &AuthorizationCode{
		Hash: hash, ClientID: a.client.ID, PersonID: RehearsalPerson, RedirectURI: a.client.RedirectURIs[0], Scope: a.client.Scope,
		CodeChallenge: base64.RawURLEncoding.EncodeToString(sum[:]), Authentication: Authentication{AuthTime: now.Wall},
		IP: rehearsalApp.IP, UserAgent: rehearsalApp.UserAgent, CreatedAt: now.Wall, ExpiresAt: now.Deadline.Add(CodeLifetime),
	}, nil, nil)
	if a.err != nil {
		return
	}
	response, err := a.engine.Token(a.ctx, TokenRequest{
		Client: a.credentials(), GrantType: GrantAuthorizationCode, Code: secret, CodeVerifier: verifier,
		RedirectURI: a.client.RedirectURIs[0], By: rehearsalApp,
	})
	if a.err = err; err != nil {
		return
	}
	a.app = response.RefreshToken
	a.number(a.app)
	grants, err := a.store.Grants(a.ctx, GrantFilter{ClientID: a.client.ID, Limit: 1})
	if err == nil && len(grants) != 1 {
		err = errors.New("the grant is not stored")
	}
	if a.err = err; err == nil {
		a.grantID = grants[0].ID
	}
}

func (a *acting) credentials() ClientCredentials {
	return ClientCredentials{ClientID: a.client.ID, Secret: a.secret, Method: a.client.AuthMethod}
}

// number gives the number of a token in this scene.
func (a *acting) number(token string) int {
	if token == "" {
		return 0
	}
	n, known := a.numbers[token]
	if !known {
		n = len(a.numbers) + 1
		a.numbers[token] = n
	}
	return n
}

// present sends one refresh. Only a verdict is an answer.
func (a *acting) present(token string, by audit.Origin) (*TokenResponse, *Error, error) {
	response, err := a.engine.Token(a.ctx, TokenRequest{Client: a.credentials(), GrantType: GrantRefreshToken, RefreshToken: token, By: by})
	if err == nil {
		return response, nil, nil
	}
	var refusal *Error
	if !errors.As(err, &refusal) || isFault(refusal) {
		return nil, nil, err
	}
	return nil, refusal, nil
}

// refresh waits, presents a token, notes what came of it, and gives the token in the answer.
func (a *acting) refresh(act SceneAct, after time.Duration, token string, by audit.Origin) string {
	if a.err != nil {
		return ""
	}
	a.pass(after)
	response, refusal, err := a.present(token, by)
	if a.err = err; err != nil {
		return ""
	}
	return a.note(act, after, token, response, refusal)
}

func (a *acting) note(act SceneAct, after time.Duration, token string, response *TokenResponse, refusal *Error) string {
	step := SceneStep{Act: act, After: after, Times: 1, Presents: a.number(token), Err: refusal}
	var got string
	if response != nil {
		got = response.RefreshToken
		step.Gets = a.number(got)
	}
	a.scene.Steps = append(a.scene.Steps, step)
	switch act {
	case ActLost:
	case ActIntruder:
		if got != "" {
			a.intruder = got
		}
	default:
		if got != "" {
			a.app = got
		}
		a.refused = refusal != nil && refusal.Code == InvalidGrant && token == a.app
	}
	return got
}

// works says whether a token is accepted, without a step of its own.
func (a *acting) works(token string) bool {
	if a.err != nil {
		return false
	}
	_, refusal, err := a.present(token, rehearsalIntruder)
	a.err = err
	return err == nil && refusal == nil
}

// later is when an app refreshes in the normal course: its access token has expired.
func (a *acting) later() time.Duration {
	return min(a.client.Policy.AccessTokenLifetime, a.client.Policy.Idle/2)
}

// hour is long after every window, and within the idle lifetime unless that is very short.
func (a *acting) hour() time.Duration { return min(time.Hour, a.client.Policy.Idle/4) }

// plainRefresh comes when the access token has expired, whatever the policy makes of that.
func (a *acting) plainRefresh() {
	a.refresh(ActRefresh, a.client.Policy.AccessTokenLifetime, a.app, rehearsalApp)
}

func (a *acting) twoAtOnce() {
	if a.err != nil {
		return
	}
	after, token := a.later(), a.app
	a.pass(after)
	type answer struct {
		response *TokenResponse
		refusal  *Error
		err      error
	}
	var answers [2]answer
	var both sync.WaitGroup
	begin := make(chan struct{})
	for i := range answers {
		both.Go(func() {
			<-begin
			answers[i].response, answers[i].refusal, answers[i].err = a.present(token, rehearsalApp)
		})
	}
	close(begin)
	both.Wait()
	if a.err = errors.Join(answers[0].err, answers[1].err); a.err != nil {
		return
	}
	if answers[0].refusal != nil { // which of the two it was does not matter
		answers[0], answers[1] = answers[1], answers[0]
	}
	a.note(ActTogether, after, token, answers[0].response, answers[0].refusal)
	a.note(ActTogether, 0, token, answers[1].response, answers[1].refusal)
}

func (a *acting) lostAnswer(retryAfter time.Duration) {
	a.refresh(ActLost, a.later(), a.app, rehearsalApp)
	a.refresh(ActAgain, retryAfter, a.app, rehearsalApp)
}

func (a *acting) oldTokenOfTheApp() {
	old := a.refresh(ActRefresh, a.later(), a.app, rehearsalApp)
	a.refresh(ActRefresh, 5*time.Second, a.app, rehearsalApp)
	a.refresh(ActRefresh, 5*time.Second, a.app, rehearsalApp)
	a.refresh(ActOld, 5*time.Second, old, rehearsalApp)
}

func (a *acting) oldTokenOfAnother() {
	stolen := a.app
	a.refresh(ActRefresh, a.later(), a.app, rehearsalApp)
	a.refresh(ActRefresh, a.later(), a.app, rehearsalApp)
	a.refresh(ActIntruder, a.hour(), stolen, rehearsalIntruder)
}

func (a *acting) stolenAndUsed() {
	next := a.refresh(ActIntruder, a.later(), a.app, rehearsalIntruder)
	if next != "" {
		a.refresh(ActIntruder, a.later(), next, rehearsalIntruder)
	}
	a.refresh(ActRefresh, a.hour(), a.app, rehearsalApp)
}

func (a *acting) idleTooLong() {
	a.refresh(ActRefresh, a.client.Policy.Idle+time.Second, a.app, rehearsalApp)
}

// endOfLife keeps the grant in use, at three quarters of the idle lifetime, until the end that it was given.
func (a *acting) endOfLife() {
	p := a.client.Policy
	every := max(p.Idle*3/4, time.Second)
	times := int((p.Absolute - 1) / every)
	if times > maxRehearsedRefreshes {
		a.scene.TooLong, a.refused = times, true
		return
	}
	for i := range times {
		a.refresh(ActRefresh, every, a.app, rehearsalApp)
		if a.err != nil || a.refused {
			return
		}
		if i > 0 { // one line for all
			last := a.scene.Steps[len(a.scene.Steps)-1]
			a.scene.Steps = a.scene.Steps[:len(a.scene.Steps)-1]
			first := &a.scene.Steps[len(a.scene.Steps)-1]
			first.Times, first.Gets = i+1, last.Gets
		}
	}
	a.refresh(ActRefresh, p.Absolute-time.Duration(times)*every+time.Second, a.app, rehearsalApp)
}
