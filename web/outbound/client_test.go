package outbound

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// site is a server of somebody else's on loopback, with a certificate for example.com that the client trusts.
type site struct {
	*httptest.Server
	port string
	hits atomic.Int32 // connections, whatever came of them
}

func newSite(t *testing.T, address string, handler http.HandlerFunc) *site {
	t.Helper()
	s := &site{}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0), ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.hits.Add(1)
		}
	}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	_, s.port, _ = net.SplitHostPort(l.Addr().String())
	return s
}

func (s *site) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}

func hello(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }

// names is a DNS server on loopback. Each name has its answers one after the other; the last one stays.
type names struct {
	mu      sync.Mutex
	answers map[string][]netip.Addr
	asked   []string
}

func (n *names) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			size, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if err := m.Unpack(buffer[:size]); err != nil || len(m.Questions) != 1 {
				continue
			}
			m.Header.Response, m.Header.Authoritative, m.Additionals = true, true, nil
			m.Answers = n.answer(m.Questions[0])
			if packed, err := m.Pack(); err == nil {
				socket.WriteTo(packed, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

func (n *names) answer(q dnsmessage.Question) []dnsmessage.Resource {
	n.mu.Lock()
	defer n.mu.Unlock()
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	all := n.answers[name]
	if len(all) == 0 || all[0].Is4() != (q.Type == dnsmessage.TypeA) {
		return nil
	}
	n.asked = append(n.asked, name)
	now := all[0]
	if len(all) > 1 {
		n.answers[name] = all[1:]
	}
	header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: dnsmessage.ClassINET}
	if now.Is4() {
		return []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: now.As4()}}}
	}
	return []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AAAAResource{AAAA: now.As16()}}}
}

func (n *names) times(name string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(n.asked), func(s string) bool { return s != name }))
}

func get(t *testing.T, c *Client, url string) (*Response, error) {
	t.Helper()
	return c.Do(t.Context(), Request{URL: url})
}

