package web

import (
	"testing"

	"regrant/app/oauth"
)

func TestTheDemoIsOfferedToClientsThatComeBackToThisMachine(t *testing.T) {
	for name, c := range map[string]struct {
		client oauth.Client
		want   string
	}{
		"confidential": {
			oauth.Client{ID: "notes", AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://notes.example/callback", "http://127.0.0.1:8081/callback"}, Scope: oauth.DefaultScope},
			"regrant demo --server 'http://localhost:8080' \\\n  --client-id 'notes' \\\n  --client-secret-stdin",
		},
		"secret in the body, another port, fewer scopes": {
			oauth.Client{ID: "notes", AuthMethod: oauth.AuthPost, RedirectURIs: []string{"http://localhost:3000/callback"}, Scope: oauth.Scope{"openid", "email"}},
			"regrant demo --server 'http://localhost:8080' \\\n  --client-id 'notes' \\\n  --client-secret-stdin \\\n  --auth-method client_secret_post \\\n" +
				"  --scope 'openid email' \\\n  --listen 'localhost:3000'",
		},
		"public, any port": {
			oauth.Client{ID: "cli", AuthMethod: oauth.AuthNone, RedirectURIs: []string{"http://127.0.0.1/callback"}, Scope: oauth.DefaultScope},
			"regrant demo --server 'http://localhost:8080' \\\n  --client-id 'cli'",
		},
		"IPv6":          {oauth.Client{ID: "cli", AuthMethod: oauth.AuthNone, RedirectURIs: []string{"http://[::1]/callback"}, Scope: oauth.DefaultScope}, "regrant demo --server 'http://localhost:8080' \\\n  --client-id 'cli' \\\n  --listen '[::1]:8081'"},
		"another path":  {oauth.Client{ID: "x", RedirectURIs: []string{"http://127.0.0.1:8081/cb", "http://127.0.0.1:8081/callback?x=1"}}, ""},
		"not this host": {oauth.Client{ID: "x", RedirectURIs: []string{"https://127.0.0.1/callback", "https://notes.example/callback", "com.example:/callback"}}, ""},
		"nobody comes":  {oauth.Client{ID: "x"}, ""},
	} {
		if got := demoCommand("http://localhost:8080", &c.client); got != c.want {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}
