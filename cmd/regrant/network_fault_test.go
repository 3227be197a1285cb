package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestF13_AConnectionThatEndsAnywhereCostsNothing ends connections at each byte of a refresh and of its answer, sends requests twice,
// and reads slowly: nobody honest is signed out, and no goroutine of the server stays behind.
func TestF13_AConnectionThatEndsAnywhereCostsNothing(t *testing.T) {
	t.Parallel()
	ops := freeAddress(t)
	c := newCrashSite(t, 1, mixed, realServer{flags: []string{"--ops-listen", ops}})
	a := c.applications[0]
	n := &cutNetwork{crashSite: c, client: a.client, token: a.held.last(), ops: ops}
	n.warmUp()
	before := n.goroutines()

	hangUps, least, step := 0, often(10_000, 0, 0), often(1, 2, 32)
	for round := 0; hangUps < least || round == 0; round++ {
		hangUps += n.cutRequests(round%step, step) + n.cutAnswers(1+round%step, step)
		n.sendTwice()
	}
	n.readSlowly(24)

	var after int
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if after = n.goroutines(); after <= before+10 || time.Now().After(deadline) {
			break
		}
	}
	t.Logf("%d connections ended early; goroutines %d before, %d after", hangUps, before, after)
	if after > before+10 {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
	c.tally.report(lostHeals, faultsDoNotBar)
}

// cutNetwork is an application whose connections end where nobody would end them.
type cutNetwork struct {
	*crashSite
	client *crashClient
	token  string
	ops    string
	length int // of an answer
}

// wire is a refresh as it goes over the wire.
func (n *cutNetwork) wire(more ...string) []byte {
	var b bytes.Buffer
	if err := n.request(n.client, "/token", refreshOf(n.token)).Write(&b); err != nil {
		n.t.Fatal(err)
	}
	return bytes.Replace(b.Bytes(), []byte("\r\n"), []byte("\r\n"+strings.Join(more, "")), 1)
}

// send opens a connection and sends something.
func (n *cutNetwork) send(b []byte) *net.TCPConn {
	n.t.Helper()
	conn, err := net.Dial("tcp", n.server.listen)
	if err != nil {
		n.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Write(b); err != nil {
		n.t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// cutOff ends a connection, every other time by a reset.
func cutOff(conn *net.TCPConn, reset bool) {
	if reset {
		conn.SetLinger(0)
	}
	conn.Close()
}

// next refreshes as it should be, twice, and goes on to the successor.
func (n *cutNetwork) next(after string) {
	n.t.Helper()
	first, second := n.refresh(n.client, n.token), n.refresh(n.client, n.token)
	n.tally.check(faultsDoNotBar, first.ok() && second.ok(), "%s: %+v and %+v", after, first, second)
	if !n.tally.check(lostHeals, first.refresh != "" && first.refresh == second.refresh, "%s: two successors", after) {
		n.t.FailNow()
	}
	n.token = first.refresh
}

func (n *cutNetwork) warmUp() {
	n.t.Helper()
	conn := n.send(n.wire("Connection: close\r\n"))
	answer, err := io.ReadAll(conn)
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
		n.t.Fatalf("%s %v", answer, err)
	}
	conn.Close()
	n.length = len(answer)
	n.next("the first answer")
}

// cutRequests sends a part of a refresh, for every step-th byte. Nothing may come of it.
func (n *cutNetwork) cutRequests(from, step int) (hangUps int) {
	n.t.Helper()
	whole := len(n.wire())
	for cut := from; cut < whole; cut += step {
		cutOff(n.send(n.wire()[:cut]), cut%2 == 0)
		hangUps++
		if cut%8 == 0 || cut == whole-1 {
			n.next(fmt.Sprintf("%d of %d bytes of a request", cut, whole))
		}
	}
	return hangUps
}

// cutAnswers reads a part of an answer, for every step-th byte. The answer is lost, and the next try has to find it.
func (n *cutNetwork) cutAnswers(from, step int) (hangUps int) {
	n.t.Helper()
	for cut := from; cut <= n.length; cut += step {
		conn := n.send(n.wire("Connection: close\r\n"))
		if _, err := io.ReadFull(conn, make([]byte, min(cut, n.length-8))); err != nil { // some numbers in it differ in length
			n.t.Fatalf("%d bytes of an answer: %v", cut, err)
		}
		cutOff(conn, cut%2 == 0)
		hangUps++
		n.next(fmt.Sprintf("%d bytes of an answer", cut))
	}
	return hangUps
}

// sendTwice delivers one request twice: on two connections at once, and on one connection, one behind the other.
func (n *cutNetwork) sendTwice() {
	n.t.Helper()
	var both sync.WaitGroup
	var answers [2]tokenAnswer
	for i := range answers {
		both.Go(func() { answers[i] = n.refresh(n.client, n.token) })
	}
	both.Wait()
	n.tally.check(lostHeals, answers[0].ok() && answers[0].refresh == answers[1].refresh, "twice at once: %+v and %+v", answers[0], answers[1])

	conn := n.send(append(n.wire(), n.wire()...))
	defer conn.Close()
	r := bufio.NewReader(conn)
	for i := range answers {
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			n.t.Fatal(err)
		}
		answers[i] = readAnswer(response)
	}
	n.tally.check(lostHeals, answers[0].ok() && answers[0].refresh == answers[1].refresh, "twice in a row: %+v and %+v", answers[0], answers[1])
	n.next("a duplicate")
}

// readSlowly asks for long pages and reads next to nothing of them, while an application refreshes.
func (n *cutNetwork) readSlowly(readers int) {
	n.t.Helper()
	ask := strings.Repeat("GET /docs/commands HTTP/1.1\r\nHost: localhost\r\n\r\n", 40)
	for i := range readers {
		conn := n.send(nil)
		conn.SetReadBuffer(4 << 10)
		if _, err := io.WriteString(conn, ask); err != nil {
			n.t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			n.t.Fatal(err)
		}
		defer cutOff(conn, i%2 == 0)
	}
	for range 20 {
		n.next("slow readers")
	}
}

// goroutines is how many the server has, when nobody has a connection to it but who asks.
func (n *cutNetwork) goroutines() (count int) {
	n.t.Helper()
	n.http.CloseIdleConnections()
	time.Sleep(20 * time.Millisecond) // for the server to notice
	page, err := fetch("http://"+n.ops+"/debug/pprof/goroutine?debug=1", "", "", http.StatusOK)
	if err == nil {
		_, err = fmt.Sscanf(page, "goroutine profile: total %d", &count)
	}
	if err != nil {
		n.t.Fatal(err)
	}
	return count
}