func allowed(t *testing.T, texts ...string) Allowed {
	t.Helper()
	a, err := ParseAllowed(texts)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// corpus are hosts that lead, or that some reader believes to lead, to where only the server can reach.
var corpus = []string{
	"127.0.0.1", "127.0.0.2", "127.255.255.254", "localhost", "LOCALHOST", "localhost.", "0.0.0.0", "0.1.2.3",
	"[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]", "[::ffff:0:127.0.0.1]", "[::127.0.0.1]",
	"[64:ff9b::7f00:1]", "[64:ff9b::169.254.169.254]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2001::7f00:1]",
	"2130706433", "017700000001", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.1", "0", "127.0.0.1.", "00127.0.0.1", "127.0.0.01",
	"169.254.169.254", "[fe80::1]", "[fe80::1%25lo]", "[::1%25lo]", "[2606:4700::1%25lo]", "[fd00::1]", "[fc00::1]", "[fec0::1]", "[fd00:ec2::254]", "[ff02::1]",
	"[100::1]", "[2001:db8::1]", "[2001:20::1]", "[3fff::1]", "[5f00::1]", "[2620:4f:8000::1]", "[4000::1]",
	"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255",
	"198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
	"loopback.test", "link-local.test", "private.test", "mapped.test", "nat64.test", "six-to-four.test", "v6-loopback.test", "unspecified.test",
}

func TestWEB50_SpecialAddressesAreNeverCalled(t *testing.T) {
	s := newSite(t, "127.0.0.1:0", hello)
	dns := &names{answers: map[string][]netip.Addr{}}
	for name, addr := range map[string]string{
		"loopback": "127.0.0.1", "link-local": "169.254.169.254", "private": "10.0.0.1", "mapped": "::ffff:127.0.0.1", "nat64": "64:ff9b::7f00:1",
		"six-to-four": "2002:7f00:1::", "v6-loopback": "::1", "unspecified": "0.0.0.0",
	} {
		dns.answers["localhost"] = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
		dns.answers[name+".test"] = []netip.Addr{netip.MustParseAddr(addr)}
	}
	c := New(Options{Roots: s.roots(), Resolver: dns.resolver(t)})

	for _, host := range corpus {
		t.Run(host, func(t *testing.T) {
			for _, port := range []string{"", ":" + s.port} {
				if response, err := get(t, c, "https://"+host+port+"/x"); !errors.Is(err, ErrRefused) {
					t.Errorf("port %q: %v, %v", port, response, err)
				}
			}
		})
	}

	if n := s.hits.Load(); n != 0 {
		t.Errorf("%d connections arrived", n)
	}
}

func TestWEB50_OddURLsAreRefusedBeforeANameIsResolved(t *testing.T) {
	s := newSite(t, "127.0.0.1:0", hello)
	dns := &names{answers: map[string][]netip.Addr{"example.com": {netip.MustParseAddr("127.0.0.1")}}}
	c := New(Options{Allow: allowed(t, "127.0.0.0/8"), Roots: s.roots(), Resolver: dns.resolver(t)})

	for _, url := range []string{
		"", "example.com", "//example.com/", "http://example.com:" + s.port + "/", "HTTP://example.com:" + s.port, "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/",
		"https:///x", "https://", "https:example.com", "https://:443/", "https://example.com:/", "https://user@example.com:" + s.port, "https://user:secret@example.com/",
		"https://example.com\\@127.0.0.1/", "https://example.com /", "https://example.com/\r\nX: y", "https://example.com%00/", "https://%65xample.com/", "https://[::1", "https://exämple.com/",
		"https://ex*mple.com/", "https://..com/", "https://a..b/", "https://" + strings.Repeat("a", 64) + ".com/", "https://example.com/" + strings.Repeat("a", 2000),
		"https://example.com:99999/", "https://example.com:x/", "https://１２７.0.0.1/",
	} {
		if response, err := get(t, c, url); err == nil || s.hits.Load() != 0 || dns.times("example.com") != 0 {
			t.Fatalf("%q: %v, %v; %d connections, %d questions", url, response, err, s.hits.Load(), dns.times("example.com"))
		}
	}
}

func TestWEB50_PortsOfOtherServicesAreRefused(t *testing.T) {
	dns := &names{answers: map[string][]netip.Addr{"example.com": {netip.MustParseAddr("127.0.0.1")}}}
	c := New(Options{Allow: allowed(t, "127.0.0.1", "example.com"), Resolver: dns.resolver(t)})
	for _, port := range []string{"1", "22", "25", "53", "80", "110", "445", "465", "993", "1023"} {
		for _, host := range []string{"127.0.0.1", "example.com"} {
			if response, err := get(t, c, "https://"+host+":"+port+"/"); !errors.Is(err, ErrRefused) {
				t.Errorf("%s, port %s: %v, %v", host, port, response, err)
			}
		}
	}
	for _, port := range []string{"443", "1024", "8443", "65535"} {
		if err := checkPort("192.0.2.1:" + port); err != nil {
			t.Error(err)
		}
	}
}

func TestWEB50_ANameThatIsReboundIsResolvedOnceAndCheckedWhereItConnects(t *testing.T) {
	public := newSite(t, "127.0.0.2:0", hello) // stands for a public address: it is the one that is open
	hidden := newSite(t, "127.0.0.1:"+public.port, hello)
	dns := &names{answers: map[string][]netip.Addr{"example.com": {netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")}}}
	roots := public.roots()
	roots.AddCert(hidden.Certificate())
	c := New(Options{Allow: allowed(t, "127.0.0.2"), Roots: roots, Resolver: dns.resolver(t)})

	first, err := get(t, c, "https://example.com:"+public.port)
	if err != nil || string(first.Body) != "hello" || dns.times("example.com") != 1 {
		t.Fatalf("%v, %v, resolved %d times", first, err, dns.times("example.com"))
	}
	if second, err := get(t, c, "https://example.com:"+public.port); !errors.Is(err, ErrRefused) {
		t.Errorf("rebound: %v, %v", second, err)
	}

	if public.hits.Load() != 1 || hidden.hits.Load() != 0 {
		t.Errorf("%d connections to the one, %d to the other", public.hits.Load(), hidden.hits.Load())
	}
}

func TestWEB50_OperatorsOpenAddressesNetworksAndHosts(t *testing.T) {
	s := newSite(t, "127.0.0.1:0", hello)
	dns := &names{answers: map[string][]netip.Addr{
		"example.com": {netip.MustParseAddr("127.0.0.1")}, "www.example.com": {netip.MustParseAddr("127.0.0.1")},
	}}
	resolver := dns.resolver(t)

	for _, test := range []struct {
		allow []string
		url   string
		ok    bool
	}{
		{[]string{"127.0.0.1"}, "https://127.0.0.1", true},
		{[]string{"::1", "127.0.0.0/8"}, "https://example.com", true},
		{[]string{"Example.com"}, "https://example.com", true},
		{[]string{"example.com"}, "https://EXAMPLE.com", true},
		{[]string{"example.com"}, "https://www.example.com", false},
		{[]string{"example.com"}, "https://127.0.0.1", false},
		{[]string{"127.0.0.2"}, "https://127.0.0.1", false},
		{[]string{"10.0.0.0/8", "::1"}, "https://example.com", false},
		{nil, "https://example.com", false},
	} {
		c := New(Options{Allow: allowed(t, test.allow...), Roots: s.roots(), Resolver: resolver})
		response, err := get(t, c, test.url+":"+s.port)
		if test.ok && (err != nil || response.Status != 200) || !test.ok && !errors.Is(err, ErrRefused) {
			t.Errorf("%v, %s: %v, %v", test.allow, test.url, response, err)
		}
	}
	for _, bad := range []string{"", "0.0.0.0/0", "::/0", "10.0.0.0/33", "*.example.com", "https://example.com", "example.com:443", "127.1", "0x7f.1", "2130706433", "fe80::1%lo", "::ffff:10.0.0.0/104", "exämple.com", "a b"} {
		if a, err := ParseAllowed([]string{bad}); err == nil {
			t.Errorf("%q opens %v", bad, a)
		}
	}
}

func TestWEB50_NoRedirectIsFollowed(t *testing.T) {
	target := newSite(t, "127.0.0.1:0", hello)
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := newSite(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target.URL, status) })
		response, err := get(t, New(Options{Allow: allowed(t, "127.0.0.1"), Roots: s.roots()}), s.URL)
		if err != nil || response.Status != status {
			t.Errorf("%d: %v, %v", status, response, err)
		}
	}
	if target.hits.Load() != 0 {
		t.Error("the target was called")
	}
}

func TestWEB50_AnswersAreBoundedInSize(t *testing.T) {
	var size int
	s := newSite(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/header":
			w.Header().Set("X-Large", strings.Repeat("a", 20<<10))
		case "/gzip": // whether or not it was asked for
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			z.Write(make([]byte, 1<<20))
			z.Close()
		default:
			w.Write(bytes.Repeat([]byte("a"), size))
		}
	})
	c := New(Options{Allow: allowed(t, "127.0.0.1"), Roots: s.roots()})

	for _, test := range []struct {
		limit int64
		size  int
		err   error
	}{{0, MaxBody, nil}, {0, MaxBody + 1, ErrTooLarge}, {0, 10 << 20, ErrTooLarge}, {5 << 10, 5 << 10, nil}, {5 << 10, 5<<10 + 1, ErrTooLarge}} {
		size = test.size
		response, err := c.Do(t.Context(), Request{URL: s.URL, Limit: test.limit})
		if !errors.Is(err, test.err) || err == nil && len(response.Body) != size {
			t.Errorf("%d of %d bytes: %v", test.size, test.limit, err)
		}
	}
	if response, err := get(t, c, s.URL+"/header"); err == nil {
		t.Errorf("a large header passed: %d", response.Status)
	}
	if response, err := get(t, c, s.URL+"/gzip"); err != nil || len(response.Body) > 10<<10 {
		t.Errorf("a packed answer was unpacked: %v", err)
	}
}

