package caddymodule

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/policy"
)

const spa = "4f0c2a8e-7d6b-4c3e-9b6f-2f6a1f0e9d11"

// nativeSite is payrollSite with a client of that id.
func nativeSite(lines ...string) string {
	return payrollSite(append([]string{"client " + spa + " {\n\tscopes payroll.read money\n\tscope transfers on money\n\tacrs c4 on money\n}",
		"sensitivity money /transfer /transfer/*", "require otp within 15m on money"}, lines...)...)
}

func TestAnApplicationSignsAPersonInAndItsTokenOpensTheApplicationBehind(t *testing.T) {
	t.Parallel()
	s := newSite(t, nativeSite("public on /open/*", "deny on /internal/*"))
	app := s.native(t, spa)
	got := app.tokens(app.signUp(dana, "scope", "openid profile payroll.read offline_access"))
	claims := claimsIn(t, got.Access)
	if claims["iss"] != "http://localhost/.auth" || claims["aud"] != "http://localhost" || claims["client_id"] != spa || got.Scope != "openid profile payroll.read" {
		t.Errorf("the token says %v, and its answer %q", claims, got.Scope)
	}
	p := app.get("/report", got.Access)
	if p.StatusCode != 200 || !strings.Contains(p.body, "user="+dana+" id=eyJ") || !strings.Contains(p.body, "access=eyJ") || strings.Contains(p.body, got.Access) {
		t.Fatalf("%d %s", p.StatusCode, p.body)
	}
	if p := app.get("/open/x", got.Access); p.StatusCode != 200 || !strings.Contains(p.body, "user="+dana) {
		t.Errorf("a public page: %d %s", p.StatusCode, p.body)
	}
	app.header.Set("Accept", "text/html")
	app.header.Set("Sec-Fetch-Mode", "navigate")
	if p := app.get("/internal/x", got.Access); p.StatusCode != 403 || p.Header.Get("Content-Type") != "application/json" || !strings.Contains(p.body, `"access_denied"`) {
		t.Errorf("denied: %d %v %s", p.StatusCode, p.Header, p.body)
	}
	p = app.get("/transfer", got.Access)
	want := `Bearer error="insufficient_user_authentication", error_description="More proof of who you are is needed.", acr_values="urn:stepgate:acr:2", max_age="900"`
	if p.StatusCode != 401 || p.Header.Get("WWW-Authenticate") != want || p.Header.Get("Access-Control-Allow-Origin") != "*" || p.Header.Get("Cache-Control") != "no-store" ||
		strings.TrimSpace(p.body) != `{"error":"insufficient_user_authentication","reason":"More proof of who you are is needed.","missing":["otp"],"acrs":["money"]}` {
		t.Fatalf("too little proof: %d %v %s", p.StatusCode, p.Header, p.body)
	}

	// The context that the answer names leads to a token that will do.
	asked := app.call("/oauth2/v2.0/token", "grant_type", "refresh_token", "refresh_token", got.Refresh, "claims", acrs("money"))
	if asked.status != 400 || asked.Error != "invalid_grant" || !slices.Contains(asked.Codes, 50076) {
		t.Errorf("a refresh for what needs more: %d %s", asked.status, asked.body)
	}
	asked = app.signIn(dana, "claims", acrs("money"))
	fresh := app.tokens(app.second(asked, "email", dana))
	if p := app.get("/transfer", fresh.Access); p.StatusCode != 200 {
		t.Errorf("with fresh proof: %d %s", p.StatusCode, p.body)
	}
	s.clock.advance(14 * time.Minute) // the token lives 15
	if p := app.get("/transfer", fresh.Access); p.StatusCode != 200 {
		t.Errorf("with proof of 14 minutes: %d %s", p.StatusCode, p.body)
	}
}

