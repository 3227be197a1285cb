package web

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"regrant/app/audit"
)

const (
	exportBatch = 500
	// exportTime leaves room to say that an export is not whole before the connection is closed on it.
	exportTime = 15 * time.Second
)

// auditWriter writes an export piece by piece. rest says from which position on something is missing at the end.
type auditWriter interface {
	event(audit.Event) error
	rest(before int64) error
	flush() error
}

func (s *Server) exportAuditCSV(w http.ResponseWriter, r *http.Request, _ *admin) {
	s.exportAudit(w, r, "text/csv; charset=utf-8", "audit.csv", func(w io.Writer) (auditWriter, error) {
		c := auditCSV{newSpreadsheet(w)}
		return c, c.row(auditColumns...)
	})
}

func (s *Server) exportAuditJSON(w http.ResponseWriter, r *http.Request, _ *admin) {
	s.exportAudit(w, r, "application/jsonl; charset=utf-8", "audit.jsonl", func(w io.Writer) (auditWriter, error) {
		return auditJSON{json.NewEncoder(w)}, nil
	})
}

// exportAudit sends what the filter chooses, the newest first, as it is read. An export that takes too long ends with a line that
// says so and from where to go on (before).
func (s *Server) exportAudit(w http.ResponseWriter, r *http.Request, kind, name string, begin func(io.Writer) (auditWriter, error)) {
	f := auditFilterOf(r.URL.Query())
	q, wrong, err := s.auditQuery(r.Context(), f)
	if err != nil {
		s.unavailable(w, r, "read the audit log", err)
		return
	}
	if len(wrong) > 0 {
		s.redirect(w, s.base+f.url("/admin/audit", 0)) // says what is wrong
		return
	}
	page, err := s.store.ReadAudit(r.Context(), q, exportBatch)
	if err != nil {
		s.unavailable(w, r, "read the audit log", err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
	out, err := begin(w)
	until := time.Now().Add(exportTime)
	for err == nil {
		for i := 0; i < len(page.Events) && err == nil; i++ {
			err = out.event(page.Events[i])
		}
		if err != nil || page.Next == 0 {
			break
		}
		if q.Before = page.Next; time.Now().After(until) {
			err = out.rest(q.Before)
			break
		}
		if page, err = s.store.ReadAudit(r.Context(), q, exportBatch); err != nil {
			s.log.Error("export ended early", "request_id", requestOf(r).id, "err", err.Error())
			err = out.rest(q.Before)
			break
		}
	}
	if err == nil {
		err = out.flush()
	}
	if err != nil {
		s.log.Info("export not taken", "request_id", requestOf(r).id, "err", err.Error())
	}
}

var auditColumns = []string{
	"seq", "at", "kind", "result", "actor", "actor_id", "ip", "user_agent", "request_id", "person_id", "client_id", "grant_id", "detail", "hash",
}

type auditCSV struct{ spreadsheet }

func (c auditCSV) event(e audit.Event) error {
	return c.row(strconv.FormatInt(e.Seq, 10), e.At.UTC().Format(time.RFC3339Nano), string(e.Kind), e.Result, string(e.Actor), e.ActorID, e.IP, e.UserAgent,
		e.RequestID, e.PersonID, e.ClientID, e.GrantID, e.Detail, hex.EncodeToString(e.Hash))
}

func (c auditCSV) rest(before int64) error {
	return c.row("not complete: go on with before=" + strconv.FormatInt(before, 10))
}

type auditJSON struct{ *json.Encoder }

// auditRecord is one line of JSON Lines. Members with nothing to say are left out.
type auditRecord struct {
	Seq       int64     `json:"seq"`
	At        time.Time `json:"at"`
	Kind      string    `json:"kind"`
	Result    string    `json:"result,omitempty"`
	Actor     string    `json:"actor"`
	ActorID   string    `json:"actor_id,omitempty"`
	IP        string    `json:"ip,omitempty"`
	UserAgent string    `json:"user_agent,omitempty"`
	RequestID string    `json:"request_id,omitempty"`
	PersonID  string    `json:"person_id,omitempty"`
	ClientID  string    `json:"client_id,omitempty"`
	GrantID   string    `json:"grant_id,omitempty"`
	Detail    string    `json:"detail,omitempty"`
	Hash      string    `json:"hash"`
}

func (j auditJSON) event(e audit.Event) error {
	return j.Encode(auditRecord{
		e.Seq, e.At.UTC(), string(e.Kind), e.Result, string(e.Actor), e.ActorID, e.IP, e.UserAgent, e.RequestID, e.PersonID, e.ClientID, e.GrantID,
		e.Detail, hex.EncodeToString(e.Hash),
	})
}

func (j auditJSON) rest(before int64) error {
	return j.Encode(map[string]any{"complete": false, "before": before})
}

func (auditJSON) flush() error { return nil }
