package main

import (
	"bufio"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// oversized sends what no honest client does (WEB-60, WEB-63, GEN-03, GEN-08): each is refused with an error of the caller's, or
// hung up on, at once, and the server is as small afterwards as before.
func oversized(t *testing.T) {
	ops := freeAddress(t)
	s := newRealServer(t, "--ops-listen", ops)
	id, secret := s.client(scriptCallback)
	mine := basicOf(id, secret)
	const form = "Content-Type: application/x-www-form-urlencoded\r\n"
	post := func(path, headers, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: %s\r\n%s%sContent-Length: %d\r\n\r\n%s", path, mine, form, headers, len(body), body)
	}
	get := func(path, headers string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + "\r\n"
	}
	chunked := "POST /token HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: " + mine + "\r\n" + form + "Transfer-Encoding: chunked\r\n\r\n"
	const mib = 1 << 20
	for name, c := range map[string]struct {
		request  string
		statuses []int // 0: hung up on
	}{
		"a body of 10 MiB":                 {post("/token", "", "grant_type="+strings.Repeat("x", 10*mib)), []int{0, 413}},
		"30 000 parameters":                {post("/token", "", strings.Repeat("&a", 30_000)), []int{400}},
		"5 000 different parameters":       {post("/token", "", numbered(5_000)), []int{400}},
		"a token of 60 KiB":                {post("/token", "", "grant_type=refresh_token&refresh_token="+strings.Repeat("7", 60<<10)), []int{400}},
		"a JWT of 60 KiB at introspection": {post("/introspect", "", "token=eyJhbGciOiJFUzI1NiJ9."+strings.Repeat("A", 60<<10)+".AAAA"), []int{200}},
		"60 000 dots at introspection":     {post("/introspect", "", "token="+strings.Repeat(".", 60<<10)), []int{200}},
		"a scope of 20 000 words":          {post("/token", "", "grant_type=client_credentials&scope="+strings.Repeat("a+", 20_000)), []int{400}},
		"claims 2 000 deep":                {get("/authorize?client_id="+id+"&claims="+strings.Repeat("%7B%22a%22%3A", 2_000), ""), []int{303, 400}},
		"an address of 33 KiB":             {get("/authorize?state="+strings.Repeat("x", 33<<10), ""), []int{414, 431}},
		"an address of 10 MiB":             {get("/"+strings.Repeat("x", 10*mib), ""), []int{0, 414, 431}},
		"a bearer token of 10 MiB":         {get("/userinfo", "Authorization: Bearer "+strings.Repeat("A", 10*mib)+"\r\n"), []int{0, 431}},
		"a bearer JWT of 20 KiB":           {get("/userinfo", "Authorization: Bearer eyJ."+strings.Repeat("A", 20<<10)+".A\r\n"), []int{401}},
		"cookies of 30 KiB":                {get("/login", "Cookie: __Host-regrant_session="+strings.Repeat("A", 30<<10)+"\r\n"), []int{200}},
		"3 000 cookies":                    {get("/login", "Cookie: "+strings.Repeat("a=b; ", 3_000)+"c=d\r\n"), []int{200}},
		"cookies of 10 MiB":                {get("/login", "Cookie: a="+strings.Repeat("A", 10*mib)+"\r\n"), []int{0, 431}},
		"100 000 headers":                  {get("/healthz", strings.Repeat("X-A: b\r\n", 100_000)), []int{0, 431}},
		"X-Forwarded-For of 3 000 hops":    {get("/healthz", "X-Forwarded-For: "+strings.Repeat("10.0.0.1,", 3_000)+"x\r\n"), []int{200}},
		"a chunk whose size is no number":  {chunked + "zz\r\nabc\r\n0\r\n\r\n", []int{400}},
		"a chunk that is too short":        {chunked + "5\r\nabc\r\n0\r\n\r\n", []int{400}},
		"a chunk size of 20 digits":        {chunked + "fffffffffffffffffffff\r\nabc", []int{400}},
		"a chunk extension of 1 MiB":       {chunked + "1;" + strings.Repeat("x", mib) + "\r\na\r\n0\r\n\r\n", []int{0, 400}},
		"10 MiB in chunks of a byte":       {chunked + strings.Repeat("1\r\na\r\n", 2*mib), []int{0, 400, 413}},
		"trailers of 1 MiB":                {chunked + "1\r\na\r\n0\r\nX: " + strings.Repeat("x", mib) + "\r\n\r\n", []int{0, 400}},
		"two lengths":                      {"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", []int{400}},
		"a length and chunks":              {strings.Replace(chunked, "Transfer", "Content-Length: 3\r\nTransfer", 1) + "0\r\n\r\n", []int{400}},
		"a length below nothing":           {"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", []int{400}},
		"a length beyond all numbers":      {"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", []int{400}},
		"chunks wrapped in an encoding":    {"POST /token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", []int{400, 501}},
		"no host":                          {"GET /healthz HTTP/1.1\r\n\r\n", []int{400}},
		"two hosts":                        {"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", []int{400}},
		"a header with a line break in it": {"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", []int{400}},
		"a header without a colon":         {"GET /healthz HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", []int{400}},
		"a space before the colon":         {"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n", []int{400}},
		"an unknown version":               {"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", []int{400, 505}},
		"bytes that mean nothing":          {strings.Repeat("\xff\x00", 50_000), []int{0, 400, 431}},
		"a method of 1 MiB":                {strings.Repeat("A", mib) + " / HTTP/1.1\r\nHost: x\r\n\r\n", []int{0, 400, 414, 431}},
		"CONNECT":                          {"CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\nConnection: close\r\n\r\n", []int{400, 404, 405}},
		"an address of another server":     {"GET http://evil.test/healthz HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n", []int{200, 400}},
		"Expect of what nobody can fulfil": {"POST /token HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: miracles\r\nContent-Length: 0\r\n\r\n", []int{417}},
	} {
		status, err := answerTo(s.listen, c.request)
		if err != nil || !slices.Contains(c.statuses, status) {
			t.Errorf("%s: %d, want one of %v; %v", name, status, c.statuses, err)
		}
	}

	after := scraped(t, ops)
	if n := after.value("requests_total status=500") + after.value("requests_total status=503"); n != 0 {
		t.Errorf("%v of them were taken for trouble of the server", n)
	}
	if memory := after.value("process_resident_memory_bytes"); memory > 300*mib {
		t.Errorf("the server holds %.0f MiB", memory/mib)
	}
	if body, err := fetch(s.issuer+"/token", id+":"+secret, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"garbage"}}.Encode(), http.StatusBadRequest); err != nil {
		t.Errorf("afterwards: %v %s", err, body)
	}
}

