package ui

import (
	"bytes"
	"errors"
	"html"
	"html/template"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/stepgate/stepgate/flows"
)

// The button that sends a held form on posts one field to where the form was going, as
// plain text: the browser is then at the application's own address, with its own Origin,
// and the gateway puts the form in the place of the field. It has no other effect, and no
// application takes it for anything.
const (
	continueField = "stepgate-continue"
	// ContinueType is the media type of the press.
	ContinueType = "text/plain"
	// ContinueSize is the length of its body, in bytes.
	ContinueSize = len(continueField) + len("=") + heldIDSize + len("\r\n")
	heldIDSize   = 22
)

// Continues returns the id of the form that a press sends on, if body is that of one.
func Continues(body string) (id string, ok bool) {
	id, named := strings.CutPrefix(body, continueField+"=")
	id, ended := strings.CutSuffix(id, "\r\n")
	return id, named && ended && len(id) == heldIDSize && flows.IsID(id)
}

// HeldFormType reports whether a Content-Type is that of a form which can be held.
func HeldFormType(header string) bool {
	if len(header) > 256 {
		return false
	}
	switch kind, params, err := mime.ParseMediaType(header); {
	case err != nil:
		return false
	case kind == "multipart/form-data":
		return params["boundary"] != ""
	default:
		return kind == "application/x-www-form-urlencoded"
	}
}

// heldView is what a person sees of the form that they may send on: what is in it by
// name, never by value.
type heldView struct {
	ID     string
	Action template.HTMLAttr
	To     template.HTML
	Fields []heldField
	More   bool // there are others
	Life   string
}

type heldField struct {
	Name template.HTML
	File bool
}

// getContinue shows what is held and waits for the press. Looking changes nothing.
func (c *call) getContinue() {
	if c.caller.Session == nil {
		if c.Returning == nil || !c.Returning(c.w, c.r, c.target) {
			c.signIn()
		}
		return
	}
	f, err := c.engine.Held(c.r.Context(), c.caller, c.target.Held)
	switch {
	case errors.Is(err, flows.ErrNotHeld), errors.Is(err, flows.ErrSentOn):
		c.NotHeld(c.w, c.r, err, c.backTo(f))
	case err != nil:
		c.fail(err, flows.View{})
	default:
		c.show(http.StatusOK, c.continuePage(f))
	}
}

// NotHeld answers where a form cannot be sent on, for flows.ErrNotHeld or
// flows.ErrSentOn. back is the page with the form, if it is known.
func (p *Pages) NotHeld(w http.ResponseWriter, r *http.Request, err error, back string) {
	pr := problem{kind: notHeld, returnTo: back}
	if errors.Is(err, flows.ErrSentOn) {
		pr.kind = sentOn
	}
	p.tell(w, r, http.StatusGone, pr)
}

// backTo is the page with the form: as the browser said when it sent it, or as the
// address has it.
func (c *call) backTo(f flows.HeldForm) string {
	if u, err := url.Parse(f.Referer); err == nil && u.Scheme+"://"+u.Host == c.Site.Origin {
		if back, ok := ReturnTo(u.RequestURI(), c.Site.Prefix); ok {
			return back
		}
	}
	return c.target.ReturnTo
}

func (c *call) continuePage(f flows.HeldForm) *page {
	pg := c.newPage("continue", "continue", must(c.lang.Text("continue.title")), "")
	pg.Strip.Text = pg.T("strip.continue", "app", template.HTML("<b>"+html.EscapeString(pg.App)+"</b>"))
	pg.View.Email = c.caller.Session.Email
	pg.Held = &heldView{
		ID: c.target.Held,
		// The address as it came, to the byte: the template would respell it.
		Action: template.HTMLAttr(`action="` + html.EscapeString(f.URL) + `"`),
		To:     pg.addressed(f.URL),
		Life:   duration(c.lang, max(f.Ends.Sub(c.Now()), 0)),
	}
	names, more := fieldNames(f)
	pg.Held.More = more
	for _, n := range names {
		pg.Held.Fields = append(pg.Held.Fields, heldField{pg.LTR(shorten(n.name, 40)), n.file})
	}
	if c.Label != nil {
		label := c.Label(c.r, flows.Target{ReturnTo: c.backTo(f), Action: http.MethodPost + " " + f.URL})
		if label != "" {
			pg.Held.To = pg.name(label)
		}
	}
	pg.Lead = pg.T("continue.lead")
	pg.Go, pg.Busy = pg.S("continue.go"), pg.S("way.sending")
	pg.Cancel = &link{pg.S("continue.cancel"), c.backTo(f)}
	return pg
}

