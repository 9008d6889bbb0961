package caddymodule

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/seal"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/token"
	"github.com/stepgate/stepgate/policy"
)

// forge makes an access token with a ring and an issuer of the test's choice, for
// somebody who has an account.
func (s *testSite) forge(t testing.TB, ring *token.Ring, issuer, client, audience, typ string, change func(claims map[string]any)) string {
	t.Helper()
	now := s.clock.Now()
	minter := token.Minter{Ring: ring, Issuer: issuer, TenantID: token.TenantID(issuer), Now: s.clock.Now}
	subject := token.Subject{User: "u", SID: "s", Email: dana, Proof: policy.Proof{}.With(policy.Password, now)}
	bundle, err := minter.MintClient(subject, token.ClientTokens{ClientID: client, Audience: audience}, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	claims := claimsIn(t, bundle.Access)
	if change != nil {
		change(claims)
	}
	signed, err := ring.Sign(typ, claims)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// strangeRing is another issuer's keys.
func strangeRing(t testing.TB, now func() time.Time) *token.Ring {
	t.Helper()
	keys, err := seal.New([]byte(strings.Repeat("another secret. ", 4)))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := token.LoadRing(t.Context(), store.NewMemory(), keys, now)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func isInvalidToken(p *page) bool {
	return p.StatusCode == 401 && p.Header.Get("WWW-Authenticate") == `Bearer error="invalid_token", error_description="The access token is not valid here."` &&
		p.Header.Get("Content-Type") == "application/json" && strings.Contains(p.body, `"error":"invalid_token"`) &&
		p.Header.Get("Access-Control-Allow-Origin") == "*" && p.location == "" && !strings.Contains(p.body, "app path")
}

func TestATokenThatIsNoAccessTokenOfThisSiteOpensNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, testGlobals+nativeSite("public on /open/*", "client second {\n\t\t\taudience https://api.example\n\t\t}")+`
http://127.0.0.1 {
	stepgate {
		client `+spa+`
		client elsewhere
	}
	respond "app path={http.request.uri}"
}`)
	app := s.native(t, spa)
	good := app.tokens(app.signUp(dana))
	neighbour := &nativeApp{t: t, site: s, client: spa, base: app.base, origin: "http://127.0.0.1", header: make(http.Header)}
	elsewhere := &nativeApp{t: t, site: s, client: "elsewhere", base: app.base, origin: "http://127.0.0.1", header: make(http.Header)}
	second := s.native(t, "second")

	ring := s.app.live.Load().rt.ring
	claims := claimsIn(t, good.Access)
	ours := func(change func(map[string]any)) string {
		return s.forge(t, ring, "http://localhost/.auth", spa, "http://localhost", token.TypeAccess, func(c map[string]any) {
			for name, value := range claims {
				c[name] = value
			}
			if change != nil {
				change(c)
			}
		})
	}
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	unsigned := func(header string) string {
		parts := strings.Split(good.Access, ".")
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + parts[1] + "."
	}
	injected := func(prefix string) string {
		body := app.get("/report", good.Access).body
		_, rest, _ := strings.Cut(body, " "+prefix+"=")
		injected, _, _ := strings.Cut(rest, " ")
		return injected
	}

	b := s.browser(t)
	b.header.Set("Cookie", s.signIn(t, "ed@example.com").String())
	if p := app.get("/report", good.Access); p.StatusCode != 200 {
		t.Fatalf("the token itself: %d %s", p.StatusCode, p.body)
	}
	if p := app.get("/report", ours(set("jti", "another"))); p.StatusCode != 200 {
		t.Fatalf("what the table changes is worth nothing to begin with: %d %s", p.StatusCode, p.body)
	}
	for name, raw := range map[string]string{
		"nonsense":                       "x",
		"a foreign issuer's":             s.forge(t, strangeRing(t, s.clock.Now), "https://login.example", spa, "http://localhost", token.TypeAccess, nil),
		"a foreign key's":                s.forge(t, strangeRing(t, s.clock.Now), "http://localhost/.auth", spa, "http://localhost", token.TypeAccess, nil),
		"our key's, foreign issuer":      ours(set("iss", "https://login.example")),
		"expired":                        ours(set("exp", s.clock.Now().Add(-time.Second).Unix())),
		"not good yet":                   ours(set("nbf", s.clock.Now().Add(time.Minute).Unix())),
		"for another audience":           ours(set("aud", "https://other.example")),
		"for the other client's API":     second.tokens(second.signIn(dana)).Access,
		"ours, for the same API":         ours(set("aud", "https://api.example")),
		"of another client":              ours(set("client_id", "third")),
		"of the site's applications":     ours(set("client_id", "http://localhost")),
		"another client's sign-in":       ours(set("client_id", "second")),
		"of another sign-in":             ours(set("sid", "another")),
		"of another account":             ours(func(c map[string]any) { c["sub"], c["oid"] = "another", "another" }),
		"alg none":                       unsigned(`{"alg":"none","typ":"at+jwt"}`),
		"alg HS256":                      unsigned(`{"alg":"HS256","typ":"at+jwt"}`),
		"without its signature":          good.Access[:strings.LastIndexByte(good.Access, '.')+1],
		"with another signature":         good.Access[:len(good.Access)-8] + "AAAAAAAA",
		"an ID token":                    good.ID,
		"an ID token as access token":    s.forge(t, ring, "http://localhost/.auth", spa, "http://localhost", token.TypeID, nil),
		"a refresh token":                good.Refresh,
		"the application's access token": injected("access"),
		"the application's ID token":     injected("id"),
		"the neighbour site's":           neighbour.tokens(neighbour.signIn(dana)).Access,
		"the neighbour's other client's": elsewhere.tokens(elsewhere.signIn(dana)).Access,
		"the cookie's value":             strings.TrimPrefix(b.header.Get("Cookie"), "stepgate="),
		"endless":                        strings.Repeat("a", 100_000),
	} {
		// Most would also fail for want of a sign-in. They must not get that far.
		_, err := s.handlers[0].sites[0].verifier(s.app.live.Load()).Access(t.Context(), raw)
		if unknown := name == "another client's sign-in" || name == "of another sign-in" || name == "of another account"; (err == nil) != unknown {
			t.Errorf("%s: verified with %v", name, err)
		}
		for _, path := range []string{"/report", "/open/x", "/transfer"} {
			if p := app.get(path, raw); !isInvalidToken(p) {
				t.Errorf("%s, at %s: %d %v %s", name, path, p.StatusCode, p.Header, p.body)
			}
			// Whoever's browser it is: the token is judged, and the cookie is not.
			r := b.request(http.MethodGet, path, nil)
			r.Header.Set("Authorization", "bearer "+raw)
			if p := b.do(r); !isInvalidToken(p) {
				t.Errorf("%s, with a cookie at %s: %d %v %s", name, path, p.StatusCode, p.Header, p.body)
			}
		}
	}
	if p := app.get("/report", good.Access); p.StatusCode != 200 {
		t.Errorf("the token itself, in the end: %d %s", p.StatusCode, p.body)
	}
}

func TestASignInThatIsOverTakesItsTokensWithIt(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, s *testSite, app *nativeApp, user string){
		"locked out": func(t *testing.T, s *testSite, _ *nativeApp, user string) {
			must(t, s.app.live.Load().engine.SetDisabled(t.Context(), user, true))
		},
		"all ended": func(t *testing.T, s *testSite, _ *nativeApp, user string) {
			must(t, s.app.live.Load().engine.EndSessions(t.Context(), user, ""))
		},
		"the password": func(_ *testing.T, _ *testSite, app *nativeApp, _ string) { app.reset(dana) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, nativeSite("public on /open/*"))
			app := s.native(t, spa)
			warm, cold := app.tokens(app.signUp(dana)), app.tokens(app.signIn(dana))
			for _, path := range []string{"/report", "/open/x"} {
				if p := app.get(path, warm.Access); p.StatusCode != 200 {
					t.Fatalf("before: %d %s", p.StatusCode, p.body)
				}
			}
			end(t, s, app, claimsIn(t, warm.Access)["sub"].(string))
			for _, raw := range []string{warm.Access, cold.Access} {
				for _, path := range []string{"/report", "/open/x"} {
					if p := app.get(path, raw); !isInvalidToken(p) {
						t.Errorf("%s: %d %s", path, p.StatusCode, p.body)
					}
				}
			}
			if got := app.call("/oauth2/v2.0/token", "grant_type", "refresh_token", "refresh_token", warm.Refresh); got.status != 400 {
				t.Errorf("its refresh token: %d %s", got.status, got.body)
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAClientThatIsGoneTakesItsWarmTokensWithIt(t *testing.T) {
	t.Parallel()
	s := newSite(t, nativeSite("client second"))
	app := s.native(t, "second")
	got := app.tokens(app.signUp(dana))
	if p := app.get("/report", got.Access); p.StatusCode != 200 {
		t.Fatalf("before: %d %s", p.StatusCode, p.body)
	}
	delete(s.handlers[0].sites[0].native.clients, "second") // as a reload would leave it, with the token still warm
	if p := app.get("/report", got.Access); !isInvalidToken(p) {
		t.Errorf("%d %s", p.StatusCode, p.body)
	}
}

func TestATokenIsNoCookieAndOpensNoPageOfOurs(t *testing.T) {
	t.Parallel()
	s := newSite(t, nativeSite())
	app := s.native(t, spa)
	got := app.tokens(app.signUp(dana))
	if p := app.get("/report", got.Access); p.StatusCode != 200 { // and is warm now
		t.Fatalf("%d %s", p.StatusCode, p.body)
	}
	for _, credential := range s.warm(t) {
		for _, value := range []string{credential, got.Access, got.Refresh} {
			for _, path := range []string{"/report", "/.auth/step-up", "/.auth/enrol"} {
				r := s.browser(t).request(http.MethodGet, path, nil)
				r.Header.Set("Cookie", "stepgate="+value)
				if p := s.browser(t).do(r); p.StatusCode != 303 || !strings.HasPrefix(p.location, "/.auth/sign-in") {
					t.Errorf("%.20s as a cookie at %s: %d to %q", value, path, p.StatusCode, p.location)
				}
			}
		}
	}
	if p := app.get("/.auth/step-up", got.Access); p.StatusCode != 303 || !strings.HasPrefix(p.location, "/.auth/sign-in") {
		t.Errorf("a page of ours with a token: %d to %q", p.StatusCode, p.location)
	}
}

func TestATokenIsAnsweredWithJSONHoweverItIsSent(t *testing.T) {
	t.Parallel()
	s := newSite(t, nativeSite("require otp sms on /bank"))
	app := s.native(t, spa)
	got := app.tokens(app.signUp(dana)).Access
	app.header = http.Header{"Accept": {"text/html"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}
	for _, method := range []string{"GET", "POST", "OPTIONS", "HEAD"} {
		p := app.send(method, "/bank", got, nil)
		if p.StatusCode != 401 || p.location != "" || p.Header.Get("Content-Type") != "application/json" || (p.body == "") != (method == "HEAD") {
			t.Errorf("%s: %d to %q, %v %s", method, p.StatusCode, p.location, p.Header, p.body)
		}
		// A rule on a path has no name to ask for.
		if method == "GET" && !strings.Contains(p.body, `"missing":["sms_code","otp"],"acrs":["urn:stepgate:acr:2"]`) {
			t.Errorf("%s", p.body)
		}
	}
}

func TestATokenIsToldTheContextsThatItsRequestLacksAndNoOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("client spa", "sensitivity money /transfer /both", "sensitivity admin /admin /both", "sensitivity mine /me /both",
		"require otp on money", "require otp sms within 5m on money admin", "require session within 1h on mine"))
	app := s.native(t, "spa")
	got := app.tokens(app.signUp(dana)).Access
	for path, want := range map[string]string{"/transfer": `["money"]`, "/admin": `["admin"]`, "/both": `["admin","money"]`} {
		if p := app.get(path, got); p.StatusCode != 401 || !strings.Contains(p.body, `"acrs":`+want+`}`) {
			t.Errorf("%s: %d %s", path, p.StatusCode, p.body)
		}
	}
	s.clock.advance(14 * time.Minute)
	if p := app.get("/me", got); p.StatusCode != 200 {
		t.Errorf("%d %s", p.StatusCode, p.body)
	}
}

func TestAPreflightHasNoTokenAndIsNotLetThrough(t *testing.T) {
	t.Parallel()
	s := newSite(t, nativeSite())
	app := s.native(t, spa)
	app.header = http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"GET"}, "Access-Control-Request-Headers": {"authorization"}}
	if p := app.send(http.MethodOptions, "/report", "", nil); p.StatusCode != 401 || strings.Contains(p.body, "app path") {
		t.Errorf("%d %s", p.StatusCode, p.body)
	}
}

