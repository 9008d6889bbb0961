package vonage

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	sdk "github.com/vonage/vonage-go-sdk"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/internal/oneshot"
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
	if reference.MatchString(m.ID) {
		opts.ClientRef = m.ID
		if opts.Callback = s.callback(m.Receipts); opts.Callback != "" {
			opts.StatusReportReq = true
		}
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

// RoundTrip returns a 200 with its whole body read, or an error that is or wraps a
// *send.Error. A redirect is an error like any other status, so nothing follows one.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	reply, arrived, err := oneshot.Do(g.next, req.WithContext(g.ctx), maxReply)
	if err != nil {
		return nil, oneshot.Fault(g.ctx, err, arrived)
	}
	if reply.Status != http.StatusOK {
		return nil, judgeHTTP(reply)
	}
	// The SDK picks its parser by this header; JSON was asked for.
	reply.Header.Set("Content-Type", "application/json")
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: reply.Header, Body: io.NopCloser(bytes.NewReader(reply.Body)),
	}, nil
}
