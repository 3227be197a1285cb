package web

// The Go programs that are copied from the pages of a client, see guide_code.go.

const goServer = `
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"net/http"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func main() {
	provider, err := oidc.NewProvider(context.Background(), "{ISSUER}")
	if err != nil {
		log.Fatal(err)
	}
	config := oauth2.Config{
		ClientID:     "{CLIENT_ID}",
		ClientSecret: "{SECRET}",
		RedirectURL:  "{REDIRECT_URI}",
		Scopes:       []string{{GO_SCOPES}},
		Endpoint:     provider.Endpoint(),
	}
	config.Endpoint.AuthStyle = {GO_STYLE}
	verifier := provider.Verifier(&oidc.Config{ClientID: config.ClientID})

	// What the callback must find again; it lives for one sign-in.
	remember := func(w http.ResponseWriter, name, value string) {
		http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: 600, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	recall := func(r *http.Request, name string) string {
		if c, err := r.Cookie(name); err == nil {
			return c.Value
		}
		return ""
	}

	http.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		state, nonce, pkce := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
		remember(w, "state", state)
		remember(w, "nonce", nonce)
		remember(w, "pkce", pkce)
		http.Redirect(w, r, config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(pkce)), http.StatusFound)
	})
	http.HandleFunc("GET {REDIRECT_PATH}", func(w http.ResponseWriter, r *http.Request) {
		if state := recall(r, "state"); state == "" || r.FormValue("state") != state {
			http.Error(w, "This sign-in was begun elsewhere.", http.StatusBadRequest)
			return
		}
		token, err := config.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(recall(r, "pkce")))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		raw, _ := token.Extra("id_token").(string)
		idToken, err := verifier.Verify(r.Context(), raw)
		if err != nil || idToken.Nonce != recall(r, "nonce") {
			http.Error(w, "The ID token is not for this sign-in.", http.StatusBadGateway)
			return
		}
		// Keep token with the session. config.TokenSource(ctx, token).Token() refreshes it when needed: store what it returns.
		fmt.Fprintln(w, "Signed in:", idToken.Subject)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:8000", nil))
}
`

const goNative = `
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func main() {
	ctx := context.Background()
	provider, err := oidc.NewProvider(ctx, "{ISSUER}")
	if err != nil {
		log.Fatal(err)
	}
	config := oauth2.Config{
		ClientID:    "{CLIENT_ID}",
		RedirectURL: "{REDIRECT_URI}",
		Scopes:      []string{{GO_SCOPES}},
		Endpoint:    provider.Endpoint(),
	}
	config.Endpoint.AuthStyle = {GO_STYLE}

	// The browser comes back to a port of this machine.
	callback, err := url.Parse(config.RedirectURL)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", callback.Host)
	if err != nil {
		log.Fatal(err)
	}
	state, pkce, code := rand.Text(), oauth2.GenerateVerifier(), make(chan string)
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != callback.Path || r.FormValue("state") != state {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintln(w, "Signed in. You can close this window.")
		code <- r.FormValue("code")
	}))
	fmt.Println("Open", config.AuthCodeURL(state, oauth2.S256ChallengeOption(pkce)))

	token, err := config.Exchange(ctx, <-code, oauth2.VerifierOption(pkce))
	if err != nil {
		log.Fatal(err)
	}
	// Keep the token for the next run. config.TokenSource(ctx, token).Token() refreshes it when needed: store what it returns.
	fmt.Println("The access token ends", token.Expiry)
}
`

const goMachine = `
package main

import (
	"context"
	"fmt"
	"log"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

func main() {
	config := clientcredentials.Config{
		ClientID:     "{CLIENT_ID}",
		ClientSecret: "{SECRET}",
		TokenURL:     "{TOKEN}",
		Scopes:       []string{{GO_SCOPES}},
		AuthStyle:    {GO_STYLE},
	}
	// config.Client(ctx) gives an HTTP client that sends the token and asks for another one before it ends.
	token, err := config.Token(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("The access token ends", token.Expiry)
}
`
