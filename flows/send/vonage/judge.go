package vonage

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"

	"github.com/stepgate/stepgate/flows/send"
)

// statuses are the refusals that Vonage documents for its SMS API. Final are those
// about the number or the text, which people choose: they must not be able to make a
// sender look out of order.
var statuses = map[string]send.Error{
	"1":  {Kind: send.Retryable, Reason: "throttled"},
	"2":  {Kind: send.Blocked, Reason: "missing_parameters"},
	"3":  {Kind: send.Final, Reason: "invalid_parameters"},
	"4":  {Kind: send.Blocked, Reason: "bad_credentials"},
	"5":  {Kind: send.Retryable, Reason: "internal_error"},
	"6":  {Kind: send.Final, Reason: "invalid_message"}, // such as an unknown number prefix
	"7":  {Kind: send.Final, Reason: "number_barred"},
	"8":  {Kind: send.Blocked, Reason: "account_barred"},
	"9":  {Kind: send.Blocked, Reason: "quota"},
	"10": {Kind: send.Retryable, Reason: "too_many_binds"},
	"11": {Kind: send.Blocked, Reason: "account_not_enabled"},
	"12": {Kind: send.Final, Reason: "message_too_long"},
	"14": {Kind: send.Blocked, Reason: "invalid_signature"},
	"15": {Kind: send.Blocked, Reason: "invalid_sender"},
	"22": {Kind: send.Blocked, Reason: "invalid_network"},
	"23": {Kind: send.Blocked, Reason: "invalid_callback"},
	"29": {Kind: send.Blocked, Reason: "not_whitelisted"}, // a trial account sends to its own numbers only
	"32": {Kind: send.Blocked, Reason: "secret_not_allowed"},
	"33": {Kind: send.Final, Reason: "number_deactivated"},
}

func judge(status string) *send.Error {
	if e, ok := statuses[status]; ok {
		return &e
	}
	return &send.Error{Kind: send.Retryable, Reason: "unknown_status"}
}

// judgeHTTP is for everything but a 200. The API's own refusals come with a 200, so
// these are from what stands before it.
func judgeHTTP(code int) *send.Error {
	switch {
	case code == http.StatusTooManyRequests, code == 420: // 420 is an older spelling of 429
		return &send.Error{Kind: send.Retryable, Reason: "throttled"}
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
func (s *Sender) explain(ctx context.Context, err error, m send.Message) *send.Error {
	var (
		known   *send.Error
		request *url.Error // anything that ended before a reply was read
		cert    *tls.CertificateVerificationError
		plain   tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(ctx.Err(), context.Canceled):
		return &send.Error{Kind: send.Retryable, Reason: "cancelled"}
	case ctx.Err() != nil:
		return &send.Error{Kind: send.Retryable, Reason: "timeout"}
	case errors.As(err, &cert):
		return &send.Error{Kind: send.Blocked, Reason: "tls", Err: errors.New(s.scrub(cert.Error(), m))}
	case errors.As(err, &plain):
		return &send.Error{Kind: send.Blocked, Reason: "tls", Err: errors.New(s.scrub(plain.Error(), m))}
	case errors.As(err, &request):
		if request.Timeout() {
			return &send.Error{Kind: send.Retryable, Reason: "timeout"}
		}
		return &send.Error{Kind: send.Retryable, Reason: "network", Err: errors.New(s.scrub(request.Err.Error(), m))}
	}
	// It answered 200 with something else: a proxy's page, or an API that changed. Trying
	// again could send, and be paid for, every time; somebody has to look.
	return &send.Error{Kind: send.Blocked, Reason: "bad_reply"}
}
