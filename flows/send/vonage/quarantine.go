package vonage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	sdk "github.com/vonage/vonage-go-sdk"

	"github.com/stepgate/stepgate/flows/send"
)

// maxReply bounds a reply's body, in bytes.
const maxReply = 64 << 10

// part is Vonage's verdict on one part of a message.
type part struct{ status, words string }

var errEmpty = errors.New("the reply has no messages")

// call is the only place that touches the SDK.
func (s *Sender) call(ctx context.Context, m send.Message) (parts []part, err error) {
	defer func() {
		if p := recover(); p != nil {
			// Known: a reply without messages is indexed anyway. The panic's own words may
			// hold anything and are not kept.
			parts, err = nil, errEmpty
		}
	}()
	client := sdk.NewSMSClient(sdk.CreateAuthFromKeySecret(s.cfg.APIKey, s.cfg.APISecret))
	client.Config.HTTPClient = &http.Client{Transport: &guard{ctx: ctx, next: s.transport}}
	if s.cfg.BaseURL != "" {
		client.Config.BasePath = s.cfg.BaseURL
	}
	opts := sdk.SMSOpts{}
	if len(m.ID) <= 40 {
		opts.ClientRef = m.ID
	}
	if encoding, _, _ := send.Segments(m.Text); encoding != send.GSM7 {
		opts.Type = "unicode" // else what is outside GSM-7 arrives as question marks
	}
	result, refused, err := client.Send(s.cfg.From, strings.TrimPrefix(m.To, "+"), m.Text, opts)
	if err != nil {
		return nil, err
	}
	for i, r := range result.Messages {
		p := part{status: r.Status}
		if i < len(refused.Messages) {
			p.words = refused.Messages[i].ErrorText
		}
		parts = append(parts, p)
	}
	if len(parts) == 0 {
		return nil, errEmpty
	}
	return parts, nil
}

// guard stands between the SDK and the network. It is made for one call.
type guard struct {
	ctx  context.Context // the SDK calls with its own background context
	next http.RoundTripper
}

// RoundTrip returns a 200 with its whole body read, or an error. A redirect is an
// error like any other status, so nothing ever follows one.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := g.next.RoundTrip(req.WithContext(g.ctx))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		e := judgeHTTP(resp.StatusCode)
		e.Wait = retryAfter(resp.Header.Get("Retry-After"))
		e.Err = fmt.Errorf("HTTP status %d", resp.StatusCode)
		return nil, e
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxReply {
		return nil, &send.Error{Kind: send.Blocked, Reason: "bad_reply", Err: errors.New("the reply is too long")}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	// The SDK picks its parser by this header; JSON was asked for.
	resp.Header.Set("Content-Type", "application/json")
	return resp, nil
}

// retryAfter reads RFC 9110 §10.2.3, up to an hour.
func retryAfter(v string) time.Duration {
	var d time.Duration
	if n, err := strconv.Atoi(v); err == nil {
		d = time.Duration(min(max(n, 0), 3600)) * time.Second
	} else if at, err := http.ParseTime(v); err == nil {
		d = time.Until(at)
	}
	return min(max(d, 0), time.Hour)
}
