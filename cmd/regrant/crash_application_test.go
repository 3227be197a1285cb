package main

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// honestApplication is an application that presents what it holds, waits for the answer, and when that does not come, presents it
// again.
type honestApplication struct {
	*crashSite
	name   string
	client *crashClient
	rest   time.Duration // between two refreshes
	held   held          // as of the last look at the log
}

// held is what a log says: the last tokens that came, and the one that was sent without an answer.
type held struct {
	acked   []string
	pending string
}

func (h *held) last() string { return h.acked[len(h.acked)-1] }

// read goes on to what the log says.
func (h *held) read(lines [][]string) {
	for _, line := range lines {
		if what, token := line[0], line[1]; what == "intent" {
			h.pending = token
		} else {
			h.ack(token)
		}
	}
}

func (h *held) ack(token string) {
	h.pending = ""
	if h.last() != token {
		h.acked = append(h.acked, token)
		h.acked = h.acked[max(0, len(h.acked)-8):]
	}
}

// work refreshes until the server is gone, or until: mostly one request, now and then two at once with the same token, as tabs do,
// or one whose answer is lost on its way.
func (a *honestApplication) work(until <-chan struct{}) (rotations int) {
	token := a.held.last()
	for {
		select {
		case <-until:
			return rotations
		case <-time.After(a.rest):
		}
		next, ok := a.turn(token)
		if !ok {
			return rotations
		}
		token = next
		rotations++
	}
}

// turn refreshes once, unless somebody wants quiet. False: the server is gone, or did what it must not.
func (a *honestApplication) turn(token string) (next string, ok bool) {
	a.quiet.RLock()
	defer a.quiet.RUnlock()
	a.log.write(a.name, "intent", token)
	var twin sync.WaitGroup
	var other tokenAnswer
	switch chance := rand.IntN(10); {
	case a.client.strict: // its policy says what both would cost it
	case chance == 0:
		twin.Go(func() { other = a.refresh(a.client, token) })
	case chance == 1:
		if !a.loseAnswer(token) {
			return "", false
		}
	}
	answer := a.refresh(a.client, token)
	twin.Wait() // nobody honest uses a successor while the token before it is under way
	if answer.gone() || other.gone() {
		return "", false
	}
	if !a.tally.check(faultsDoNotBar, answer.ok(), "%s is told %+v", a.name, answer) {
		return "", false
	}
	if other.status != 0 {
		a.tally.check(lostHeals, other.ok() && other.refresh == answer.refresh, "%s, twice at once: %+v", a.name, other)
	}
	a.log.write(a.name, "ack", answer.refresh)
	return answer.refresh, true
}

// loseAnswer sends a refresh and hangs up in the middle of its answer. False: there was none.
func (a *honestApplication) loseAnswer(token string) bool {
	conn, err := net.DialTimeout("tcp", a.server.listen, 5*time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	r := a.request(a.client, "/token", refreshOf(token))
	if err := r.Write(conn); err != nil {
		return false
	}
	// The first byte says that the server is done with it: whoever goes on before that has two requests under way.
	_, err = io.ReadFull(conn, make([]byte, 1+rand.IntN(200)))
	return err == nil
}

// again asks a server that has started again for the answer that was lost, if one was.
func (a *honestApplication) again() {
	if a.held.pending != "" {
		a.retry(&a.held)
	}
}

// verify holds the server to the log. It leaves the application with a token that it may use.
func (a *honestApplication) verify() {
	h := &a.held
	if h.pending == "" {
		a.tally.check(ackedStays, a.active(a.client, h.last()), "%s: an acknowledged rotation was lost, or its grant has ended", a.name)
	} else { // the strict client has paid
		*h = held{acked: a.grants(crashAsk{a.client, a.person.ID})}
	}
	if n := len(h.acked); n > 1 {
		older := h.acked[rand.IntN(n-1)]
		a.tally.check(oneLives, !a.active(a.client, older), "%s: two tokens live", a.name)
	}
}

// retry presents the token whose answer was lost. h.pending stays when that has cost a strict client its grant.
func (a *honestApplication) retry(h *held) {
	first := a.refresh(a.client, h.pending)
	if a.client.strict && first.refused() {
		a.tally.check(oneLives, !a.active(a.client, h.pending), "%s: reuse was refused, and the token lives", a.name)
		a.mu.Lock()
		a.reuses++
		a.mu.Unlock()
		return
	}
	if !a.tally.check(lostHeals, first.ok(), "%s: the answer was lost, and the next try gets %+v", a.name, first) {
		a.tally.check(noFalseReuse, !first.refused(), "%s is honest, and its grant has ended", a.name)
		a.t.FailNow()
	}
	a.tally.check(noFalseReuse, true, "")
	if !a.client.strict {
		second := a.refresh(a.client, h.pending)
		a.tally.check(lostHeals, second.ok() && second.refresh == first.refresh, "%s: two successors, or %+v", a.name, second)
	}
	h.ack(first.refresh)
}
