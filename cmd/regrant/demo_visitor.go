package main

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// demoVisitor is one browser's session with the demo's application: the tokens that the application keeps for it, and what
// has happened so far.
type demoVisitor struct {
	mu      sync.Mutex // held while a button acts
	tokens  *demoTokens
	last    *demoTokens // those of the sign-in before, for the server's side of the story
	pending *demoSignIn // a sign-in that is under way
	fresh   bool        // the next sign-in asks for the password again
	scenes  []demoScene // newest first
	seen    [9]bool     // steps that a scene has shown, from 1
	done    map[string]bool

	watchers sync.Mutex
	version  string
	watching map[chan string]bool
}

// demoTokens are what the application holds of one sign-in.
type demoTokens struct {
	subject string // of the person, from the ID token
	name    string // from the userinfo endpoint, as far as that was allowed
	scope   string // what was allowed
	grant   string // the grant's public id; empty where the access token does not say
	access  string
	expires time.Time
	life    time.Duration
	refresh []string // every generation that was given out, oldest first
}

// current is the refresh token that counts.
func (t *demoTokens) current() string { return t.refresh[len(t.refresh)-1] }

// knows says whether a scope was allowed.
func (t *demoTokens) knows(token string) bool { return slices.Contains(strings.Fields(t.scope), token) }

// generation is how often the refresh token was replaced.
func (t *demoTokens) generation() int { return len(t.refresh) - 1 }

// demoScene is what one button did.
type demoScene struct {
	title, rule demoText
	tone        string
	at          time.Time
	arrows      []demoArrow
}

// maxScenes is how many scenes a visitor can look back on.
const maxScenes = 12

// put makes a scene the one that is shown.
func (v *demoVisitor) put(s demoScene) {
	for _, a := range s.arrows {
		v.seen[a.Step] = true
	}
	v.scenes = slices.Insert(v.scenes, 0, s)
	v.scenes = v.scenes[:min(len(v.scenes), maxScenes)]
}

// forget drops the tokens, as an application does when it is told that they are worth nothing.
func (v *demoVisitor) forget() {
	if v.tokens != nil {
		v.last, v.tokens = v.tokens, nil
	}
}

// watch gives the version of the page now and in future, until stop.
func (v *demoVisitor) watch() (changes chan string, stop func()) {
	v.watchers.Lock()
	defer v.watchers.Unlock()
	changes = make(chan string, 1)
	changes <- v.version
	v.watching[changes] = true
	return changes, func() {
		v.watchers.Lock()
		defer v.watchers.Unlock()
		delete(v.watching, changes)
	}
}

// changed tells all who watch. Only the newest version waits for a slow one.
func (v *demoVisitor) changed() {
	v.watchers.Lock()
	defer v.watchers.Unlock()
	v.version = rand.Text()
	for c := range v.watching {
		select {
		case <-c:
		default:
		}
		c <- v.version
	}
}

func (v *demoVisitor) showing() string {
	v.watchers.Lock()
	defer v.watchers.Unlock()
	return v.version
}

// demoVisitors finds the visitor of a browser by its cookie.
type demoVisitors struct {
	mu   sync.Mutex
	all  map[string]*demoVisitor
	keys []string // oldest first
}

const (
	demoCookie  = "regrant_demo"
	maxVisitors = 100
)

// of gives the visitor of a request. A new one gets a cookie.
func (s *demoVisitors) of(w http.ResponseWriter, r *http.Request) *demoVisitor {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, err := r.Cookie(demoCookie); err == nil && s.all[c.Value] != nil {
		return s.all[c.Value]
	}
	v := &demoVisitor{done: map[string]bool{}, version: rand.Text(), watching: map[chan string]bool{}}
	key := rand.Text()
	s.all[key] = v
	if s.keys = append(s.keys, key); len(s.keys) > maxVisitors {
		delete(s.all, s.keys[0])
		s.keys = s.keys[1:]
	}
	http.SetCookie(w, &http.Cookie{Name: demoCookie, Value: key, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return v
}

// newTrace makes a trace id, W3C Trace Context §3.2.2.3.
func newTrace() string {
	id := make([]byte, 16)
	rand.Read(id)
	return hex.EncodeToString(id)
}
