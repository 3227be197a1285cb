package main

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"

	"regrant/app/oauth"
)

// mcpServer is a small MCP server (specification 2025-11-25, Streamable HTTP) that wants access tokens of Regrant and takes each for one call
// of a tool, so that its clients have to refresh all the time.
type mcpServer struct {
	*certified
	address  string // of its endpoint, which is the resource
	verifier *oidc.IDTokenVerifier

	mu    sync.Mutex
	spent map[string]bool
}

// serveMCP starts one, and registers it as an API.
func (s *certified) serveMCP() *mcpServer {
	s.t.Helper()
	m := &mcpServer{certified: s, spent: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-protected-resource/mcp", m.metadata9728)
	mux.HandleFunc("POST /mcp", m.call)
	mux.HandleFunc("/mcp", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) })
	m.address = s.serveTLS(s.t, mux) + "/mcp"
	s.regrant("", "api", "create", "--uri", m.address, "--name", "Tools", "--scope", "tools")
	keys := oidc.NewRemoteKeySet(s.trusting(s.t.Context()), s.metadata["jwks_uri"].(string))
	m.verifier = oidc.NewVerifier(s.issuer, keys, &oidc.Config{ClientID: m.address, SupportedSigningAlgs: []string{"ES256", "RS256"}})
	return m
}

// metadata9728 is the metadata of a protected resource, RFC 9728 §3.
func (m *mcpServer) metadata9728(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"resource": m.address, "authorization_servers": []string{m.issuer}, "scopes_supported": []string{"tools"}})
}

// call is one JSON-RPC message.
func (m *mcpServer) call(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	body, err := io.ReadAll(r.Body)
	var message struct {
		ID     any
		Method string
		Params struct{ ProtocolVersion string }
	}
	if err == nil {
		err = json.Unmarshal(body, &message)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	access, err := m.verifier.Verify(m.trusting(r.Context()), token)
	var claims struct{ Scope string }
	if err == nil {
		err = access.Claims(&claims)
	}
	m.mu.Lock()
	spent := m.spent[token]
	m.spent[token] = message.Method == "tools/call"
	m.mu.Unlock()
	if err != nil || spent || !slices.Contains(strings.Fields(claims.Scope), "tools") {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token", scope="tools", resource_metadata="`+strings.Replace(m.address, "/mcp", "/.well-known/oauth-protected-resource/mcp", 1)+`"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var result any
	switch message.Method {
	case "initialize":
		result = map[string]any{"protocolVersion": message.Params.ProtocolVersion, "capabilities": map[string]any{"tools": map[string]any{}}, "serverInfo": map[string]any{"name": "tools", "version": "1"}}
	case "tools/call":
		result = map[string]any{"content": []any{map[string]any{"type": "text", "text": access.Subject}}}
	default: // a notification
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": message.ID, "result": result})
}

// TestTheMCPClientStaysSignedIn is the SDK's own client: it finds the server by the metadata of the resource, and refreshes whenever a
// token is refused.
func TestTheMCPClientStaysSignedIn(t *testing.T) {
	t.Parallel()
	needNode(t)
	s := newCertified(t)
	m := s.serveMCP()
	c := node(s.registerAt("http://localhost:3118/callback", "none", "--policy", "multi-process", "--scope", "openid tools offline_access"), "mcp.mjs", map[string]any{"server": m.address})
	c.t, c.browser = t, s.browser(t, s.signedIn)
	c.redirectURI = "http://localhost:41234/callback" // RFC 8252 §7.3: any port

	done := c.run()

	if done.AccessTokens != 10 || done.Email == "" || done.Resource != m.address {
		t.Errorf("%+v", done)
	}
}

// TestTheMCPClientNeedsNoAdmin is the same client at a server that does not know it: it registers itself, and where the server takes it, it
// introduces itself by its document.
func TestTheMCPClientNeedsNoAdmin(t *testing.T) {
	t.Parallel()
	needNode(t)
	s := newCertified(t)
	m := s.serveMCP()
	withTools := func(change func(*oauth.RegistrationRules)) func(*oauth.RegistrationRules) {
		return func(r *oauth.RegistrationRules) {
			r.Scope = append(oauth.Scope{"tools"}, oauth.DefaultScope...)
			change(r)
		}
	}
	connect := func(t *testing.T, given map[string]any) programResult {
		p := &party{certified: s, redirectURI: "http://localhost:41235/callback"}
		given["server"] = m.address
		c := node(p.of(t), "mcp.mjs", given)
		c.browser = s.browser(t, s.signedIn)
		done := c.run()
		if done.AccessTokens != 10 || done.Email == "" || done.Resource != m.address {
			t.Errorf("%+v", done)
		}
		return done
	}

	t.Run("dynamic registration", func(t *testing.T) {
		s.letIn(withTools(func(r *oauth.RegistrationRules) { r.Mode = oauth.RegistrationOpen }), "registration_endpoint", s.issuer+"/register")
		done := connect(t, map[string]any{})
		if shown := string(s.regrant("", "client", "show", done.ClientID)); !strings.Contains(shown, "itself; nobody has checked it") || !strings.Contains(shown, "multi-process") {
			t.Error(shown)
		}
	})
	t.Run("its own document", func(t *testing.T) {
		s.letIn(withTools(func(r *oauth.RegistrationRules) { r.Documents.On = true }), "client_id_metadata_document_supported", true)
		address := ""
		address = s.serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(map[string]any{
				"client_id": address, "client_name": "MCP client", "redirect_uris": []string{"http://localhost/callback"}, "grant_types": []string{"authorization_code", "refresh_token"},
				"response_types": []string{"code"}, "token_endpoint_auth_method": "none",
			})
		})) + "/client.json"
		done := connect(t, map[string]any{"client_metadata_url": address})
		if done.ClientID != address {
			t.Errorf("it is known as %q", done.ClientID)
		}
		shown := string(s.regrant("", "client", "show", address))
		for _, want := range []string{"its own document; nobody has checked it", "Document read", "multi-process"} {
			if !strings.Contains(shown, want) {
				t.Errorf("%q is not said: %s", want, shown)
			}
		}
		if shown := string(s.regrant("", "client", "show", address, "--json")); !strings.Contains(shown, `"source": "document"`) || !strings.Contains(shown, "document_read_at") {
			t.Error(shown)
		}
	})
}