func TestWhatATokenDemandsIsJoinedOfAllThatSpeaksOfIt(t *testing.T) {
	t.Parallel()
	session, otp := policy.Floor, policy.Floor.Join(policy.Need(policy.OTP, 0))
	within := func(d time.Duration) policy.Demand { return policy.Floor.Join(policy.Need(policy.OTP, d)) }
	for name, row := range map[string]struct {
		lines            []string // of the site
		client           string   // of the client
		scopes, contexts []string
		want             policy.Demand
	}{
		"nothing":                       {nil, "", nil, nil, session},
		"standard scopes":               {nil, "", []string{"openid", "profile", "email", "offline_access"}, nil, session},
		"a scope that means nothing":    {nil, "scopes read", []string{"read"}, nil, session},
		"a scope named like it":         {nil, "scopes money", []string{"money"}, nil, within(15 * time.Minute)},
		"a scope on it":                 {nil, "scope pay on money", []string{"pay"}, nil, within(15 * time.Minute)},
		"a scope on another, named so":  {nil, "scope money on admin", []string{"money"}, nil, within(5 * time.Minute)},
		"a context of its name":         {nil, "", nil, []string{"money"}, within(15 * time.Minute)},
		"a context on two":              {nil, "acrs c4 on money admin", nil, []string{"c4"}, within(5 * time.Minute)},
		"our contexts":                  {nil, "", nil, []string{"urn:stepgate:acr:1"}, session},
		"our second context":            {nil, "", nil, []string{"urn:stepgate:acr:2"}, otp},
		"scope and context":             {nil, "scopes money", []string{"money"}, []string{"admin"}, within(5 * time.Minute)},
		"the client's own":              {nil, "require session within 1h\nrequire otp within 2h", nil, nil, policy.Need(policy.Session, time.Hour).Join(within(2 * time.Hour))},
		"a rule for every request":      {[]string{"require otp"}, "", nil, nil, otp},
		"one by a path":                 {[]string{"require otp on /*"}, "", nil, nil, otp},
		"one by a path among others":    {[]string{"require otp on admin /x /*"}, "", nil, nil, otp},
		"one by a matcher of all":       {[]string{"require otp on @all"}, "", nil, nil, otp},
		"a matcher of some":             {[]string{"require otp on @bulk @posts"}, "", nil, nil, session},
		"denied everywhere":             {[]string{"deny on /*"}, "", nil, nil, policy.Never},
		"public everywhere":             {[]string{"public on *"}, "", nil, nil, session},
		"public on the sensitivity":     {[]string{"public on money"}, "scopes money", []string{"money"}, nil, within(15 * time.Minute)},
		"denied":                        {[]string{"deny on money"}, "scopes money", []string{"money"}, nil, policy.Never},
		"denied elsewhere":              {[]string{"deny on admin /x"}, "scopes money", []string{"money"}, nil, within(15 * time.Minute)},
		"a rule on a path":              {[]string{"require otp sms on /x"}, "scopes money", []string{"money"}, nil, within(15 * time.Minute)},
		"a rule on path or sensitivity": {[]string{"require password on /x money"}, "scopes money", []string{"money"}, nil, within(15 * time.Minute).Join(policy.Need(policy.PasswordProof, 0))},
		"a scope of somebody else":      {nil, "scopes read", []string{"write"}, nil, policy.Never},
		"a context of somebody else":    {nil, "scopes c4", nil, []string{"c4"}, policy.Never},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, strings.Replace(payrollSite(append([]string{"client spa {\n" + row.client + "\n}", "client other {\nscopes write\nacrs c4 on money\n}",
				"sensitivity money /transfer", "sensitivity admin /admin", "require otp within 15m on money", "require otp within 5m on admin"}, row.lines...)...),
				"stepgate {", "@all path *\n@posts {\nmethod POST\npath /*\n}\nstepgate {", 1))
			site := s.handlers[0].sites[0]
			got, err := site.rules.tokenDemand(site.native.clients["spa"], nil, row.scopes, row.contexts)
			if got != row.want || (err != nil) != (row.want == policy.Never && row.lines == nil) {
				t.Errorf("%s, want %s; %v", got, row.want, err)
			}
		})
	}
}

func TestScopesAndContextsAskForTheProofOfTheirSensitivities(t *testing.T) {
	t.Parallel()
	s := newSite(t, nativeSite())
	app := s.native(t, spa)
	app.tokens(app.signUp(dana))
	for _, ask := range [][]string{{"scope", "openid money"}, {"scope", "transfers"}, {"claims", acrs("c4")}, {"claims", acrs("money")}, {"claims", acrs("urn:stepgate:acr:2")}} {
		if got := app.signIn(dana, ask...); got.Suberror != "mfa_required" {
			t.Errorf("%v: %d %s", ask, got.status, got.body)
		}
		s.clock.advance(time.Minute)
	}
	for _, ask := range [][]string{nil, {"scope", "openid payroll.read"}, {"claims", acrs("urn:stepgate:acr:1")}} {
		app.tokens(app.signIn(dana, ask...))
	}
	for _, ask := range [][]string{{"scope", "openid payroll.write"}, {"claims", acrs("c5")}, {"claims", "{"}} {
		if got := app.signIn(dana, ask...); got.status != 400 || got.CT != "" || got.Access != "" {
			t.Errorf("%v: %d %s", ask, got.status, got.body)
		}
	}
}

