package nativeapi

import (
	"slices"
)

// Endpoint is one resource of the API.
type Endpoint struct {
	Path string // below the base
	// Actions are what a call of it can mean. They are told apart by grant_type, or by
	// the stage of the continuation token.
	Actions []Action
}

// Action is one meaning of a call.
type Action struct {
	Grant string // the value of grant_type; empty: the endpoint has no such parameter
	// Required and Optional are the parameters that are known. An empty one counts as
	// missing; others are passed over.
	Required, Optional []string
	// Accepts are the stages of the continuation tokens that it takes; nil: it takes none.
	Accepts []Stage

	redeems bool // tokens may come of it, so it reads scope and claims
	run     func(*call) (any, error)
}

// Endpoints is the whole of the API. The order is that of its documentation.
func Endpoints() []Endpoint {
	return []Endpoint{
		{"/oauth2/v2.0/initiate", []Action{
			{Required: words("client_id username challenge_type"), Optional: words("capabilities capability"), run: (*call).initiate},
		}},
		{"/oauth2/v2.0/challenge", []Action{
			{Required: words("client_id continuation_token"), Optional: words("challenge_type id"),
				Accepts: []Stage{SignInStarted, SignInChallenged}, run: (*call).challengeFirst},
			{Required: words("client_id continuation_token"), Optional: words("challenge_type id"),
				Accepts: []Stage{MFARequired, MFAListed, MFAChallenged}, run: (*call).challengeSecond},
		}},
		{"/oauth2/v2.0/introspect", []Action{
			{Required: words("client_id continuation_token"),
				Accepts: []Stage{MFARequired, MFAListed, MFAChallenged}, run: (*call).listSecond},
		}},
		{"/oauth2/v2.0/token", []Action{
			redeeming("password", (*call).givePassword, "password", SignInChallenged),
			redeeming("oob", (*call).giveCode, "oob", SignInChallenged),
			redeeming("mfa_oob", (*call).giveCode, "oob", MFAChallenged),
			redeeming("continuation_token", (*call).redeem, "", SignUpDone, ResetDone, RegDone),
			redeeming("refresh_token", (*call).refresh, "refresh_token"),
		}},
		{"/signup/v1.0/start", []Action{
			{Required: words("client_id username challenge_type"), Optional: words("password attributes capabilities capability"),
				run: (*call).signUp},
		}},
		{"/signup/v1.0/challenge", []Action{
			{Required: words("client_id continuation_token"), Optional: words("challenge_type"),
				Accepts: []Stage{SignUpStarted, SignUpChallenged}, run: (*call).challengeFirst},
			{Required: words("client_id continuation_token"), Optional: words("challenge_type"),
				Accepts: []Stage{SignUpNeedCredential, SignUpPassword}, run: (*call).askCredential},
		}},
		{"/signup/v1.0/continue", []Action{
			{Grant: "oob", Required: words("client_id continuation_token grant_type oob"),
				Accepts: []Stage{SignUpChallenged}, run: (*call).signUpCode},
			{Grant: "password", Required: words("client_id continuation_token grant_type password"),
				Accepts: []Stage{SignUpPassword}, run: (*call).signUpPassword},
			{Grant: "attributes", Required: words("client_id continuation_token grant_type attributes"),
				Accepts: []Stage{SignUpNeedAttributes}, run: (*call).signUpAttributes},
		}},
		{"/resetpassword/v1.0/start", []Action{
			{Required: words("client_id username challenge_type"), Optional: words("capabilities capability"), run: (*call).reset},
		}},
		{"/resetpassword/v1.0/challenge", []Action{
			{Required: words("client_id continuation_token"), Optional: words("challenge_type"),
				Accepts: []Stage{ResetStarted, ResetChallenged}, run: (*call).challengeFirst},
		}},
		{"/resetpassword/v1.0/continue", []Action{
			{Grant: "oob", Required: words("client_id continuation_token grant_type oob"),
				Accepts: []Stage{ResetChallenged}, run: (*call).resetCode},
		}},
		{"/resetpassword/v1.0/submit", []Action{
			{Required: words("client_id continuation_token new_password"), Accepts: []Stage{ResetVerified}, run: (*call).resetPassword},
		}},
		{"/resetpassword/v1.0/poll_completion", []Action{
			{Required: words("client_id continuation_token"), Accepts: []Stage{ResetSubmitted}, run: (*call).resetDone},
		}},
		{"/register/v1.0/introspect", []Action{
			{Required: words("client_id continuation_token"),
				Accepts: []Stage{RegRequired, RegListed, RegChallenged, RegPreverified}, run: (*call).listMethods},
		}},
		{"/register/v1.0/challenge", []Action{
			{Required: words("client_id continuation_token challenge_target"), Optional: words("challenge_type challenge_channel"),
				Accepts: []Stage{RegListed, RegChallenged, RegPreverified}, run: (*call).register},
		}},
		{"/register/v1.0/continue", []Action{
			{Grant: "oob", Required: words("client_id continuation_token grant_type oob"),
				Accepts: []Stage{RegChallenged}, run: (*call).registerCode},
			{Grant: "continuation_token", Required: words("client_id continuation_token grant_type"),
				Accepts: []Stage{RegPreverified}, run: (*call).registerMailbox},
		}},
	}
}

// redeeming is one grant of the token endpoint.
func redeeming(grant string, run func(*call) (any, error), proof string, accepts ...Stage) Action {
	a := Action{
		Grant: grant, Required: words("client_id grant_type"),
		Optional: words("scope claims client_info username challenge_type nca"),
		Accepts:  accepts, redeems: true, run: run,
	}
	if accepts != nil {
		a.Required = append(a.Required, "continuation_token")
	}
	if proof != "" {
		a.Required = append(a.Required, proof)
	}
	return a
}

// granted reports whether the endpoint tells its actions apart by grant_type.
func (e *Endpoint) granted() bool { return e.Actions[0].Grant != "" }

// known reports whether the endpoint, or any action of it, has a parameter.
func (e *Endpoint) known(name string) bool {
	return slices.ContainsFunc(e.Actions, func(a Action) bool {
		return slices.Contains(a.Required, name) || slices.Contains(a.Optional, name)
	})
}
