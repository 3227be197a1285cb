package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// attack is one request that is sent again and again, and how it must be answered.
type attack struct {
	name, path, authorization string
	form                      url.Values
	status                    int
}

// raw gives the request as it travels.
func (a attack) raw(host string) []byte {
	body := a.form.Encode()
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n", a.path, host, len(body))
	if a.authorization != "" {
		fmt.Fprintf(&b, "Authorization: %s\r\n", a.authorization)
	}
	fmt.Fprintf(&b, "\r\n%s", body)
	return b.Bytes()
}

func basicOf(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// attacks are the floods of F17. good is a living refresh token of the client, dead one whose grant was revoked, and access a JWT
// of the server.
func attacks(id, secret, good, dead, access string) []attack {
	mine := basicOf(id, secret)
	refresh := func(token string) url.Values {
		return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	}
	// The signature's last character but one, so that the spelling stays canonical.
	forged := access[:len(access)-2] + string("AQ"[btoi(access[len(access)-2] == 'A')]) + access[len(access)-1:]
	return []attack{
		{"random tokens", "/token", mine, refresh("rgr1_" + strings.Repeat("7", len(good)-5)), http.StatusBadRequest},
		{"no tokens at all", "/token", mine, refresh("garbage"), http.StatusBadRequest},
		{"forged MACs", "/token", mine, refresh(forgedMAC(good)), http.StatusBadRequest},
		{"dead tokens", "/token", mine, refresh(dead), http.StatusBadRequest},
		{"forged JWTs at introspection", "/introspect", mine, url.Values{"token": {forged}}, http.StatusOK},
		{"forged JWTs at userinfo", "/userinfo", "Bearer " + forged, url.Values{}, http.StatusUnauthorized},
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// volley sends one attack n times over some connections, at most rate a second where that is not 0, and gives how long each
// answer took. Each answer must be the expected one.
func volley(address string, a attack, n, connections, rate int) ([]time.Duration, error) {
	request, want := a.raw(address), []byte("HTTP/1.1 "+strconv.Itoa(a.status)+" ")
	pause := time.Duration(0)
	if rate > 0 {
		pause = time.Second * time.Duration(connections) / time.Duration(rate)
	}
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wait sync.WaitGroup
	for i := range connections {
		wait.Go(func() {
			took, err := burst(address, request, want, n/connections+btoi(i < n%connections), pause)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			if err != nil {
				failed = fmt.Errorf("%s: %w", a.name, err)
			}
		})
	}
	wait.Wait()
	return all, failed
}

// burst sends a request again and again over one connection, no sooner than pause after pause.
func burst(address string, request, want []byte, n int, pause time.Duration) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Minute))
	reader := bufio.NewReader(conn)
	took := make([]time.Duration, 0, n)
	start := time.Now()
	for i := range n {
		time.Sleep(time.Until(start.Add(time.Duration(i) * pause)))
		began := time.Now()
		if _, err := conn.Write(request); err != nil {
			return took, err
		}
		length := 0
		for line := 0; ; line++ {
			b, err := reader.ReadSlice('\n')
			if err != nil {
				return took, err
			}
			if line == 0 && !bytes.HasPrefix(b, want) {
				return took, fmt.Errorf("the answer is %s", b)
			}
			if value, ok := bytes.CutPrefix(b, []byte("Content-Length: ")); ok {
				if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
					return took, err
				}
			}
			if len(b) == 2 {
				break
			}
		}
		if _, err := io.CopyN(io.Discard, reader, int64(length)); err != nil {
			return took, err
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

func percentile(took []time.Duration, p int) time.Duration {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[len(took)*p/100]
}

// forgedMAC gives a refresh token with one bit of its MAC changed, and a checksum that is right.
func forgedMAC(token string) string {
	const prefix, size, checksum = "rgr1_", 74, 6
	number, ok := new(big.Int).SetString(token[len(prefix):len(token)-checksum], 62)
	if !ok {
		panic("forgedMAC: not base62")
	}
	b := number.FillBytes(make([]byte, size))
	b[size-1] ^= 1
	spell := func(b []byte, width int) string {
		digits := new(big.Int).SetBytes(b).Text(62)
		return strings.Repeat("0", width-len(digits)) + digits
	}
	body := prefix + spell(b, len(token)-len(prefix)-checksum)
	return body + spell(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(body))), checksum)
}

