package nativeapi_test

import (
	"net/url"
	"slices"
	"testing"

	"github.com/stepgate/stepgate/flows/nativeapi"
)

// reached is a flow that stands where a token of some stage is at home.
type reached struct {
	token string
	world *world
	// goOn does the right thing next, and fails the test if that does not work.
	goOn func()
}

// walks lead to every stage that there is, each in a world of its own.
var walks = map[nativeapi.Stage]func(*testing.T) reached{
	nativeapi.SignInStarted: func(t *testing.T) reached {
		w := newWorld(t)
		w.signedUpWithPassword(dana)
		a := w.app()
		at := a.begin(initiate, dana)
		return reached{at.token(), w, func() {
			a.tokens(a.with(at, "/oauth2/v2.0/challenge"), "password", "password", longSecret).gotTokens()
		}}
	},
	nativeapi.SignInChallenged: func(t *testing.T) reached {
		w := newWorld(t)
		w.signedUpWithPassword(dana)
		at := w.app().challenged(dana)
		return reached{at.token(), w, func() { w.app().tokens(at, "password", "password", longSecret).gotTokens() }}
	},
	"signin.challenged by code": func(t *testing.T) reached {
		w := newWorld(t)
		w.signedUpWithCode(dana)
		w.wait(later)
		at := w.app().challenged(dana)
		return reached{at.token(), w, func() { w.app().tokens(at, "oob", "oob", w.code(dana)).gotTokens() }}
	},
	nativeapi.MFARequired:   secondStage(0),
	nativeapi.MFAListed:     secondStage(1),
	nativeapi.MFAChallenged: secondStage(2),
	nativeapi.RegRequired:   registerStage(0),
	nativeapi.RegListed:     registerStage(1),
	nativeapi.RegChallenged: registerStage(2),
	nativeapi.RegDone:       registerStage(3),
	nativeapi.RegPreverified: func(t *testing.T) reached {
		w := newWorld(t)
		a := w.app()
		done := a.signUpCode(a.begin("/signup/v1.0/start", dana, "password", longSecret), dana)
		listed := a.with(a.tokens(done, "continuation_token", "scope", "payroll.write"), "/register/v1.0/introspect")
		at := a.with(listed, "/register/v1.0/challenge", "challenge_target", dana)
		return reached{at.token(), w, func() {
			a.tokens(a.with(at, "/register/v1.0/continue", "grant_type", "continuation_token"), "continuation_token").gotTokens()
		}}
	},
	nativeapi.SignUpStarted:        signUpStage(0),
	nativeapi.SignUpChallenged:     signUpStage(1),
	nativeapi.SignUpNeedCredential: signUpStage(2),
	nativeapi.SignUpPassword:       signUpStage(3),
	nativeapi.SignUpNeedAttributes: signUpStage(4),
	nativeapi.SignUpDone:           signUpStage(5),
	nativeapi.ResetStarted:         resetStage(0),
	nativeapi.ResetChallenged:      resetStage(1),
	nativeapi.ResetVerified:        resetStage(2),
	nativeapi.ResetSubmitted:       resetStage(3),
	nativeapi.ResetDone:            resetStage(4),
}

// stage walks through steps, each from the answer of the one before, and stops after the
// given one; the rest is what goOn does. The last step must end in tokens.
func stage(w *world, stop int, steps ...func(*answer) *answer) reached {
	var at *answer
	for _, step := range steps[:stop+1] {
		at = step(at)
	}
	return reached{at.token(), w, func() {
		w.t.Helper()
		last := at
		for _, step := range steps[stop+1:] {
			last = step(last)
		}
		last.gotTokens()
	}}
}

func secondStage(stop int) func(*testing.T) reached {
	return func(t *testing.T) reached {
		w := newWorld(t)
		w.withBoth(dana, danaPhone)
		w.wait(later)
		a := w.app()
		return stage(w, stop,
			func(*answer) *answer { return a.byPassword(dana, "scope", "payroll.write") },
			func(at *answer) *answer { return a.with(at, "/oauth2/v2.0/introspect") },
			func(at *answer) *answer { return a.with(at, "/oauth2/v2.0/challenge", "id", "sms") },
			func(at *answer) *answer { return a.tokens(at, "mfa_oob", "oob", w.code(danaPhone)) },
		)
	}
}

