package nativeapi

import (
	"errors"
	"slices"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// The answers of more than one action.
type (
	// tokenAnswer hands out a continuation token and nothing else.
	tokenAnswer struct {
		Token string `json:"continuation_token"`
	}
	// challengeAnswer asks for the password, or for nothing (preverified).
	challengeAnswer struct {
		Token         string `json:"continuation_token"`
		ChallengeType string `json:"challenge_type"`
	}
	// redirectAnswer sends the person to a browser. It is no error, and final.
	redirectAnswer struct {
		ChallengeType string `json:"challenge_type"`
		Reason        string `json:"redirect_reason"`
	}
	// codeAnswer says that a code was sent, and where to.
	codeAnswer struct {
		Token         string `json:"continuation_token"`
		ChallengeType string `json:"challenge_type"`
		BindingMethod string `json:"binding_method"`
		Channel       string `json:"challenge_channel"`
		// Label is masked. Registration has Target instead, as the client gave it.
		Label    string `json:"challenge_target_label,omitempty"`
		Target   string `json:"challenge_target,omitempty"`
		Digits   int    `json:"code_length"`
		Interval int    `json:"interval"` // seconds until another may be asked for
	}
	method struct {
		ID            string `json:"id"`
		ChallengeType string `json:"challenge_type"`
		Channel       string `json:"challenge_channel"`
		Hint          string `json:"login_hint,omitempty"`
	}
	methodsAnswer struct {
		Token   string   `json:"continuation_token"`
		Methods []method `json:"methods"`
	}
)

// The channels of codes, which are also the ids of methods: an account has at most one
// of each.
const (
	byEmail = "email"
	bySMS   = "sms"
)

func channelOf(f policy.Factor) string {
	if f == policy.SMSCode {
		return bySMS
	}
	return byEmail
}

func needsBrowser(reason string) redirectAnswer { return redirectAnswer{"redirect", reason} }

// initiate begins a sign-in. Nothing is sent.
func (c *call) initiate() (any, error) {
	return c.start(flows.SignIn, flows.Identify{Email: c.form["username"]}, SignInStarted)
}

// start begins a flow of any kind.
func (c *call) start(kind flows.Kind, who flows.Identify, stage Stage) (any, error) {
	can, p := c.form.abilities()
	if p != nil {
		return nil, p
	}
	if who.Password != "" {
		if !can.has(canPassword) {
			return nil, invalid(codeMalformed, "A password was given, but challenge_type does not include 'password'.")
		}
		can |= hasPassword
	}
	c.at = begin(can, c.now)
	v, err := c.engine.Start(c.r.Context(), c.caller(), kind, flows.Target{}, who)
	if err != nil {
		return nil, err
	}
	return c.continues(v, stage)
}

// continues answers with a continuation token of a stage, if the flow is in its phase.
func (c *call) continues(v flows.View, stage Stage) (any, error) {
	if phaseOf(v) != phases[stage] {
		return nil, c.strayed(v)
	}
	token, err := c.next(stage, v)
	return tokenAnswer{token}, err
}

// narrowed takes the challenge types of this very call into account. They are optional
// here, and cannot widen what was said at the beginning.
func (c *call) narrowed() *problem {
	given := c.form["challenge_type"]
	if given == "" {
		return nil
	}
	can, p := challengeTypes(given)
	if p != nil {
		return p
	}
	if c.at.Can.has(hasPassword) {
		can |= canPassword
	}
	c.at.Can &^= (canCode | canPassword) &^ can
	return nil
}

// challengeFirst asks for the first factor that the engine has chosen, or for another
// code: of a sign-in, a sign-up or a reset.
func (c *call) challengeFirst() (any, error) {
	if p := c.narrowed(); p != nil {
		return nil, p
	}
	v, wanted := c.view, c.view.Factor
	if v.Step == flows.Choose && len(v.Options) > 0 {
		wanted = v.Options[0]
	}
	if !c.at.Can.factors().Has(wanted) {
		return needsBrowser("The challenge types of the client do not include what is needed."), nil
	}
	var err error
	switch {
	case v.Step == flows.Choose && wanted == policy.Password:
		v, err = c.submit(flows.UsePassword{})
	case v.Step == flows.Choose:
		v, err = c.submit(flows.SendCode{Factor: wanted})
	case v.Step == flows.AskCode:
		v, err = c.again(flows.Resend{})
	}
	if err != nil {
		return nil, err
	}
	stage := challenged(v.Kind)
	if v.Step == flows.AskPassword && v.First {
		token, err := c.next(stage, v)
		return challengeAnswer{token, "password"}, err
	}
	return c.sent(v, stage)
}

// again hands in an input that asks for another code. Where it is too soon for one, the
// code that is on its way will do, and the client is told how long to wait.
func (c *call) again(in flows.Input) (flows.View, error) {
	v, err := c.submit(in)
	if r := (*flows.Refusal)(nil); errors.As(err, &r) && r.Code == flows.ResendTooSoon && v.Step == flows.AskCode {
		return v, nil
	}
	return v, err
}

// sent answers that a code is on its way.
func (c *call) sent(v flows.View, stage Stage) (any, error) {
	if v.Step != flows.AskCode || phaseOf(v) != phases[stage] {
		return nil, c.strayed(v)
	}
	token, err := c.next(stage, v)
	answer := codeAnswer{
		Token: token, ChallengeType: "oob", BindingMethod: "prompt", Channel: channelOf(v.Factor),
		Label: label(v, v.Factor), Digits: v.Digits, Interval: seconds(v.ResendAfter.Sub(c.now)),
	}
	return answer, err
}

// seconds rounds up, and is never less than one.
func seconds(d time.Duration) int { return max(int((d+time.Second-1)/time.Second), 1) }

// label masks the address that a factor's codes go to.
func label(v flows.View, f policy.Factor) string {
	if f == policy.SMSCode {
		return maskPhone(v.Phone)
	}
	return maskEmail(v.Email)
}

// secondFactors are those that would bring the flow on.
func (c *call) secondFactors() []policy.Factor {
	return slices.DeleteFunc(slices.Clone(c.view.Options), func(f policy.Factor) bool { return !f.OneTime() })
}

// listSecond names the second factors to choose from.
func (c *call) listSecond() (any, error) {
	factors := c.secondFactors()
	if len(factors) == 0 {
		return nil, errors.New("listing second factors: there is none")
	}
	token, err := c.next(MFAListed, c.view)
	answer := methodsAnswer{Token: token}
	for _, f := range factors {
		answer.Methods = append(answer.Methods, method{channelOf(f), "oob", channelOf(f), label(c.view, f)})
	}
	return answer, err
}

// challengeSecond sends a code for the second factor with the given id, or another one.
// Without an id there must be nothing to choose.
func (c *call) challengeSecond() (any, error) {
	if p := c.narrowed(); p != nil {
		return nil, p
	}
	if !c.at.Can.has(canCode) {
		return needsBrowser("The challenge types of the client do not include oob."), nil
	}
	factors := c.secondFactors()
	if id := c.form["id"]; id != "" {
		factors = slices.DeleteFunc(factors, func(f policy.Factor) bool { return channelOf(f) != id })
		if len(factors) == 0 {
			return nil, invalid(codeMalformed, "The parameter 'id' is not that of a method.")
		}
	}
	if len(factors) != 1 {
		p := invalid(codeMissing, "The request body must contain the following parameter: 'id'.")
		p.body.Suberror = "introspect_required"
		return nil, p
	}
	v, err := c.again(flows.SendCode{Factor: factors[0]})
	if err != nil {
		return nil, err
	}
	return c.sent(v, MFAChallenged)
}