// numbered gives a form of n parameters of different names.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "p%d=%d&", i, i)
	}
	return b.String()
}

// answerTo sends bytes and gives the status of the answer, 0 where the server hung up without one. Who neither answers nor hangs up
// in the time that it gives to a request is an error.
func answerTo(address, request string) (status int, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(readTime + 5*time.Second))
	go io.WriteString(conn, request) // the server may hang up before all is sent
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		return 0, err
	}
	if err != nil {
		return 0, nil
	}
	return response.StatusCode, response.Body.Close()
}

// TestWEB65StrangersDoNotFillTheDatabase sends what anybody may send without being known, from many addresses: a million requests
// where the full figures are wanted.
func TestWEB65StrangersDoNotFillTheDatabase(t *testing.T) {
	t.Parallel()
	n := 2_000
	if full() {
		n = 1_000_000
	}
	s := newRealServer(t, "--token-budget", "0", "--page-budget", "0", "--trusted-proxy", "127.0.0.1", "--log-level", "error")
	id, secret := s.client(scriptCallback)
	if body, err := fetch(s.issuer+"/login", "", "", http.StatusOK); err != nil {
		t.Fatalf("%v %s", err, body)
	}
	copyLog(t, s.db)
	before := fileSize(t, s.db)
	authorize := "/authorize?" + url.Values{
		"client_id": {id}, "redirect_uri": {scriptCallback}, "response_type": {"code"}, "scope": {"openid"}, "state": {strings.Repeat("s", 2000)},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode()
	const form = "Content-Type: application/x-www-form-urlencoded\r\n"
	kinds := []struct {
		method, path, headers, body string
		want                        string
	}{
		{"GET", authorize, "", "", " 303 "},
		{"POST", "/login", form + "Sec-Fetch-Site: same-origin\r\n", "email=alice%40example.com&password=wrong&form_token=x", " 4"}, // without the browser's token
		{"GET", "/login", "", "", " 200 "},
		{"GET", "/setup/rgl1_AAAAAAAAAAAAAAAAAAAAAAAAAA", "", "", " "},
		{"GET", "/reset/rgl1_AAAAAAAAAAAAAAAAAAAAAAAAAA", "", "", " "},
		{"POST", "/token", form, "grant_type=refresh_token&refresh_token=garbage&client_id=nobody", " 401 "},
		{"POST", "/token", form + "Authorization: " + basicOf(id, "wrong") + "\r\n", "grant_type=refresh_token&refresh_token=garbage", " 4"},
		{"POST", "/introspect", form + "Authorization: " + basicOf(id, "wrong") + "\r\n", "token=x", " 4"},
		{"POST", "/revoke", form, "client_id=nobody&token=x", " 401 "},
		{"GET", "/userinfo", "Authorization: Bearer eyJ.e.x\r\n", "", " 401 "},
		{"GET", "/nowhere", "", "", " 404 "},
	}
	const connections = 16
	var wait sync.WaitGroup
	for i := range connections {
		wait.Go(func() {
			conn, err := net.Dial("tcp", s.listen)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			reader := bufio.NewReader(conn)
			for j := i; j < n; j += connections {
				k := kinds[j/connections%len(kinds)]
				request := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.%d.%d.%d\r\n%sContent-Length: %d\r\n\r\n%s", k.method, k.path, j>>16&255, j>>8&255, j&255, k.headers, len(k.body), k.body)
				if _, err := io.WriteString(conn, request); err != nil {
					t.Error(err)
					return
				}
				response, err := http.ReadResponse(reader, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode >= 500 || !strings.Contains(" "+response.Status+" ", k.want) {
					t.Errorf("%s %.30s: %s %v", k.method, k.path, response.Status, err)
					return
				}
			}
		})
	}
	wait.Wait()

	copyLog(t, s.db)
	grown := fileSize(t, s.db) - before
	t.Logf("%d requests of nobody: the database grew by %d KiB", n, grown>>10)
	if grown > 50<<20 {
		t.Errorf("%d requests of nobody: the database grew by %d MiB", n, grown>>20)
	}
	code, err := browse(s.issuer, id, "alice@example.com", realPassword, "openid")
	if err != nil {
		t.Fatalf("after the flood nobody can sign in: %v", err)
	}
	tokenOf(t, s, id, secret, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {scriptCallback}, "code_verifier": {scriptVerifier}})
}

// copyLog brings a database file up to its write-ahead log, beside the server.
func copyLog(t *testing.T, path string) {
	t.Helper()
	file, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var busy, frames, copied int
	if err := file.QueryRowContext(t.Context(), "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &frames, &copied); err != nil || copied == 0 {
		t.Fatalf("%d of %d pages copied: %v", copied, frames, err)
	}
}