func TestWEB50_AnswersAreBoundedInTime(t *testing.T) {
	done := make(chan struct{})
	s := newSite(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/drip" {
			for range 100 {
				w.Write([]byte("a"))
				w.(http.Flusher).Flush()
				select {
				case <-done:
					return
				case <-time.After(200 * time.Millisecond):
				}
			}
			return
		}
		<-done
	})
	silent, err := net.Listen("tcp", "127.0.0.1:0") // never shakes hands
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	defer close(done)
	c := New(Options{Allow: allowed(t, "127.0.0.1"), Roots: s.roots()})

	var calls sync.WaitGroup
	for _, url := range []string{s.URL + "/silent", s.URL + "/drip", "https://" + silent.Addr().String()} {
		calls.Go(func() {
			began := time.Now()
			response, err := c.Do(t.Context(), Request{URL: url})
			if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took < MaxTime-time.Second || took > MaxTime+2*time.Second {
				t.Errorf("%s: %v, %v after %v", url, response, err, took)
			}
		})
	}
	calls.Wait()
}

func TestWEB50_NoProxyAndNoCookies(t *testing.T) {
	proxy := newSite(t, "127.0.0.1:0", hello)
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, "http://127.0.0.1:"+proxy.port)
	}
	if New(Options{}).http.Transport.(*http.Transport).Proxy != nil { // net/http reads the environment once, perhaps before this test
		t.Error("a proxy is looked for")
	}
	var cookies []*http.Cookie
	s := newSite(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		cookies = append(cookies, r.Cookies()...)
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "theirs", Path: "/"})
	})
	dns := &names{answers: map[string][]netip.Addr{"example.com": {netip.MustParseAddr("127.0.0.1")}}}
	c := New(Options{Allow: allowed(t, "127.0.0.1"), Roots: s.roots(), Resolver: dns.resolver(t)})

	for range 2 {
		if _, err := get(t, c, "https://example.com:"+s.port); err != nil {
			t.Fatal(err)
		}
	}

	if len(cookies) != 0 || proxy.hits.Load() != 0 || s.hits.Load() != 2 {
		t.Errorf("cookies %v, %d calls of the proxy, %d connections", cookies, proxy.hits.Load(), s.hits.Load())
	}
}