func TestATokenThatEndsWhileItIsUsedOpensNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, nativeSite("public on /open/*"))
	app := s.native(t, spa)
	app.header = http.Header{"Accept": {"text/html"}, "Sec-Fetch-Mode": {"navigate"}}
	got := app.tokens(app.signUp(dana)).Access
	if p := app.get("/report", got); p.StatusCode != 200 { // and is warm now
		t.Fatalf("before: %d %s", p.StatusCode, p.body)
	}
	s.app.now = func() time.Time { return s.clock.Now().Add(15 * time.Minute) } // what the engine takes for the time is earlier
	if p := app.get("/report", got); !isInvalidToken(p) {
		t.Errorf("protected: %d to %q %v %s", p.StatusCode, p.location, p.Header, p.body)
	}
	if p := app.get("/open/x", got); p.StatusCode != 200 || !strings.Contains(p.body, "user= id= ") {
		t.Errorf("public: %d %s", p.StatusCode, p.body)
	}
}

// The way that the documentation recommends.
func TestAPreflightThatCaddyAnswersLeavesTheRestGuarded(t *testing.T) {
	t.Parallel()
	s := newSite(t, `http://localhost {
	@preflight {
		method OPTIONS
		header Access-Control-Request-Method *
		path /api/*
	}
	header /api/* Access-Control-Allow-Origin https://app.example
	route {
		respond @preflight 204
		stepgate {
			client spa {
				cors https://app.example
			}
		}
		respond "app path={http.request.uri}"
	}
}`)
	app := s.native(t, "spa")
	got := app.tokens(app.signUp(dana)).Access
	app.header = http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"GET"}}
	if p := app.send(http.MethodOptions, "/api/x", "", nil); p.StatusCode != 204 || p.Header.Get("Access-Control-Allow-Origin") != "https://app.example" || p.body != "" {
		t.Errorf("the preflight: %d %v %s", p.StatusCode, p.Header, p.body)
	}
	if p := app.get("/api/x", got); p.StatusCode != 200 || p.Header.Get("Access-Control-Allow-Origin") != "https://app.example" {
		t.Errorf("with a token: %d %v %s", p.StatusCode, p.Header, p.body)
	}
	for _, path := range []string{"/api/x", "/x"} {
		if p := app.get(path, ""); p.StatusCode != 401 || strings.Contains(p.body, "app path") || p.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s without a token: %d %v %s", path, p.StatusCode, p.Header, p.body)
		}
	}
	if p := app.send(http.MethodOptions, "/x", "", nil); p.StatusCode != 401 {
		t.Errorf("elsewhere: %d %s", p.StatusCode, p.body)
	}
	p := app.send(http.MethodOptions, app.base+"/oauth2/v2.0/token", "", nil)
	if p.StatusCode != 204 || p.Header.Get("Access-Control-Allow-Methods") != "POST" {
		t.Errorf("at the API: %d %v", p.StatusCode, p.Header)
	}
}

