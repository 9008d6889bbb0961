package nativeapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/token"
	"github.com/stepgate/stepgate/policy"
)

// tokensAnswer is what a client is after. SDKs need every member, whatever they asked
// for.
type tokensAnswer struct {
	TokenType  string `json:"token_type"`
	Scope      string `json:"scope"`
	ExpiresIn  int64  `json:"expires_in"`
	ExtExpires int64  `json:"ext_expires_in"`
	Access     string `json:"access_token"`
	Refresh    string `json:"refresh_token"`
	ID         string `json:"id_token"`
	ClientInfo string `json:"client_info"`
}

func (c *call) givePassword() (any, error) {
	v, err := c.submit(flows.GivePassword{Password: c.form["password"]})
	if refusal := (*flows.Refusal)(nil); errors.As(err, &refusal) && refusal.Code == flows.PairWrong {
		c.signNothing()
	}
	return c.proved(v, err)
}

// signNothing costs what the tokens of a right password cost, so that how long an answer
// takes is the same for a right password, a wrong one and a person that there is not.
func (c *call) signNothing() {
	minter, err := c.face.cfg.Minter()
	if err != nil {
		return
	}
	_, _ = minter.MintClient(token.Subject{
		User: "nobody", SID: "nothing", Email: "nobody@example.com", Proof: policy.Proof{}.With(policy.Password, c.now),
	}, token.ClientTokens{
		ClientID: c.client.ID, Audience: c.client.Audience, Scope: granted(c.at.Scopes), Lifetime: c.client.TokenLife,
	}, c.now.Add(time.Hour))
}

// giveCode is of a first or a second factor. The continuation token says of which, and
// it has been compared with where the flow stands: a code of one is never judged as the
// other.
func (c *call) giveCode() (any, error) {
	return c.proved(c.submit(flows.GiveCode{Code: c.form["oob"]}))
}

// redeem asks for the tokens of somebody who has signed up, reset a password or
// registered a method.
func (c *call) redeem() (any, error) { return c.proved(c.submit(flows.Redeem{})) }

// proved answers a call that may end in tokens: with them, or with what else is owed.
func (c *call) proved(v flows.View, err error) (any, error) {
	switch {
	case err != nil:
		return nil, err
	case v.Opened != nil:
		return c.tokens(v.Opened, expiredToken())
	}
	switch phaseOf(v) {
	case second:
		return c.demanded(v, canMFA, "mfa_required", MFARequired, codeMFA, "A second factor is required.")
	case registering:
		return c.demanded(v, canRegister, "registration_required", RegRequired, codeRegistration,
			"A second factor must be registered.")
	default:
		return nil, c.strayed(v)
	}
}

// demanded says what is owed, to a client that can go on with it. Others are sent to a
// browser: the flow ends there.
func (c *call) demanded(v flows.View, ability abilities, suberror string, stage Stage, code int, text string) (any, error) {
	if !c.at.Can.has(ability) {
		return needsBrowser("Client is missing " + suberror + " capability."), nil
	}
	ct, err := c.next(stage, v)
	if err != nil {
		return nil, err
	}
	p := newProblem("invalid_grant", suberror, code, text)
	p.body.Token = ct
	return nil, p
}

// refresh trades a refresh token. It has no flow: what is asked for is judged against
// the proofs of the sign-in that the token belongs to.
func (c *call) refresh() (any, error) {
	opened, err := c.engine.Refresh(c.r.Context(), c.caller(), c.form["refresh_token"])
	if err != nil {
		return nil, err
	}
	over, _ := refused(&flows.Refusal{Code: flows.RefreshInvalid})
	return c.tokens(opened, over)
}

// tokens mints them. The policy has been met for all of the scopes and contexts that
// this call is for; over is the answer if the session ends this very moment.
func (c *call) tokens(opened *flows.Opened, over *problem) (any, error) {
	minter, err := c.face.cfg.Minter()
	if err != nil {
		return nil, fmt.Errorf("asking for the signing keys: %w", err)
	}
	s, scopes := opened.Session, granted(c.at.Scopes)
	bundle, err := minter.MintClient(token.Subject{
		User: s.User, SID: s.SID, Email: s.Email, Name: s.Attributes[flows.DisplayName], Groups: s.Groups, Proof: s.Proof,
	}, token.ClientTokens{
		ClientID: c.client.ID, Audience: c.client.Audience, Scope: scopes, ACRs: c.at.Contexts, Lifetime: c.client.TokenLife,
	}, s.Ends)
	if errors.Is(err, token.ErrEnded) {
		return nil, over
	}
	if err != nil {
		return nil, err
	}
	life := int64(bundle.Expires.Sub(c.now).Seconds())
	return tokensAnswer{
		TokenType: "Bearer", Scope: strings.Join(scopes, " "), ExpiresIn: life, ExtExpires: life,
		Access: bundle.Access, Refresh: opened.Refresh, ID: bundle.ID, ClientInfo: clientInfo(s.User, c.face.cfg.Tenant),
	}, nil
}

// clientInfo names the account for the cache of an SDK. It must be the same at every
// refresh, or the SDK loses the new tokens without a word.
func clientInfo(user, tenant string) string {
	info, _ := json.Marshal(struct {
		UID  string `json:"uid"`
		UTID string `json:"utid"`
	}{user, tenant}) // two strings: there is nothing to fail
	return base64.RawURLEncoding.EncodeToString(info)
}