// TestF17_MCP09_GarbageAndDeadTokensCostNoWrites floods a real server with what must be refused (F17, MCP-09): nothing is written.
func TestF17_MCP09_GarbageAndDeadTokensCostNoWrites(t *testing.T) {
	n := 400
	if full() {
		n = 20_000
	}
	t.Parallel()
	s := newRealServer(t, "--token-budget", "0")
	id, secret := s.client(scriptCallback)
	begin := func() (refresh, access string) {
		t.Helper()
		code, err := browse(s.issuer, id, "alice@example.com", realPassword, "openid offline_access")
		if err != nil {
			t.Fatal(err)
		}
		form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {scriptCallback}, "code_verifier": {scriptVerifier}}
		body, err := fetch(s.issuer+"/token", id+":"+secret, form.Encode(), http.StatusOK)
		var answer struct {
			Refresh string `json:"refresh_token"`
			Access  string `json:"access_token"`
		}
		if err != nil || json.Unmarshal([]byte(body), &answer) != nil || answer.Refresh == "" {
			t.Fatalf("%v: %s", err, body)
		}
		return answer.Refresh, answer.Access
	}
	good, access := begin()
	dead, _ := begin()
	if body, err := fetch(s.issuer+"/revoke", id+":"+secret, url.Values{"token": {dead}}.Encode(), http.StatusOK); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	all := attacks(id, secret, good, dead, access)
	for _, a := range all { // what is worth remembering once is written now
		if _, err := volley(s.listen, a, 30, 2, 0); err != nil {
			t.Fatal(err)
		}
	}
	file := readerBeside(t, s.db)
	for quiet, last := 0, versionOf(t, file); quiet < 5; quiet++ { // longer than the rhythm in which it is
		time.Sleep(500 * time.Millisecond)
		if now := versionOf(t, file); now != last {
			quiet, last = 0, now
		}
	}

	if full() { // long enough to meet the sweeper, which empties an idle WAL once: that makes another version, too
		for began := time.Now(); fileSize(t, s.db+"-wal") > 0; time.Sleep(time.Second) {
			if time.Since(began) > 3*time.Minute {
				t.Fatal("the WAL of an idle server is not emptied")
			}
		}
	}
	before, held := versionOf(t, file), contentsOf(t, file)
	for _, a := range all {
		began := time.Now()
		if _, err := volley(s.listen, a, n, 4, 0); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d, %.0f a second", a.name, n, float64(n)/time.Since(began).Seconds())
	}
	time.Sleep(2500 * time.Millisecond) // the rhythm of what is written behind

	if after := versionOf(t, file); after != before {
		t.Errorf("the file was written to: its version was %d and is %d", before, after)
	}
	if now := contentsOf(t, file); !maps.Equal(now, held) {
		t.Errorf("rows were written: %v, before %v", now, held)
	}
	tokenOf(t, s, id, secret, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {good}})
	if versionOf(t, file) == before || maps.Equal(contentsOf(t, file), held) {
		t.Error("the measures see no writes at all")
	}
}

// contentsOf gives a hash of the rows of each table.
func contentsOf(t *testing.T, file *sql.Conn) map[string][32]byte {
	t.Helper()
	all := map[string][32]byte{}
	for _, table := range queried(t, file, "SELECT name FROM sqlite_schema WHERE type = 'table'") {
		name, ok := table[0].(string)
		if !ok {
			t.Fatal(table)
		}
		all[name] = sha256.Sum256(fmt.Append(nil, queried(t, file, `SELECT * FROM "`+name+`"`)))
	}
	return all
}

// queried gives the rows of a query.
func queried(t *testing.T, file *sql.Conn, query string) (all [][]any) {
	t.Helper()
	rows, err := file.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			to[i] = &row[i]
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// readerBeside opens a database file beside the server.
func readerBeside(t *testing.T, path string) *sql.Conn {
	t.Helper()
	file, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := file.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); file.Close() })
	return conn
}

