package caddymodule

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// askingSite is payrollSite where newcomers are asked about themselves, and whose
// application is told the answers, also by Caddy's own header_up and respond.
func askingSite(lines ...string) string {
	globals := strings.Replace(testGlobals, "store memory", `store memory
		attribute displayName {
			required
		}
		attribute city
		attribute extension_4f0c_Number {
			label "Customer number"
			pattern "[0-9]{4}"
		}`, 1)
	lines = append(lines, `inject {
			id_token X-Id-Token
			header X-Name {http.auth.user.name}
			header X-City {http.auth.user.attributes.city}
			header X-Number "No. {http.auth.user.attributes.extension_4f0c_Number}"
		}`, "client spa")
	site := strings.Replace(payrollSite(lines...), `respond "`,
		`respond "name=[{http.auth.user.name}] city=[{http.auth.user.attributes.city}] unheard=[{http.auth.user.attributes.unheard}] `+
			`X-Name=[{http.request.header.X-Name}] X-City=[{http.request.header.X-City}] X-Number=[{http.request.header.X-Number}] `, 1)
	return globals + site
}

func TestTheApplicationIsToldWhatPeopleSayOfThemselves(t *testing.T) {
	t.Parallel()
	s := newSite(t, askingSite("public on /open/*"))
	app := s.native(t, "spa")
	start := func(attributes string) answer {
		ct := app.must("/signup/v1.0/start", "username", dana, "password", goodPassword, "challenge_type", challengeTypes,
			"capabilities", capabilities, "attributes", attributes).CT
		ct = app.must("/signup/v1.0/challenge", "continuation_token", ct, "challenge_type", challengeTypes).CT
		return app.call("/signup/v1.0/continue", "continuation_token", ct, "grant_type", "oob", "oob", app.code(dana))
	}
	asked := start(`{"city": "Bath", "unheard": "of"}`)
	if asked.Error != "attributes_required" || len(asked.Required) != 1 || asked.Required[0].Name != "displayName" {
		t.Fatalf("%d %s", asked.status, asked.body)
	}
	done := app.must("/signup/v1.0/continue", "continuation_token", asked.CT, "grant_type", "attributes", "attributes", `{"displayName": "Dana {env.HOME} Scully"}`)
	got := app.tokens(app.call("/oauth2/v2.0/token", "continuation_token", done.CT, "grant_type", "continuation_token"))
	if claimsIn(t, got.Access)["name"] != "Dana {env.HOME} Scully" || claimsIn(t, got.ID)["name"] != "Dana {env.HOME} Scully" {
		t.Errorf("its own tokens say %v", claimsIn(t, got.Access))
	}
	p := app.get("/report", got.Access)
	want := "name=[Dana {env.HOME} Scully] city=[Bath] unheard=[] X-Name=[Dana {env.HOME} Scully] X-City=[Bath] X-Number=[No. ] "
	if p.StatusCode != 200 || !strings.HasPrefix(p.body, want) {
		t.Fatalf("%d %s\nwant %s", p.StatusCode, p.body, want)
	}
	_, rest, _ := strings.Cut(p.body, " id=")
	id, _, _ := strings.Cut(rest, " ")
	if claims := claimsIn(t, id); claims["name"] != "Dana {env.HOME} Scully" {
		t.Errorf("the injected token says %v", claims)
	}
	// Nobody at all is empty everywhere, whatever the client claims.
	app.header = http.Header{"X-Name": {"root"}, "X-City": {"Rome"}, "X-Number": {"No. 1"}}
	if p := app.get("/open/x", ""); !strings.HasPrefix(p.body, "name=[] city=[] unheard=[] X-Name=[] X-City=[] X-Number=[] ") {
		t.Errorf("nobody: %d %s", p.StatusCode, p.body)
	}
}

func TestAttributesReachTheEngineAsTheyAreDeclared(t *testing.T) {
	t.Parallel()
	s := newSite(t, askingSite())
	all := s.handlers[0].sites[0].flows.Attributes
	if len(all) != 3 || all[0].Name != "displayName" || all[0].Label != "Name" || !all[0].Required || all[1].Label != "City" || all[1].Required ||
		all[2].Label != "Customer number" || all[2].Type != "string" || all[2].Rule != "[0-9]{4}" {
		t.Fatalf("%+v", all)
	}
	for value, want := range map[string]bool{"0123": true, "123": false, "01234": false, "0123\n": false, "x0123": false} {
		if all[2].Pattern.MatchString(value) != want {
			t.Errorf("%q: %v", value, !want)
		}
	}
	either, err := compilePattern("a|b")
	if err != nil || !either.MatchString("b") || either.MatchString("ax") || either.MatchString("xb") {
		t.Errorf("a|b does not match the whole: %v", err)
	}
}

func TestTheMailboxIsSpentForAsLongAsConfigured(t *testing.T) {
	t.Parallel()
	s := newSite(t, strings.Replace(testGlobals, "store memory", "store memory\n\t\tpassword {\n\t\t\treset_cool_down 90m\n\t\t}", 1)+payrollSite())
	if got := s.app.live.Load().engine.ResetCoolDown; got.String() != "1h30m0s" {
		t.Errorf("%v", got)
	}
}

func TestNobodyKeepsTheAttributesOfWhoeverWasThereBefore(t *testing.T) {
	t.Parallel()
	s := newSite(t, askingSite("public on /open/*"))
	app := s.native(t, "spa")
	ct := app.must("/signup/v1.0/start", "username", dana, "password", goodPassword, "challenge_type", challengeTypes,
		"capabilities", capabilities, "attributes", `{"displayName": "Dana", "city": "Bath"}`).CT
	ct = app.must("/signup/v1.0/challenge", "continuation_token", ct, "challenge_type", challengeTypes).CT
	ct = app.must("/signup/v1.0/continue", "continuation_token", ct, "grant_type", "oob", "oob", app.code(dana)).CT
	got := app.tokens(app.call("/oauth2/v2.0/token", "continuation_token", ct, "grant_type", "continuation_token")).Access
	if p := app.get("/open/x", got); !strings.HasPrefix(p.body, "name=[Dana] city=[Bath] unheard=[] ") {
		t.Fatalf("before: %d %s", p.StatusCode, p.body)
	}
	// The sign-in ends between being found and being handed on: the page is public, and
	// nobody is there to be told of.
	s.app.now = func() time.Time { return s.clock.Now().Add(15 * time.Minute) }
	if p := app.get("/open/x", got); p.StatusCode != 200 || !strings.HasPrefix(p.body, "name=[] city=[] unheard=[] X-Name=[] X-City=[] X-Number=[] ") {
		t.Errorf("afterwards: %d %s", p.StatusCode, p.body)
	}
}
