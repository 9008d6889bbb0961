package nativeapi

import "github.com/stepgate/stepgate/flows"

// Stage is where in the protocol a continuation token was handed out.
type Stage string

// The stages, each with the endpoint that hands its tokens out.
const (
	SignInStarted    Stage = "signin.started"    // initiate
	SignInChallenged Stage = "signin.challenged" // challenge

	MFARequired   Stage = "mfa.required"   // token, as an error
	MFAListed     Stage = "mfa.listed"     // introspect
	MFAChallenged Stage = "mfa.challenged" // challenge

	RegRequired    Stage = "reg.required"    // token, as an error
	RegListed      Stage = "reg.listed"      // register/introspect
	RegChallenged  Stage = "reg.challenged"  // register/challenge: a code was sent
	RegPreverified Stage = "reg.preverified" // register/challenge: no code is needed
	RegDone        Stage = "reg.done"        // register/continue

	SignUpStarted        Stage = "signup.started"        // start
	SignUpChallenged     Stage = "signup.challenged"     // challenge
	SignUpNeedCredential Stage = "signup.needcredential" // continue, as an error
	SignUpPassword       Stage = "signup.password"       // challenge, after that
	SignUpNeedAttributes Stage = "signup.needattributes" // continue, as an error
	SignUpDone           Stage = "signup.done"           // continue

	ResetStarted    Stage = "reset.started"    // start
	ResetChallenged Stage = "reset.challenged" // challenge
	ResetVerified   Stage = "reset.verified"   // continue
	ResetSubmitted  Stage = "reset.submitted"  // submit
	ResetDone       Stage = "reset.done"       // poll_completion
)

// phase is where a flow stands, as far as continuation tokens go: all tokens of one
// phase live and die together, whichever of them was handed out last.
type phase uint8

const (
	over        phase = iota // finished, stuck, or nothing that a client's flow does
	first                    // a first factor is awaited, asked for or not
	second                   // a second factor is awaited
	registering              // a second factor is to be registered
	credential               // a password is to be chosen
	attributes               // attributes are to be given
	ready                    // tokens may be asked for
)

// phases says in which phase of its flow a token of a stage is worth something.
var phases = map[Stage]phase{
	SignInStarted: first, SignInChallenged: first,
	MFARequired: second, MFAListed: second, MFAChallenged: second,
	RegRequired: registering, RegListed: registering, RegChallenged: registering, RegPreverified: registering,
	RegDone:       ready,
	SignUpStarted: first, SignUpChallenged: first,
	SignUpNeedCredential: credential, SignUpPassword: credential, SignUpNeedAttributes: attributes,
	SignUpDone:   ready,
	ResetStarted: first, ResetChallenged: first,
	ResetVerified: credential, ResetSubmitted: ready, ResetDone: ready,
}

// phaseOf reads the phase off a flow's step.
func phaseOf(v flows.View) phase {
	switch v.Step {
	case flows.Choose, flows.AskCode, flows.AskPassword:
		switch {
		case v.Enrolling:
			return registering
		case v.First:
			return first
		case v.Step == flows.AskPassword:
			return over // no second factor of this protocol
		default:
			return second
		}
	case flows.AskPhone:
		return registering
	case flows.AskNewPassword:
		return credential
	case flows.AskAttributes:
		return attributes
	case flows.Ready:
		return ready
	default:
		return over
	}
}

// challenged is the stage of a token that goes with a first factor asked for.
func challenged(kind flows.Kind) Stage {
	switch kind {
	case flows.SignUp:
		return SignUpChallenged
	case flows.Reset:
		return ResetChallenged
	default:
		return SignInChallenged
	}
}
