package ui

import (
	"html/template"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/inbox"
)

// Inbox is what pages need of the inbox sender.
type Inbox interface {
	// Messages lists what was sent to the address, or everything if it is empty, newest
	// first.
	Messages(to string) []inbox.Received
}

// inboxCSP is for the HTML of a mail, which is full of styles: it gets an origin of
// its own and no script.
const inboxCSP = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

// inboxOpen reports whether r may see the inbox: only somebody at this computer,
// through no proxy, who asks for the site by its own name (a page elsewhere that
// points its own name at this computer does not).
func (p *Pages) inboxOpen(r *http.Request) bool {
	if p.Inbox == nil || !strings.EqualFold(r.Host, p.face.Host) {
		return false
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	for name := range r.Header {
		switch {
		case strings.HasPrefix(name, "X-Forwarded-"), name == "Forwarded", name == "Via", name == "X-Real-Ip":
			return false
		}
	}
	return true
}

func (p *Pages) serveInbox(w http.ResponseWriter, r *http.Request, path string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		p.refuseMethod(w, r, false)
		return
	}
	query, err := parseFields(r.URL.RawQuery)
	if err != nil {
		p.tell(w, r, http.StatusBadRequest, problem{kind: badForm})
		return
	}
	switch path {
	case "/inbox":
		p.inboxList(w, r, query.get("to"))
	case "/inbox.json":
		p.inboxJSON(w, r, query.get("to"))
	default:
		p.inboxMail(w, r, strings.TrimPrefix(path, "/inbox/"))
	}
}

type inboxView struct {
	URL, Again, To string
	Messages       []inboxRow
}

type inboxRow struct {
	Title, Code, Text, HTML string
	Facts                   template.HTML
}

func (p *Pages) inboxList(w http.ResponseWriter, r *http.Request, to string) {
	l := p.language(r)
	pg := p.bare(l, "inbox", "inbox", must(l.Text("inbox.title")))
	view := &inboxView{URL: p.Site.Prefix + "/inbox", To: to}
	view.Again = view.URL
	if to != "" {
		view.Again += "?" + url.Values{"to": {to}}.Encode()
	}
	for _, m := range p.Inbox.Messages("") {
		if !sentTo(m.To, to) {
			continue
		}
		row := inboxRow{Title: m.Subject, Code: m.Code, Text: m.Text}
		row.Facts = pg.T("inbox.to", "to", pg.LTR(m.To), "medium", pg.S("inbox."+string(m.Medium)),
			"clock", m.At.UTC().Format("15:04:05"))
		if m.Medium == send.SMS {
			row.Title = pg.S("inbox.sms_title")
		}
		if m.HTML != "" {
			row.HTML = view.URL + "/" + url.PathEscape(m.ID)
		}
		view.Messages = append(view.Messages, row)
	}
	pg.Inbox = view
	if err := p.write(w, r, http.StatusOK, pg); err != nil {
		p.Log.Error("showing the inbox", "err", err)
		p.Problem(w, r, http.StatusInternalServerError)
	}
}

// sentTo reports whether an address holds what somebody typed of it.
func sentTo(address, typed string) bool {
	typed = strings.ToLower(strings.Join(strings.Fields(typed), ""))
	return strings.Contains(strings.ToLower(address), typed)
}

// inboxMessage is a message as tests read it.
type inboxMessage struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	Medium   string    `json:"medium"`
	To       string    `json:"to"`
	Purpose  string    `json:"purpose"`
	Subject  string    `json:"subject,omitempty"`
	Text     string    `json:"text"`
	HTML     string    `json:"html,omitempty"`
	Code     string    `json:"code,omitempty"`
	Encoding string    `json:"encoding,omitempty"` // of a text message
	Segments int       `json:"segments,omitempty"`
	Language string    `json:"lang,omitempty"`
}

func (p *Pages) inboxJSON(w http.ResponseWriter, r *http.Request, to string) {
	list := []inboxMessage{}
	for _, m := range p.Inbox.Messages(to) {
		one := inboxMessage{m.ID, m.At.UTC(), string(m.Medium), m.To, m.Purpose, m.Subject, m.Text, m.HTML, m.Code, "", 0, m.Lang}
		if m.Medium == send.SMS {
			one.Encoding, _, one.Segments = send.Segments(m.Text)
		}
		list = append(list, one)
	}
	writeJSON(w, r, http.StatusOK, list)
}

func (p *Pages) inboxMail(w http.ResponseWriter, r *http.Request, id string) {
	for _, m := range p.Inbox.Messages("") {
		if m.ID == id && m.HTML != "" {
			w.Header().Set("Content-Security-Policy", inboxCSP)
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Length", strconv.Itoa(len(m.HTML)))
			if r.Method != http.MethodHead {
				w.Write([]byte(m.HTML))
			}
			return
		}
	}
	p.Problem(w, r, http.StatusNotFound)
}