func TestAStoreThatFailsRefusesTokensWhereTheyAreNeeded(t *testing.T) {
	t.Parallel()
	s, f := newFaultySite(t, nativeSite("public on /open/*"))
	app := s.native(t, spa)
	got := app.tokens(app.signUp(dana)).Access
	f.down(errStoreDown)
	s.cool()
	if p := app.get("/report", got); p.StatusCode != 503 || strings.Contains(p.body, "app path") || !strings.Contains(p.body, `"temporarily_unavailable"`) {
		t.Errorf("protected: %d %s", p.StatusCode, p.body)
	}
	if p := app.get("/open/x", got); p.StatusCode != 200 || !strings.Contains(p.body, "user= id= ") {
		t.Errorf("public: %d %s", p.StatusCode, p.body)
	}
	if p := app.get("/report", "x.y.z"); !isInvalidToken(p) {
		t.Errorf("nonsense needs no store: %d %s", p.StatusCode, p.body)
	}
	f.mend()
	if p := app.get("/report", got); p.StatusCode != 200 {
		t.Errorf("afterwards: %d %s", p.StatusCode, p.body)
	}
}

func TestAThousandWarmTokensCostNoStoreAndNoSignature(t *testing.T) {
	t.Parallel()
	s, f := newFaultySite(t, payrollSite(append(manyRules(), "client spa")...))
	app := s.native(t, "spa")
	got := app.tokens(app.signUp(dana)).Access
	if p := app.get("/report", got); p.StatusCode != 200 || !strings.Contains(p.body, "id=eyJ") {
		t.Fatalf("%d %s", p.StatusCode, p.body)
	}
	rt := s.app.live.Load().rt
	ours := rt.ring
	transactions, signatures := f.transactions(), ours.Signatures()
	rt.ring = strangeRing(t, s.clock.Now) // with which no signature would be found right
	for range 1000 {
		if p := app.get("/report", got); p.StatusCode != 200 || !strings.Contains(p.body, "id=eyJ") {
			t.Fatalf("%d %s", p.StatusCode, p.body)
		}
	}
	if n, m := f.transactions()-transactions, ours.Signatures()-signatures+rt.ring.Signatures(); n != 0 || m != 0 {
		t.Errorf("a thousand warm requests cost %d transactions and %d signatures", n, m)
	}
	s.cool()
	if p := app.get("/report", got); !isInvalidToken(p) {
		t.Errorf("a cold token is not verified: %d %s", p.StatusCode, p.body)
	}
	rt.ring = ours
	if p := app.get("/report", got); p.StatusCode != 200 || f.transactions() != transactions+1 || ours.Signatures() != signatures+2 {
		t.Errorf("a cold token: %d, %d transactions and %d signatures", p.StatusCode, f.transactions()-transactions, ours.Signatures()-signatures)
	}
}

func BenchmarkBearerRequest(b *testing.B) {
	s := newSite(b, guarded("respond ok", append(manyRules(), "client spa")...))
	app := s.native(b, "spa")
	got := app.tokens(app.signUp(dana)).Access
	request := visitor("/department-16/report", nil)
	request.Header.Set("Authorization", "Bearer "+got)
	w := &sink{header: make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		s.ServeHTTP(w.reset(), request.Clone(b.Context()))
		if w.status != http.StatusOK && w.status != 0 {
			b.Fatalf("status %d", w.status)
		}
	}
}
