package caddymodule

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/stepgate/stepgate/policy"
)

// appFacts is what a site needs to know of the app to judge its own configuration:
// a demand that nobody could ever meet is a mistake. The Caddyfile has them early
// enough to name the line; Provision asks again.
type appFacts struct {
	sms         bool // there is a sender for text messages
	password    bool // people may sign in with a password
	inbox       bool // some messages go to the inbox page
	passwordMin int
	session     *SessionSettings // as configured; may be nil
	attributes  []string         // what newcomers are asked
}

func (a *App) facts() appFacts {
	return appFacts{
		sms:         len(a.sms) > 0,
		password:    slices.Contains(a.SignIn, "password"),
		inbox:       a.usesInbox(),
		passwordMin: a.passwordMinimum(),
		session:     a.Session,
		attributes:  attributeNames(a.Attributes),
	}
}

// factsOf reads the same from an app's configuration, which was not provisioned.
func factsOf(config json.RawMessage) (f appFacts, err error) {
	var a App
	if err := json.Unmarshal(config, &a); err != nil {
		return f, err
	}
	f.sms = len(a.SMSRaw) > 0
	f.password = len(a.SignIn) == 0 || slices.Contains(a.SignIn, "password")
	f.session = a.Session
	f.attributes = attributeNames(a.Attributes)
	f.passwordMin = lonePasswordMinimum
	if a.Password != nil {
		f.passwordMin = a.passwordMinimum()
	}
	for _, raw := range slices.Concat(a.EmailRaw, a.SMSRaw) {
		var sender struct{ Module string }
		if err := json.Unmarshal(raw, &sender); err != nil {
			return f, err
		}
		f.inbox = f.inbox || sender.Module == "inbox"
	}
	return f, nil
}

// checkDemand refuses what no account could have the means for.
func (f appFacts) checkDemand(d policy.Demand) error {
	_, sms := d.Within(policy.SMSProof)
	_, password := d.Within(policy.PasswordProof)
	_, otp := d.Within(policy.OTP)
	switch {
	case sms && !f.sms:
		return fmt.Errorf("it asks for a text message, and there is no sender for them: " +
			"add `sms vonage { … }` to the stepgate block of the global options")
	case password && !f.password:
		return fmt.Errorf("it asks for a password, and sign_in leaves passwords out: add password to it")
	case otp && !f.password && !f.sms:
		return fmt.Errorf("it asks for two channels, and there is only mail: " +
			"add password to sign_in, or a sender for text messages")
	}
	return nil
}

// checkOrigin refuses to show codes to the world.
func (f appFacts) checkOrigin(origin string) error {
	if f.inbox && !loopbackOrigin(origin) {
		return fmt.Errorf("the inbox sender shows every code to whoever opens its page, so it is only for localhost "+
			"and not for %s: use `email smtp` and `sms vonage` there", origin)
	}
	return nil
}

// checkPasswords refuses short passwords where one alone opens anything.
func (f appFacts) checkPasswords(alwaysOTP bool) error {
	if f.password && f.passwordMin < lonePasswordMinimum && !alwaysOTP {
		return fmt.Errorf("passwords of fewer than %d characters are only safe where every request asks for a second factor: "+
			"add `require otp on *` to the site, or raise the password minimum", lonePasswordMinimum)
	}
	return nil
}

// checkClient judges a client's demands and lives.
func (f appFacts) checkClient(c *Client) error {
	for _, demand := range c.Require {
		compiled, err := demand.compile()
		if err != nil {
			return err
		}
		if compiled.HasOnce() {
			return fmt.Errorf("require %s: a token opens many requests: say `within` and a duration, and ask for `once` in the rules", demand)
		}
		if err := f.checkDemand(compiled); err != nil {
			return fmt.Errorf("require %s: %w", demand, err)
		}
	}
	return f.checkClientSession(c)
}

// checkClientSession judges the lives of sign-ins as they become, with what the client
// leaves to the app.
func (f appFacts) checkClientSession(c *Client) error {
	if c.Session == nil {
		return nil
	}
	return c.Session.over(f.session).checkOrder()
}

// checkPlaceholders refuses headers with attributes that nobody is asked for.
func (f appFacts) checkPlaceholders(value string) error {
	for _, name := range attributesIn(value) {
		if !slices.Contains(f.attributes, name) {
			return fmt.Errorf("no attribute is named %[1]q: declare it with `attribute %[1]s` in the stepgate block of the global options", name)
		}
	}
	return nil
}