// versionOf is a number that changes with every commit of any other connection to the file, whatever the server says.
func versionOf(t *testing.T, file *sql.Conn) (version int64) {
	t.Helper()
	if err := file.QueryRowContext(t.Context(), "PRAGMA data_version").Scan(&version); err != nil {
		t.Fatal(err)
	}
	return version
}

// BenchmarkFlood tells how many refusals a second of one core's time are worth (F17), and what they do to a good client.
func BenchmarkFlood(b *testing.B) {
	site := newBenchSite(b, 8, "--log-level", "info")
	answer, err := site.ask("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {site.tokens[0]}})
	if err != nil {
		b.Fatal(err)
	}
	good := answer["refresh_token"]
	site.tokens[0] = good
	if _, err := site.ask("/revoke", url.Values{"token": {site.tokens[1]}}); err != nil {
		b.Fatal(err)
	}
	for _, a := range attacks(benchClient, site.secret, good, site.tokens[1], answer["access_token"]) {
		b.Run(strings.ReplaceAll(a.name, " ", "-"), func(b *testing.B) {
			cpu, began := cpuSeconds(b, site.pid), time.Now()
			took, err := volley(site.address, a, b.N, 8, 0)
			if err != nil {
				b.Fatal(err)
			}
			spent, passed := cpuSeconds(b, site.pid)-cpu, time.Since(began)
			b.ReportMetric(float64(b.N)/passed.Seconds(), "rejects/s")
			b.ReportMetric(float64(b.N)/spent, "rejects/cpu-s")
			b.ReportMetric(float64(percentile(took, 99))/1e6, "p99-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkGoodClientInAFlood tells how long a refresh takes beside 10 000 floods a second (F17), and without.
func BenchmarkGoodClientInAFlood(b *testing.B) {
	site := newBenchSite(b, 8, "--log-level", "info")
	answer, err := site.ask("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {site.tokens[0]}})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := site.ask("/revoke", url.Values{"token": {site.tokens[1]}}); err != nil {
		b.Fatal(err)
	}
	all := attacks(benchClient, site.secret, answer["refresh_token"], site.tokens[1], answer["access_token"])
	site.tokens[0] = answer["refresh_token"]
	refresh := func(b *testing.B) {
		took := make([]time.Duration, 0, b.N)
		for range b.N {
			began := time.Now()
			if site.tokens[0], err = site.next(site.tokens[0]); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(began))
			time.Sleep(2 * time.Millisecond)
		}
		b.ReportMetric(float64(percentile(took, 50))/1e6, "p50-ms")
		b.ReportMetric(float64(percentile(took, 99))/1e6, "p99-ms")
		b.ReportMetric(0, "ns/op")
	}
	b.Run("calm", refresh)
	for _, a := range all {
		b.Run(strings.ReplaceAll(a.name, " ", "-"), func(b *testing.B) {
			const rate = 10_000
			stop, ended := make(chan struct{}), make(chan error, 1)
			sent, began := 0, time.Now()
			go func() {
				defer close(ended)
				for {
					select {
					case <-stop:
						return
					default:
					}
					if _, err := volley(site.address, a, rate/4, 8, rate); err != nil {
						ended <- err
						return
					}
					sent += rate / 4
				}
			}()
			time.Sleep(100 * time.Millisecond)
			refresh(b)
			close(stop)
			if err := <-ended; err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(sent)/time.Since(began).Seconds(), "rejects/s")
		})
	}
}

// ask sends a form as the client and gives the members of the answer that are text.
func (s *benchSite) ask(path string, form url.Values) (map[string]string, error) {
	r, err := http.NewRequest("POST", "http://"+s.address+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(benchClient, s.secret)
	response, err := s.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s %w", response.Status, body, err)
	}
	texts := map[string]string{}
	var all map[string]any
	if len(body) > 0 {
		if err := json.Unmarshal(body, &all); err != nil {
			return nil, err
		}
	}
	for name, value := range all {
		texts[name], _ = value.(string)
	}
	return texts, nil
}
