package vonage

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/internal/oneshot"
)

// Check implements [send.Checker]: it asks for the account's balance, which proves the
// key and the secret. An account without money is a [send.Blocked] "quota". How much
// there is goes nowhere.
func (s *Sender) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.balanceURL(), nil)
	if err != nil {
		return &send.Error{Kind: send.Blocked, Reason: "bad_url"} // the error would quote the address, secret and all
	}
	req.Header.Set("Accept", "application/json")
	reply, _, err := oneshot.Do(s.transport, req, maxReply)
	switch {
	case err != nil:
		// Asking twice does no harm, so nothing is uncertain here.
		return s.explain(oneshot.Fault(ctx, err, false), send.Message{})
	case reply.Status != http.StatusOK:
		e := judgeHTTP(reply)
		if e.Kind == send.Uncertain {
			e.Kind = send.Retryable
		}
		return e
	}
	var account struct {
		Value *float64 `json:"value"`
	}
	if err := json.Unmarshal(reply.Body, &account); err != nil || account.Value == nil {
		return &send.Error{Kind: send.Blocked, Reason: "bad_reply"}
	}
	if *account.Value <= 0 {
		return &send.Error{Kind: send.Blocked, Reason: "quota", Err: errors.New("the account has no balance left")}
	}
	return nil
}

// balanceURL holds the secret: this endpoint takes it in the query only.
func (s *Sender) balanceURL() string {
	base := s.cfg.BaseURL
	if base == "" {
		base = defaultBase
	}
	return strings.TrimSuffix(base, "/sms") + "/account/get-balance?" +
		url.Values{"api_key": {s.cfg.APIKey}, "api_secret": {s.cfg.APISecret}}.Encode()
}
