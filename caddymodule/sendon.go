package caddymodule

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/ui"
)

// resume recognises the press of the "Continue" button for a held form. The request then
// becomes that form, before it is judged, so that what was judged is what is sent on; the
// form stays held until sendOn. Any other request is left as it is.
func (s *site) resume(w http.ResponseWriter, r *http.Request, session *flows.Live, form *submission) {
	if form == nil || r.ContentLength != int64(ui.ContinueSize) {
		return
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), ui.ContinueType) {
		return
	}
	id, ok := ui.Continues(peekBody(w, r, ui.ContinueSize))
	if !ok {
		return
	}
	form.id = id
	if session == nil {
		form.missing = errSignInFirst
		return
	}
	held, err := s.heldForm(r, session, form)
	delete(r.Header, "Referer") // that is the page of ours with the button
	if held.Referer != "" {
		r.Header["Referer"] = []string{held.Referer}
	}
	if form.missing = err; err != nil {
		return
	}
	r.Body, r.ContentLength = http.NoBody, int64(len(held.Body))
	if len(held.Body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(held.Body))
	}
	r.TransferEncoding, r.Trailer, r.GetBody = nil, nil, nil
	r.Form, r.PostForm, r.MultipartForm = nil, nil, nil
	r.Header["Content-Type"] = []string{held.ContentType}
	r.Header["Content-Length"] = []string{strconv.Itoa(len(held.Body))}
}

var errSignInFirst = errors.New("nobody is signed in")

func (s *site) heldForm(r *http.Request, session *flows.Live, form *submission) (flows.HeldForm, error) {
	live, release, err := s.app.acquire()
	if err != nil {
		return flows.HeldForm{}, err
	}
	defer release()
	return live.engine.Held(r.Context(), s.sender(r, session, form), form.id)
}

// sendOn lets a held form go, now that everything is proved, if the request is one. It
// returns false when it has answered the request itself: a press must never reach the
// application as it is, nor a form twice.
func (s *site) sendOn(w http.ResponseWriter, r *http.Request, original arrival, session *flows.Live, form *submission) bool {
	if form == nil || form.id == "" {
		return true
	}
	err := form.missing
	if err == nil {
		err = s.takeHeld(r, original, session, form)
	}
	switch {
	case err == nil:
		return true
	case errors.Is(err, errSignInFirst):
		target := flows.Target{Held: form.id}
		target.ReturnTo, _ = ui.ReturnTo(s.referrer(r), s.flows.Prefix)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Location", s.pages.URL("/sign-in", target))
		w.WriteHeader(http.StatusSeeOther)
	case errors.Is(err, flows.ErrNotHeld), errors.Is(err, flows.ErrSentOn):
		s.pages.NotHeld(w, r, err, s.referrer(r))
	default:
		s.app.log.Error("sending a held form on", "error", err)
		s.pages.Problem(w, r, http.StatusServiceUnavailable)
	}
	return false
}

func (s *site) takeHeld(r *http.Request, original arrival, session *flows.Live, form *submission) error {
	live, release, err := s.app.acquire()
	if err != nil {
		return err
	}
	defer release()
	return live.engine.TakeHeld(r.Context(), s.sender(r, session, form), form.id, original.URL.RequestURI())
}

// peekBody reads the first n bytes of a body and puts them back. Why they did not come,
// whoever reads the body next finds out.
func peekBody(w http.ResponseWriter, r *http.Request, n int) string {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(formTimeout))
	// Afterwards the connection is watched for as long as the application takes.
	defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	head := make([]byte, n)
	got, _ := io.ReadFull(r.Body, head)
	r.Body = replayed{io.MultiReader(bytes.NewReader(head[:got]), r.Body), r.Body}
	return string(head[:got])
}

// replayed is a body whose beginning was read before.
type replayed struct {
	io.Reader
	io.Closer
}
