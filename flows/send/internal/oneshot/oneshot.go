package oneshot

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/stepgate/stepgate/flows/send"
)

// ErrTooLong is returned by [Do] for a body beyond its limit.
var ErrTooLong = errors.New("the reply is too long")

// Transport returns a transport for requests of this kind. It keeps no connection: on
// one that the provider closes just then, a request would be lost without it being
// known whether it was read. So it holds no goroutine between requests either.
func Transport(c *tls.Config) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableKeepAlives = true
	t.MaxResponseHeaderBytes = 64 << 10
	t.MaxConnsPerHost = 32
	if c != nil {
		t.TLSClientConfig = c.Clone()
	}
	return t
}

// A Reply is a provider's answer.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do makes the request and reads up to limit bytes of a 200's body; with 0 it reads no
// body, for callers to whom the status is the whole verdict. It follows no redirect. arrived reports, of a request that brought no whole reply, whether the
// other side may have got all of it.
func Do(t http.RoundTripper, req *http.Request, limit int64) (r Reply, arrived bool, err error) {
	var w writing
	resp, err := t.RoundTrip(req.WithContext(w.watch(req.Context())))
	if err != nil {
		return Reply{}, w.mayBeDone(), err
	}
	defer resp.Body.Close()
	r = Reply{Status: resp.StatusCode, Header: resp.Header}
	if r.Status != http.StatusOK || limit == 0 {
		return r, true, nil // a refusal's status says it all, and its words may quote the message
	}
	r.Body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(r.Body)) > limit {
		err = ErrTooLong
	}
	return r, true, err
}

// writing follows how far a request got.
type writing struct {
	mu           sync.Mutex
	begun, ended bool
}

func (w *writing) watch(ctx context.Context) context.Context {
	set := func(begun, ended bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.begun, w.ended = begun, ended
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { set(false, false) },
		WroteHeaders: func() { set(true, false) },
		// A request that failed while it was written lacks its end, and without its end
		// nobody obeys it.
		WroteRequest: func(i httptrace.WroteRequestInfo) { set(true, i.Err != nil) },
	})
}

// mayBeDone errs on the side of done: the last byte may be out some time before the
// transport says so.
func (w *writing) mayBeDone() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.begun && !w.ended
}

// Fault names why a request brought no whole reply, without any words of the provider.
// Its kind is [send.Uncertain] if the request may have arrived.
func Fault(ctx context.Context, err error, arrived bool) *send.Error {
	e := diagnose(ctx, err)
	if arrived {
		e.Kind = send.Uncertain
	}
	return e
}

func diagnose(ctx context.Context, err error) *send.Error {
	var (
		cert  *tls.CertificateVerificationError
		plain tls.RecordHeaderError
		n     net.Error
	)
	switch {
	case errors.Is(err, ErrTooLong):
		return &send.Error{Kind: send.Blocked, Reason: "bad_reply", Err: ErrTooLong}
	case errors.Is(ctx.Err(), context.Canceled):
		return &send.Error{Kind: send.Retryable, Reason: "cancelled"}
	case ctx.Err() != nil, errors.As(err, &n) && n.Timeout():
		return &send.Error{Kind: send.Retryable, Reason: "timeout"}
	case errors.As(err, &cert), errors.As(err, &plain):
		return &send.Error{Kind: send.Blocked, Reason: "tls", Err: err}
	}
	return &send.Error{Kind: send.Retryable, Reason: "network", Err: err}
}

// RetryAfter reads RFC 9110 §10.2.3, up to an hour.
func RetryAfter(v string) time.Duration {
	var d time.Duration
	if n, err := strconv.Atoi(v); err == nil {
		d = time.Duration(min(max(n, 0), 3600)) * time.Second
	} else if at, err := http.ParseTime(v); err == nil {
		d = time.Until(at)
	}
	return min(max(d, 0), time.Hour)
}

// Private reports whether what goes to u stays between us and its host: https, or plain
// http that does not leave this machine. An address with credentials in it does not
// count, since addresses end up in logs.
func Private(u *url.URL) bool {
	if u.Host == "" || u.User != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	local := strings.EqualFold(u.Hostname(), "localhost") || ip != nil && ip.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && local
}