func registerStage(stop int) func(*testing.T) reached {
	return func(t *testing.T) reached {
		w := newWorld(t)
		w.signedUpWithCode(dana)
		w.wait(later)
		a := w.codeApp()
		return stage(w, stop,
			func(*answer) *answer { return a.byCode(dana, "scope", "payroll.write") },
			func(at *answer) *answer { return a.with(at, "/register/v1.0/introspect") },
			func(at *answer) *answer { return a.with(at, "/register/v1.0/challenge", "challenge_target", danaPhone) },
			func(at *answer) *answer {
				return a.with(at, "/register/v1.0/continue", "grant_type", "oob", "oob", w.code(danaPhone))
			},
			func(at *answer) *answer { return a.tokens(at, "continuation_token") },
		)
	}
}

func signUpStage(stop int) func(*testing.T) reached {
	return func(t *testing.T) reached {
		w := newWorld(t).withAttributes()
		a := w.app()
		on := func(path string, pairs ...string) func(*answer) *answer {
			return func(at *answer) *answer { return a.with(at, path, pairs...) }
		}
		return stage(w, stop,
			func(*answer) *answer { return a.begin("/signup/v1.0/start", dana) },
			on("/signup/v1.0/challenge"),
			func(at *answer) *answer {
				return a.with(at, "/signup/v1.0/continue", "grant_type", "oob", "oob", w.code(dana))
			},
			on("/signup/v1.0/challenge"),
			on("/signup/v1.0/continue", "grant_type", "password", "password", longSecret),
			on("/signup/v1.0/continue", "grant_type", "attributes", "attributes", `{"displayName":"Dana","age":"44"}`),
			func(at *answer) *answer { return a.tokens(at, "continuation_token", "username", dana) },
		)
	}
}

func resetStage(stop int) func(*testing.T) reached {
	return func(t *testing.T) reached {
		w := newWorld(t)
		w.signedUpWithPassword(dana)
		w.wait(later)
		a := w.app()
		on := func(path string, pairs ...string) func(*answer) *answer {
			return func(at *answer) *answer { return a.with(at, path, pairs...) }
		}
		return stage(w, stop,
			func(*answer) *answer { return a.begin("/resetpassword/v1.0/start", dana) },
			on("/resetpassword/v1.0/challenge"),
			func(at *answer) *answer {
				return a.with(at, "/resetpassword/v1.0/continue", "grant_type", "oob", "oob", w.code(dana))
			},
			on("/resetpassword/v1.0/submit", "new_password", "another one entirely 99"),
			on("/resetpassword/v1.0/poll_completion"),
			func(at *answer) *answer { return a.tokens(at, "continuation_token", "username", dana) },
		)
	}
}

// tokensOfEveryStage walks to each stage in a world of its own. All worlds share their
// keys, so the tokens open in this one.
func tokensOfEveryStage(t *testing.T) map[nativeapi.Stage]string {
	tokens := make(map[nativeapi.Stage]string)
	for at, walk := range walks {
		tokens[at] = walk(t).token
	}
	return tokens
}