func TestWhatAClientRequiresIsAskedForEachOfItsTokens(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("client spa {\nrequire otp sms\n}", "client lax"))
	lax := s.native(t, "lax")
	lax.tokens(lax.signUp(dana))
	if got := s.native(t, "spa").signUp("ed@example.com"); got.Suberror != "registration_required" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestTheAPIAnswersAtItsBaseAndNowhereElse(t *testing.T) {
	t.Parallel()
	for line, base := range map[string]string{"": "/.auth/native", "native /contoso.onmicrosoft.com": "/contoso.onmicrosoft.com", "native /.auth/native/v1": "/.auth/native/v1"} {
		s := newSite(t, payrollSite("client spa", line, "public on *"))
		app := s.native(t, "spa")
		if app.base != base {
			t.Fatalf("%s: at %s", line, app.base)
		}
		if got := app.tokens(app.signUp(dana)); app.get("/", got.Access).StatusCode != 200 {
			t.Errorf("%s: its token is worth nothing", line)
		}
		issuer := app.get("/.auth/.well-known/openid-configuration", "").body
		atBase := app.get(base+"/v2.0/.well-known/openid-configuration", "")
		if atBase.StatusCode != 200 || atBase.body != issuer || !strings.Contains(issuer, `"token_endpoint":"http://localhost`+base+`/oauth2/v2.0/token"`) {
			t.Errorf("%s: discovery %d %s\nat the issuer %s", line, atBase.StatusCode, atBase.body, issuer)
		}
		b := s.browser(t)
		for _, path := range []string{
			base, base + "/", base + "/oauth2/v2.0/token", strings.ToUpper(base) + "/oauth2/v2.0/token", base + "/nothing", base + "/..%2fx", base + "//x",
			strings.Replace(base, "o", "%6f", 1) + "/oauth2/v2.0/token", base + "/v2.0/.well-known/openid-configuration/x", "/" + base,
		} {
			for _, method := range []string{"GET", "POST", "OPTIONS", "PUT"} {
				r := b.request(method, "/x", nil)
				r.URL.Opaque = path
				if p := b.do(r); strings.Contains(p.body, "app path") {
					t.Errorf("%s %s reached the application", method, path)
				}
			}
		}
		if p := b.get("/contoso.onmicrosoft.comx"); !strings.Contains(p.body, "app path") {
			t.Errorf("what only begins so is not the application's: %d", p.StatusCode)
		}
	}
}

func TestWhatOnlySomeServersReadAsTheAPIIsNotForwarded(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("client spa", "native /contoso", "public on *", "lenient_paths semicolon encoded_slash double_slash"))
	b := s.browser(t)
	for path, want := range map[string]int{"/contoso;x/y": 400, "/contoso%2fy": 404, "//contoso/y": 400, "/x;y/contoso": 200} {
		r := b.request("GET", "/x", nil)
		r.URL.Opaque = path
		if p := b.do(r); p.StatusCode != want || strings.Contains(p.body, "app path") != (want == 200) {
			t.Errorf("%s: %d %s", path, p.StatusCode, p.body)
		}
	}
	for _, page := range []string{"/.auth/sign-in", "/.auth/step-up"} {
		if p := b.get(page + "?return_to=%2Fcontoso%2Foauth2%2Fv2.0%2Ftoken"); p.StatusCode >= 400 {
			t.Errorf("%s on the way to the API: %d", page, p.StatusCode)
		}
	}
}

func TestARewriteDoesNotLeadToTheAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t, strings.Replace(payrollSite("client spa", "native /contoso", "public on *"), "stepgate {", "rewrite /short /contoso/oauth2/v2.0/initiate\n\tstepgate {", 1))
	p := s.native(t, "spa").send(http.MethodPost, "/short", "", url.Values{"client_id": {"spa"}})
	if p.StatusCode != 400 && p.StatusCode != 404 || strings.Contains(p.body, "app path") || strings.Contains(p.body, "timestamp") {
		t.Errorf("%d %s", p.StatusCode, p.body)
	}
}

func TestASiteWithoutClientsHasNoAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	app := &nativeApp{t: t, site: s, origin: s.origin}
	p := app.send(http.MethodPost, "/.auth/native/oauth2/v2.0/initiate", "", url.Values{"client_id": {"spa"}})
	if p.StatusCode != 404 || strings.Contains(app.get("/.auth/.well-known/openid-configuration", "").body, "token_endpoint") {
		t.Errorf("%d %s", p.StatusCode, p.body)
	}
}

func TestWhetherAnAddressHasAnAccountIsToldWhereAClientMayKnow(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("client discreet", "client frank {\nenumeration reveal\n}"))
	for client, want := range map[string]string{"discreet": "", "frank": "user_not_found"} {
		got := s.native(t, client).call("/oauth2/v2.0/initiate", "username", "nobody@example.com", "challenge_type", challengeTypes)
		if got.Error != want || (got.CT == "") != (want != "") {
			t.Errorf("%s: %d %s", client, got.status, got.body)
		}
	}
}

func TestScriptsOfTheConfiguredOriginsMayCall(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("client spa {\ncors https://APP.example:443/\n}", "client other {\ncors https://other.example\n}"))
	for origin, want := range map[string]int{"https://app.example": 200, "http://localhost": 200, "https://other.example": 400, "https://evil.example": 400, "null": 400} {
		app := s.native(t, "spa")
		app.header.Set("Origin", origin)
		p := app.send(http.MethodPost, app.base+"/oauth2/v2.0/initiate", "", url.Values{"client_id": {"spa"}, "username": {dana}, "challenge_type": {challengeTypes}})
		if p.StatusCode != want || (p.Header.Get("Access-Control-Allow-Origin") == origin) != (want == 200) {
			t.Errorf("%s: %d %v %s", origin, p.StatusCode, p.Header, p.body)
		}
	}
}

func TestTheLivesOfTokensAndSignInsAreTheClients(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("client spa {\ntoken_life 2m\nsession {\nidle 10m\nabsolute 13m\n}\n}"))
	app := s.native(t, "spa")
	got := app.tokens(app.signUp(dana))
	refresh := func() answer {
		return app.call("/oauth2/v2.0/token", "grant_type", "refresh_token", "refresh_token", got.Refresh)
	}
	s.clock.advance(2*time.Minute - time.Second)
	if p := app.get("/", got.Access); p.StatusCode != 200 {
		t.Errorf("before the token's end: %d", p.StatusCode)
	}
	s.clock.advance(time.Second)
	if p := app.get("/", got.Access); p.StatusCode != 401 {
		t.Errorf("after the token's end: %d", p.StatusCode)
	}
	s.clock.advance(7 * time.Minute)
	got = app.tokens(refresh())
	s.clock.advance(4 * time.Minute)
	if again := refresh(); again.status != 400 {
		t.Errorf("a refresh after the sign-in's end: %d %s", again.status, again.body)
	}
}

func TestTheStoreFailingIsAFaultOfTheAPI(t *testing.T) {
	t.Parallel()
	s, f := newFaultySite(t, nativeSite())
	app := s.native(t, spa)
	f.down(errStoreDown)
	got := app.call("/oauth2/v2.0/initiate", "username", dana, "challenge_type", challengeTypes)
	if got.status < 500 || got.Error == "" || got.CT != "" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// reading is a body that looks around while it is read.
type reading struct {
	io.Reader
	look func()
}

func (r reading) Read(p []byte) (int, error) {
	r.look()
	return r.Reader.Read(p)
}

func TestACallOfTheAPIHoldsWhatIsOpen(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("client spa"))
	gate := &s.app.live.Load().rt.gate
	r := visitorTo(http.MethodPost, "/.auth/native/oauth2/v2.0/initiate", "")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	looked := 0
	r.Body = io.NopCloser(reading{strings.NewReader("client_id=spa"), func() {
		if looked++; gate.inside.Load() == 0 {
			t.Error("the store could be closed under the call")
		}
	}})
	s.ServeHTTP(httptest.NewRecorder(), r)
	if looked == 0 || gate.inside.Load() != 0 {
		t.Errorf("read %d times; %d are left inside", looked, gate.inside.Load())
	}
}

func TestFormsOfTheAPIMustArriveSoon(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("client spa", "native /api"))
	w := newDeadlined()
	s.ServeHTTP(w, visitorTo(http.MethodPost, "/api/oauth2/v2.0/initiate", "client_id=spa"))
	if len(w.set) == 0 || w.set[0].After(time.Now().Add(formTimeout)) {
		t.Errorf("deadlines %v", w.set)
	}
}
