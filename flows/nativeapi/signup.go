package nativeapi

import (
	"errors"
	"slices"

	"github.com/stepgate/stepgate/flows"
)

// signUp begins a sign-up, with what the application has asked for already. Nothing is
// sent, and nothing is kept of it before the address is proved.
func (c *call) signUp() (any, error) {
	given, p := c.form.attributes()
	if p != nil {
		return nil, p
	}
	who := flows.Identify{Email: c.form["username"], Password: c.form["password"], Attributes: given}
	return c.start(flows.SignUp, who, SignUpStarted)
}

func (c *call) signUpCode() (any, error) {
	return c.signUpNext(c.submit(flows.GiveCode{Code: c.form["oob"]}))
}

// askCredential answers the challenge that follows credential_required: a password.
func (c *call) askCredential() (any, error) {
	if p := c.narrowed(); p != nil {
		return nil, p
	}
	if !c.at.Can.has(canPassword) {
		return needsBrowser("The challenge types of the client do not include password."), nil
	}
	ct, err := c.next(SignUpPassword, c.view)
	return challengeAnswer{ct, "password"}, err
}

func (c *call) signUpPassword() (any, error) {
	return c.signUpNext(c.submit(flows.SetPassword{Password: c.form["password"]}))
}

func (c *call) signUpAttributes() (any, error) {
	given, p := c.form.attributes()
	if p != nil {
		return nil, p
	}
	return c.signUpNext(c.submit(flows.GiveAttributes{Values: given}))
}

// signUpNext answers a step of a sign-up: with what is still asked for, in the order
// code, password, attributes, which is the only one that SDKs can walk.
func (c *call) signUpNext(v flows.View, err error) (any, error) {
	refusal := (*flows.Refusal)(nil)
	missing := errors.As(err, &refusal) && refusal.Code == flows.AttributesMissing
	if err != nil && !missing {
		return nil, err
	}
	switch phaseOf(v) {
	case credential:
		ct, err := c.next(SignUpNeedCredential, v)
		if err != nil {
			return nil, err
		}
		p := newProblem("credential_required", "", codeCredential, "A password is required.")
		p.body.Token = ct
		return nil, p
	case attributes:
		ct, err := c.next(SignUpNeedAttributes, v)
		if err != nil {
			return nil, err
		}
		asked := v.Attributes
		if missing {
			asked = slices.DeleteFunc(slices.Clone(asked), func(a flows.Attribute) bool {
				return !slices.Contains(refusal.Names, a.Name)
			})
		}
		return nil, attributesRequired(asked, ct)
	default:
		return c.continues(v, SignUpDone)
	}
}