// addressed is the path of an address, for people.
func (pg *page) addressed(address string) template.HTML {
	path, _, _ := strings.Cut(address, "?")
	return pg.LTR(shorten(path, 48))
}

// tellHeld says, before anything is asked, what becomes of a form that was being sent
// when the proof ran out.
func (c *call) tellHeld(pg *page) {
	text := template.HTML("")
	tone := "care"
	switch {
	case c.target.Held != "":
		text, tone = pg.T("kept", "time", duration(c.lang, flows.HeldLife)), "good"
	case c.query.get("lost") == "1":
		text = pg.T("lost")
	default:
		return
	}
	if pg.Box != nil {
		text, tone = pg.Box.Text+" "+text, pg.Box.Tone
	}
	pg.Box = &box{Tone: tone, Text: text}
}

// heldNoMore says, before a code is asked for, that a form which was kept is so no longer. It
// reports whether it has answered.
func (c *call) heldNoMore() bool {
	if c.target.Held == "" {
		return false
	}
	_, err := c.engine.Held(c.r.Context(), c.caller, c.target.Held)
	if !errors.Is(err, flows.ErrNotHeld) && !errors.Is(err, flows.ErrSentOn) {
		return false
	}
	c.target.Held = ""
	c.redirect(c.url("/step-up", c.target, "lost", "1"))
	return true
}

const (
	mostNames   = 20   // that are shown
	mostFields  = 1000 // that are looked at
	longestName = 400  // bytes of one
)

type fieldName struct {
	name string
	file bool
}

// fieldNames are the names of a form's fields, each once, and whether there are more. It
// is the application's matter whether it can read the form; what we cannot is left out.
func fieldNames(f flows.HeldForm) (names []fieldName, more bool) {
	next := urlencodedNames(f.Body)
	if kind, params, err := mime.ParseMediaType(f.ContentType); err == nil && kind == "multipart/form-data" {
		next = multipartNames(multipart.NewReader(bytes.NewReader(f.Body), params["boundary"]))
	}
	for range mostFields {
		found, ok := next()
		if !ok {
			return names, false
		}
		found.name = printable(found.name)
		if found.name == "" || slices.Contains(names, found) {
			continue
		}
		if len(names) == mostNames {
			return names, true
		}
		names = append(names, found)
	}
	return names, true
}

func urlencodedNames(body []byte) func() (fieldName, bool) {
	return func() (fieldName, bool) {
		if len(body) == 0 {
			return fieldName{}, false
		}
		var pair []byte
		pair, body, _ = bytes.Cut(body, []byte("&"))
		pair, _, _ = bytes.Cut(pair, []byte("="))
		raw := string(pair[:min(len(pair), 3*longestName)])
		name, err := url.QueryUnescape(raw)
		if err != nil {
			name = raw
		}
		return fieldName{name: name}, true
	}
}

func multipartNames(parts *multipart.Reader) func() (fieldName, bool) {
	return func() (fieldName, bool) {
		part, err := parts.NextRawPart()
		if err != nil {
			return fieldName{}, false
		}
		_, params, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		_, file := params["filename"]
		return fieldName{part.FormName(), file}, true
	}
}

// printable leaves out what cannot be seen, and stands in for what is no text.
func printable(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(name[:min(len(name), longestName)], "?"))
	return strings.TrimSpace(name)
}