// accepted is the table of the protocol: which stages an endpoint takes, by grant. It
// says again what Endpoints says, so that a slip there is seen here.
var accepted = map[string][]nativeapi.Stage{
	"/oauth2/v2.0/challenge":                     {"signin.started", "signin.challenged", "mfa.required", "mfa.listed", "mfa.challenged"},
	"/oauth2/v2.0/introspect":                    {"mfa.required", "mfa.listed", "mfa.challenged"},
	"/oauth2/v2.0/token password":                {"signin.challenged"},
	"/oauth2/v2.0/token oob":                     {"signin.challenged"},
	"/oauth2/v2.0/token mfa_oob":                 {"mfa.challenged"},
	"/oauth2/v2.0/token continuation_token":      {"reg.done", "reset.done", "signup.done"},
	"/oauth2/v2.0/token refresh_token":           nil,
	"/register/v1.0/introspect":                  {"reg.required", "reg.listed", "reg.challenged", "reg.preverified"},
	"/register/v1.0/challenge":                   {"reg.listed", "reg.challenged", "reg.preverified"},
	"/register/v1.0/continue oob":                {"reg.challenged"},
	"/register/v1.0/continue continuation_token": {"reg.preverified"},
	"/signup/v1.0/start":                         nil,
	"/signup/v1.0/challenge":                     {"signup.started", "signup.challenged", "signup.needcredential", "signup.password"},
	"/signup/v1.0/continue oob":                  {"signup.challenged"},
	"/signup/v1.0/continue password":             {"signup.password"},
	"/signup/v1.0/continue attributes":           {"signup.needattributes"},
	"/resetpassword/v1.0/start":                  nil,
	"/resetpassword/v1.0/challenge":              {"reset.started", "reset.challenged"},
	"/resetpassword/v1.0/continue oob":           {"reset.challenged"},
	"/resetpassword/v1.0/submit":                 {"reset.verified"},
	"/resetpassword/v1.0/poll_completion":        {"reset.submitted"},
	"/oauth2/v2.0/initiate":                      nil,
}

func pairName(path, grant string) string {
	if grant == "" {
		return path
	}
	return path + " " + grant
}

func TestEndpointsTakeTheStagesOfTheProtocolsTable(t *testing.T) {
	t.Parallel()
	got := make(map[string][]nativeapi.Stage)
	for _, e := range nativeapi.Endpoints() {
		for _, action := range e.Actions {
			name := pairName(e.Path, action.Grant)
			got[name] = append(got[name], action.Accepts...)
		}
	}
	if len(got) != len(accepted) {
		t.Errorf("%d pairs, want %d", len(got), len(accepted))
	}
	for name, stages := range got {
		want := slices.Clone(accepted[name])
		slices.Sort(want)
		slices.Sort(stages)
		if !slices.Equal(stages, want) {
			t.Errorf("%s takes %v, want %v", name, stages, want)
		}
	}
	if len(nativeapi.Endpoints()) != 15 {
		t.Errorf("%d endpoints", len(nativeapi.Endpoints()))
	}
}

// TestATokenAtAnyOtherEndpointIsRefusedAndMovesNothing tries each stage's token at each
// endpoint and grant that does not take it, with parameters that are right otherwise,
// and then goes on where the flow stood.
func TestATokenAtAnyOtherEndpointIsRefusedAndMovesNothing(t *testing.T) {
	t.Parallel()
	for at, walk := range walks {
		t.Run(string(at), func(t *testing.T) {
			t.Parallel()
			flow := walk(t)
			w := flow.world
			sent := w.sent()
			name := at
			if name == "signin.challenged by code" {
				name = nativeapi.SignInChallenged
			}
			for _, e := range nativeapi.Endpoints() {
				for _, action := range e.Actions {
					if pair := pairName(e.Path, action.Grant); accepted[pair] == nil || slices.Contains(accepted[pair], name) {
						continue
					}
					form := url.Values{"id": {"sms"}, "oob": {newest(w)}, "password": {longSecret}}
					for _, param := range action.Required {
						if form.Get(param) == "" {
							form.Set(param, plausible(param, action, map[nativeapi.Stage]string{action.Accepts[0]: flow.token}))
						}
					}
					w.do(w.request(e.Path, form.Encode())).refused("invalid_grant", "", "55200")
				}
			}
			if w.sent() != sent {
				t.Error("a message was sent")
			}
			flow.goOn()
		})
	}
}

// newest is the last code that was sent to anybody, or one that could have been.
func newest(w *world) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.letters) - 1; i >= 0; i-- {
		if w.letters[i].Code != "" {
			return w.letters[i].Code
		}
	}
	return "000000"
}
