package nativeapi

import (
	"errors"
	"strings"

	"github.com/stepgate/stepgate/flows"
)

// listMethods names what may be registered. The address is shown in clear: it was
// proved in this flow, and is the only one that will do.
func (c *call) listMethods() (any, error) {
	var methods []method
	if c.view.MayRegisterMailbox {
		methods = append(methods, method{byEmail, "oob", byEmail, c.view.Email})
	}
	if c.mayGivePhone() {
		methods = append(methods, method{ID: bySMS, ChallengeType: "oob", Channel: bySMS})
	}
	if methods == nil {
		return nil, errors.New("listing methods to register: there is none")
	}
	ct, err := c.next(RegListed, c.view)
	return methodsAnswer{ct, methods}, err
}

// mayGivePhone also holds while the code for one is awaited: the number may be changed.
func (c *call) mayGivePhone() bool {
	return c.view.MayGivePhone || c.view.Enrolling && c.view.Step == flows.AskCode
}

// register takes the contact to register. The mailbox was proved in this flow already;
// a phone is sent a code.
func (c *call) register() (any, error) {
	if given := c.form["challenge_type"]; given != "" && given != "oob" {
		return nil, unsupportedChallenge()
	}
	target, channel := c.form["challenge_target"], c.form["challenge_channel"]
	if channel == "" {
		channel = bySMS
		if strings.Contains(target, "@") {
			channel = byEmail
		}
	}
	switch channel {
	case byEmail:
		return c.registerAddress(target)
	case bySMS:
		return c.registerPhone(target)
	default:
		return nil, invalid(codeMalformed, "The parameter 'challenge_channel' must be 'email' or 'sms'.")
	}
}

func (c *call) registerAddress(target string) (any, error) {
	_, wanted, refusal := flows.CanonicalEmail(target)
	_, proved, _ := flows.CanonicalEmail(c.view.Email)
	if !c.view.MayRegisterMailbox || refusal != nil || wanted != proved {
		return nil, invalid(codeContact, "This address cannot be registered.")
	}
	ct, err := c.next(RegPreverified, c.view)
	return challengeAnswer{ct, "preverified"}, err
}

func (c *call) registerPhone(target string) (any, error) {
	if !c.mayGivePhone() {
		return nil, invalid(codeContact, "A phone cannot be registered.")
	}
	var v flows.View
	var err error
	if c.view.Step == flows.AskCode && c.view.Phone == target {
		v, err = c.again(flows.Resend{})
	} else {
		// Another number must wait like another code, and then nothing is on its way to it.
		v, err = c.submit(flows.GivePhone{Phone: target})
	}
	switch {
	case err != nil:
		return nil, err
	case v.Step == flows.AskPhone: // what allowed it has become too old meanwhile
		return nil, &flows.Refusal{Code: flows.EnrolNotAllowed}
	}
	answer, err := c.sent(v, RegChallenged)
	if code, sent := answer.(codeAnswer); sent {
		code.Label, code.Target = "", target
		answer = code
	}
	return answer, err
}

func (c *call) registerCode() (any, error) {
	return c.registered(c.submit(flows.GiveCode{Code: c.form["oob"]}))
}

func (c *call) registerMailbox() (any, error) { return c.registered(c.submit(flows.RegisterMailbox{})) }

func (c *call) registered(v flows.View, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return c.continues(v, RegDone)
}
