package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/internal/oneshot"
)

var idShape = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)

// body is a message as receivers see it. Fields without a value are left out.
type body struct {
	ID      string `json:"id"`
	Medium  string `json:"medium"`
	To      string `json:"to"`
	Purpose string `json:"purpose,omitempty"`
	Subject string `json:"subject,omitempty"`
	Text    string `json:"text"`
	HTML    string `json:"html,omitempty"`
	Lang    string `json:"lang,omitempty"`
	Code    string `json:"code,omitempty"`
	Expires string `json:"expires,omitempty"` // RFC 3339, UTC
}

// Send implements [send.Sender]. nil means that the receiver has taken the message, now
// or before. An error of kind [send.Uncertain] means that it may have.
func (s *Sender) Send(ctx context.Context, m send.Message) error {
	content, bad := compose(m)
	if bad != nil {
		return bad
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	reply, arrived, err := s.call(ctx, http.MethodPost, m.ID, content)
	if err != nil {
		return s.fault(ctx, err, arrived, m)
	}
	return judge(reply)
}

// Check implements [send.Checker]. It sends a HEAD, signed like a message but over an
// empty body, since a receiver might send anything that is posted. What a receiver makes
// of a HEAD is its own affair: only a 401, or an outage, speaks against it, and only a 2xx
// for it. Many frameworks answer 403, 404, 405 or 501 to a HEAD where a POST works; then
// the error wraps [send.ErrNoVerdict].
func (s *Sender) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	reply, _, err := s.call(ctx, http.MethodHead, "check_"+rand.Text(), nil)
	if err != nil {
		return s.fault(ctx, err, false, send.Message{}) // nothing is sent by a HEAD
	}
	switch code := reply.Status; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusUnauthorized:
		return refusal(reply, send.Blocked, "auth")
	case code >= 500 && code != http.StatusNotImplemented:
		return refusal(reply, send.Retryable, "unavailable")
	}
	return fmt.Errorf("checking webhook: %w: HTTP status %d to a HEAD", send.ErrNoVerdict, reply.Status)
}

func compose(m send.Message) ([]byte, *send.Error) {
	unfit := func(reason string) *send.Error {
		return &send.Error{Kind: send.Final, Reason: reason, AboutMessage: true}
	}
	switch {
	case !idShape.MatchString(m.ID):
		return nil, unfit("bad_id") // it stands in a header and in what is signed
	case m.To == "":
		return nil, unfit("bad_recipient")
	case strings.TrimSpace(m.Text) == "":
		return nil, unfit("no_text")
	}
	b := body{ID: m.ID, Medium: string(m.Medium), To: m.To, Purpose: m.Purpose, Subject: m.Subject,
		Text: m.Text, HTML: m.HTML, Lang: m.Lang, Code: m.Code}
	if !m.Expires.IsZero() {
		b.Expires = m.Expires.UTC().Format(time.RFC3339)
	}
	content, err := json.Marshal(b)
	if err != nil {
		return nil, unfit("composing")
	}
	return content, nil
}

func (s *Sender) call(ctx context.Context, method, id string, content []byte) (oneshot.Reply, bool, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url, bytes.NewReader(content))
	if err != nil {
		return oneshot.Reply{}, false, errors.New("the address does not work")
	}
	at := strconv.FormatInt(s.now().Unix(), 10)
	req.Header.Set("User-Agent", "Stepgate")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", at)
	req.Header.Set("Webhook-Signature", sign(s.key, id, at, content))
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	return oneshot.Do(s.transport, req, 0)
}

// sign is Standard Webhooks' symmetric signature.
func sign(key []byte, id, at string, content []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(content)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// judge gives an answer its meaning: see the package's contract.
func judge(r oneshot.Reply) error {
	switch code := r.Status; {
	case code >= 200 && code < 300, code == http.StatusConflict:
		return nil
	case code == http.StatusTooManyRequests:
		return refusal(r, send.Retryable, "throttled")
	case code == http.StatusGatewayTimeout:
		// Not the receiver's word, but that of a proxy that passed the request on.
		return refusal(r, send.Uncertain, "timeout")
	case code == http.StatusRequestTimeout, code >= 500:
		return refusal(r, send.Retryable, "unavailable")
	case code == http.StatusUnprocessableEntity:
		e := refusal(r, send.Final, "unacceptable")
		e.AboutMessage = true
		return e
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return refusal(r, send.Blocked, "auth")
	}
	return refusal(r, send.Blocked, "refused")
}

// refusal keeps the status only: an answer's words may quote the message, HTML and all.
func refusal(r oneshot.Reply, kind send.Kind, reason string) *send.Error {
	return &send.Error{Kind: kind, Reason: reason, Asked: true, Err: fmt.Errorf("HTTP status %d", r.Status),
		Wait: oneshot.RetryAfter(r.Header.Get("Retry-After"))}
}

func (s *Sender) fault(ctx context.Context, err error, arrived bool, m send.Message) *send.Error {
	e := oneshot.Fault(ctx, err, arrived)
	if e.Err != nil {
		e.Err = errors.New(send.Scrub(e.Err.Error(), m, s.secrets...))
	}
	return e
}
