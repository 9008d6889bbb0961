package vonage

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/internal/oneshot"
)

// statuses are the refusals that Vonage documents for its SMS API. Those about the
// number or the text, which people choose, are final or at least said to be about the
// message: nobody must be able to make a sender look out of order.
var statuses = map[string]send.Error{
	"1":  {Kind: send.Retryable, Reason: "throttled"},
	"2":  {Kind: send.Blocked, Reason: "missing_parameters"},
	"3":  {Kind: send.Final, Reason: "invalid_parameters", AboutMessage: true},
	"4":  {Kind: send.Blocked, Reason: "bad_credentials"},
	"5":  {Kind: send.Retryable, Reason: "internal_error"},
	"6":  {Kind: send.Final, Reason: "invalid_message", AboutMessage: true}, // such as an unknown number prefix
	"7":  {Kind: send.Final, Reason: "number_barred", AboutMessage: true},
	"8":  {Kind: send.Blocked, Reason: "account_barred"},
	"9":  {Kind: send.Blocked, Reason: "quota"},
	"10": {Kind: send.Retryable, Reason: "too_many_binds"},
	"11": {Kind: send.Blocked, Reason: "account_not_enabled"},
	"12": {Kind: send.Final, Reason: "message_too_long", AboutMessage: true},
	"14": {Kind: send.Blocked, Reason: "invalid_signature"},
	"15": {Kind: send.Blocked, Reason: "invalid_sender", AboutMessage: true},  // what may stand as sender depends on the country
	"22": {Kind: send.Blocked, Reason: "invalid_network", AboutMessage: true}, // no route to this number
	"23": {Kind: send.Blocked, Reason: "invalid_callback"},
	"29": {Kind: send.Blocked, Reason: "not_whitelisted", AboutMessage: true}, // a trial account sends to its own numbers only
	"32": {Kind: send.Blocked, Reason: "secret_not_allowed"},
	"33": {Kind: send.Final, Reason: "number_deactivated", AboutMessage: true},
}

func judge(status string) *send.Error {
	if e, ok := statuses[status]; ok {
		return &e
	}
	if anyStatus.MatchString(status) {
		return &send.Error{Kind: send.Retryable, Reason: "unknown_status"}
	}
	return &send.Error{Kind: send.Uncertain, Reason: "bad_reply"} // neither taken nor refused
}

var anyStatus = regexp.MustCompile(`^[1-9][0-9]{0,3}$`)

// judgeHTTP is for everything but a 200. The API's own refusals come with a 200, so
// these are from what stands before it.
func judgeHTTP(r oneshot.Reply) *send.Error {
	e := meaning(r.Status)
	e.Asked = true
	e.Wait = oneshot.RetryAfter(r.Header.Get("Retry-After"))
	e.Err = fmt.Errorf("HTTP status %d", r.Status)
	return e
}

func meaning(code int) *send.Error {
	switch {
	case code == http.StatusTooManyRequests, code == 420: // 420 is an older spelling of 429
		return &send.Error{Kind: send.Retryable, Reason: "throttled"}
	case code == http.StatusGatewayTimeout, code >= 200 && code < 300:
		// A gateway that passed the request on and lost patience, or an acceptance without
		// the verdict that belongs to it: either may have been a delivery.
		return &send.Error{Kind: send.Uncertain, Reason: "bad_reply"}
	case code == http.StatusRequestTimeout, code >= 500:
		return &send.Error{Kind: send.Retryable, Reason: "unavailable"}
	case code == http.StatusUnauthorized:
		return &send.Error{Kind: send.Blocked, Reason: "bad_credentials"}
	case code == http.StatusPaymentRequired:
		return &send.Error{Kind: send.Blocked, Reason: "quota"}
	case code == http.StatusForbidden:
		return &send.Error{Kind: send.Blocked, Reason: "account_barred"}
	case code >= 300 && code < 400:
		return &send.Error{Kind: send.Blocked, Reason: "redirected"}
	}
	return &send.Error{Kind: send.Blocked, Reason: "bad_reply"}
}

// explain is for calls that brought no verdict. The SDK's own words are dropped: they
// may quote the reply.
func (s *Sender) explain(err error, m send.Message) *send.Error {
	var known *send.Error
	if !errors.As(err, &known) {
		// It answered 200 with something else: a proxy's page, or an API that changed. It may
		// have sent the text all the same, and be paid for it; somebody has to look.
		return &send.Error{Kind: send.Uncertain, Reason: "bad_reply"}
	}
	e := *known
	if e.Err != nil {
		e.Err = errors.New(s.scrub(e.Err.Error(), m))
	}
	return &e
}

// judgeParts is nil if every part was accepted. Once one was, the text is on its way and
// paid for in part: sending it again, here or elsewhere, would bring the person two.
func (s *Sender) judgeParts(parts []part, m send.Message) error {
	var bad *send.Error
	taken := 0
	for i, p := range parts {
		if p.status == "0" {
			taken++
			continue
		}
		if bad == nil {
			bad = judge(p.status)
			bad.Asked = true
			bad.Err = fmt.Errorf("part %d of %d: %s", i+1, len(parts), s.scrub("status "+p.status+" "+p.words, m))
		}
	}
	switch {
	case bad == nil:
		return nil
	case taken > 0:
		bad.Kind = send.Uncertain
	}
	return bad
}
