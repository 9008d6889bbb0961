package nativeapi

import (
	"time"

	"github.com/stepgate/stepgate/flows"
)

type (
	// verifiedAnswer says for how many seconds the password may be chosen.
	verifiedAnswer struct {
		Token     string `json:"continuation_token"`
		ExpiresIn int    `json:"expires_in"`
	}
	submittedAnswer struct {
		Token        string `json:"continuation_token"`
		PollInterval int    `json:"poll_interval"` // seconds
	}
	pollAnswer struct {
		Status string `json:"status"`
		Token  string `json:"continuation_token"`
	}
)

// maxVerified is the longest that the protocol allows for verifiedAnswer.
const maxVerified = 10 * time.Minute

// reset begins the replacement of a forgotten password. Nothing is sent.
func (c *call) reset() (any, error) {
	return c.start(flows.Reset, flows.Identify{Email: c.form["username"]}, ResetStarted)
}

func (c *call) resetCode() (any, error) {
	v, err := c.submit(flows.GiveCode{Code: c.form["oob"]})
	if err != nil {
		return nil, err
	}
	if phaseOf(v) != credential {
		return nil, c.strayed(v)
	}
	ct, err := c.next(ResetVerified, v)
	left := min(time.Unix(c.at.Ends, 0).Sub(c.now), maxVerified)
	return verifiedAnswer{ct, seconds(left)}, err
}

func (c *call) resetPassword() (any, error) {
	v, err := c.submit(flows.SetPassword{Password: c.form["new_password"]})
	if err != nil {
		return nil, err
	}
	if phaseOf(v) != ready {
		return nil, c.strayed(v)
	}
	ct, err := c.next(ResetSubmitted, v)
	return submittedAnswer{ct, 1}, err
}

// resetDone answers a poll. The password was replaced when it was submitted, so there
// is never anything to wait for; SDKs poll all the same.
func (c *call) resetDone() (any, error) {
	ct, err := c.next(ResetDone, c.view)
	return pollAnswer{"succeeded", ct}, err
}
