package oauth

import (
	"net/url"
	"strings"
	"testing"
)

func TestCI01_AnAddressIsHTTPSWithAPathAndHasOneSpelling(t *testing.T) {
	for _, id := range []string{
		"https://app.example/client", "https://app.example/oauth/client.json", "https://app.example:8443/client", "https://app.example/client?id=123", "https://app.example/client?",
		"https://app.example/a//b", "https://app.example/client/", "https://app.example/%252e/client", "https://app.example/.well-known/oauth-client", "https://app.example/..client",
		"https://app.example/a.b", "https://app.example/%7Eme", "https://xn--bcher-kva.example/client", "https://localhost/client", "https://127.0.0.1:4443/client", "https://[::1]:4443/client",
		"https://a_b.example/c", "https://app.example/" + strings.Repeat("a", maxDocumentURL-len("https://app.example/")),
	} {
		if err := validateDocumentURL(id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, id := range []string{
		"", "client", "https:", "https://", "https:///client", "https:app.example/client", "https:/app.example/client", "//app.example/client", "://app.example/client",
		"http://app.example/client", "HTTPS://app.example/client", "Https://app.example/client", "ftp://app.example/client", "javascript://app.example/%0aalert(1)", "data://x/y",
		"https://app.example", "https://app.example/", "https://app.example?id=1", "https://app.example/?id=1", "https://app.example:8443/",
		"https://app.example/./client", "https://app.example/../client", "https://app.example/a/../client", "https://app.example/client/.", "https://app.example/client/..",
		"https://app.example/%2e/client", "https://app.example/%2E/client", "https://app.example/%2e%2e/client", "https://app.example/.%2e/client", "https://app.example/%2E./client",
		"https://app.example/client/%2e", "https://app.example/client/%2e%2E", "https://app.example/..;/client", "https://app.example/..;a=b/client", "https://app.example/..%3b/client",
		"https://app.example/client#x", "https://app.example/client#", "https://app.example/client?#", "https://app.example/client?x#y",
		"https://me@app.example/client", "https://@app.example/client", "https://me:secret@app.example/client", "https://:@app.example/client", "https://app.example@evil.example/client",
		" https://app.example/client", "https://app.example/client ", "https://app.example/\tclient", "https://app.example/\nclient", "https://app.example/cli\rent", "https://app.example/\x00",
		"https://app.example\\client", `https:\\app.example\client`, "https://app.example\\@evil.example/client", `https://app.example/"`, "https://app.example/<", "https://app.example/{id}", "https://app.example/^", "https://app.example/`",
		"https://App.example/client", "https://app.example./client", "https://app..example/client", "https://.app.example/client", "https://%61pp.example/client", "https://app.example%00/client", "https://bücher.example/client", "https://app.example/bücher",
		"https://app.example:/client", "https://app.example:0/client", "https://app.example:65536/client", "https://app.example:0443/client", "https://app.example:x/client", "https://app.example:443:443/client",
		"https://[::1/client", "https://[0:0:0:0:0:0:0:1]/client", "https://[::FFFF:7f00:1]/client", "https://[fe80::1%25lo]/client", "https://[app.example]/client",
		"https://app.example/%zz", "https://app.example/%", "https://app.example/%2",
		"https://app.example/" + strings.Repeat("a", maxDocumentURL+1-len("https://app.example/")),
	} {
		if err := validateDocumentURL(id); err == nil {
			t.Errorf("%q is one", id)
		}
		if c := (Client{ID: id, Source: SourceDocument}); c.validateID() == nil {
			t.Errorf("a client may be kept as %q", id)
		}
	}
}

func TestCI10_NoClientIsRegisteredByAnAddressAndNoneIsKnownByAName(t *testing.T) {
	for _, id := range []string{"https://app.example/client", "http://app.example", "x://y"} {
		if c := (Client{ID: id}); c.validateID() == nil {
			t.Errorf("an admin may register %s", id)
		}
		if c := (Client{ID: id, Source: SourceDynamic}); c.validateID() == nil {
			t.Errorf("a client may register itself as %s", id)
		}
	}
	if c := (Client{ID: "app", Source: SourceDocument}); c.validateID() == nil {
		t.Error("a client that is known by an address is called app")
	}
}

func TestCI10_DomainsAreThemselvesAndWhatIsBelowThem(t *testing.T) {
	for _, c := range []struct {
		allow, deny string
		host        string
		want        bool
	}{
		{"", "", "app.example", true}, {"app.example", "", "app.example", true}, {"app.example", "", "new.app.example", true},
		{"app.example", "", "example", false}, {"app.example", "", "evilapp.example", false}, {"app.example", "", "app.example.evil", false},
		{"", "app.example", "app.example", false}, {"", "app.example", "new.app.example", false}, {"", "app.example", "other.example", true}, {"", "app.example", "notapp.example", true},
		{"example", "app.example", "app.example", false}, {"example", "app.example", "other.example", true}, {"app.example", "example", "app.example", false},
	} {
		rules := DocumentRules{Allow: strings.Fields(c.allow), Deny: strings.Fields(c.deny)}
		if got := rules.may(c.host); got != c.want {
			t.Errorf("allow %q, deny %q, %s: %v", c.allow, c.deny, c.host, got)
		}
	}
	for _, domain := range []string{"", ".", "a b", "https://app.example", "App.example", "*.example", "app.example/", "bücher.example", ".example", strings.Repeat("a", 64)} {
		rules := DefaultRegistrationRules()
		rules.Documents.Deny = []string{domain}
		if rules.Validate() == nil {
			t.Errorf("%q is a domain", domain)
		}
	}
}

// FuzzDocument: an address that a client can be known by has one reading, and a document of it says who it is and holds no secret.
func FuzzDocument(f *testing.F) {
	const good = "https://app.example/client"
	for _, id := range []string{good, "https://app.example:8443/a/b?c=d", "https://[::1]/c", "https://app.example/..;/c", "https://me@app.example/c", "https://app.example\\@evil.example/c", "https://app.example/%2e/c", "HTTPS://app.example/c", "https://app.example/#"} {
		f.Add(id, `{"client_id":"`+id+`","redirect_uris":["http://localhost/cb"]}`)
	}
	for _, text := range []string{`{}`, `null`, `[]`, `{"client_id":"` + good + `","client_id":"x"}`, `{"client_id":"` + good + `","client_secret":null,"redirect_uris":["https://app.example/cb"]}`, `{"client_id":"` + good + `","jwks":{"keys":[{"kty":"oct","k":"eA"}]},"redirect_uris":["https://app.example/cb"]}`} {
		f.Add(good, text)
	}
	f.Fuzz(func(t *testing.T, id, text string) {
		if validateDocumentURL(id) != nil {
			return
		}
		u, err := url.Parse(id)
		if err != nil || u.Scheme != "https" || u.User != nil || u.Fragment != "" || u.Host == "" || u.Path == "" || u.Path == "/" || u.String() != id || strings.ContainsAny(id, " \\\"<>\r\n\t#") {
			t.Fatalf("%q is an address", id)
		}
		for segment := range strings.SplitSeq(u.Path, "/") {
			if segment == "." || segment == ".." {
				t.Fatalf("%q is an address", id)
			}
		}
		if c := (&Client{ID: id, Source: SourceDocument}); c.DocumentHost() != u.Host {
			t.Fatalf("%q is at %q", id, c.DocumentHost())
		}
		m, err := readDocument(id, []byte(text))
		if err != nil {
			return
		}
		if m.authMethod != AuthNone && m.authMethod != AuthPrivateKeyJWT || len(m.redirectURIs) == 0 || holdsPrivate(m.jwks) || !strings.Contains(text, "client_id") {
			t.Fatalf("%q: %+v", text, m)
		}
	})
}