func TestWEB50_CertificatesAreChecked(t *testing.T) {
	s := newSite(t, "127.0.0.1:0", hello)
	dns := &names{answers: map[string][]netip.Addr{"other.test": {netip.MustParseAddr("127.0.0.1")}}}
	old := newSite(t, "127.0.0.1:0", hello)
	old.TLS.MinVersion, old.TLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	resolver := dns.resolver(t)
	for name, call := range map[string]struct {
		o   Options
		url string
	}{
		"an unknown authority": {Options{}, s.URL},
		"another name":         {Options{Roots: s.roots()}, "https://other.test:" + s.port},
		"TLS 1.1":              {Options{Roots: old.roots()}, old.URL},
	} {
		call.o.Allow, call.o.Resolver = allowed(t, "127.0.0.1"), resolver
		if response, err := get(t, New(call.o), call.url); err == nil || errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v, %v", name, response, err)
		}
	}
}

func TestARequestIsSentAsItIsGiven(t *testing.T) {
	var got string
	s := newSite(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = fmt.Sprint(r.Method, " ", r.URL.Path, " ", r.Header.Get("Content-Type"), " ", r.UserAgent(), " ", string(body))
		w.Header().Set("X-Theirs", "yes")
		w.WriteHeader(http.StatusAccepted)
	})
	c := New(Options{Allow: allowed(t, "127.0.0.1"), Roots: s.roots()})
	header := http.Header{"Content-Type": {"text/plain"}}

	response, err := c.Do(t.Context(), Request{Method: http.MethodPost, URL: s.URL + "/hook", Header: header, Body: []byte("body")})

	if err != nil || response.Status != http.StatusAccepted || response.Header.Get("X-Theirs") != "yes" {
		t.Fatal(response, err)
	}
	if got != "POST /hook text/plain Regrant body" || len(header) != 1 {
		t.Errorf("got %q, the header is now %v", got, header)
	}
}
