package caddymodule

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// nativeApp is an application with screens of its own, which speaks to the API as
// Microsoft's SDKs do.
type nativeApp struct {
	t      testing.TB
	site   *testSite
	client string
	base   string      // of the API
	origin string      // of the site that it speaks to
	header http.Header // sent with every request
}

// native is an application that may use the (first) site's API.
func (s *testSite) native(t testing.TB, client string) *nativeApp {
	return &nativeApp{t: t, site: s, client: client, base: s.handlers[0].Native.Base, origin: s.origin, header: make(http.Header)}
}

// send makes a request of the application, with an access token if it has one.
func (a *nativeApp) send(method, path, access string, form url.Values) *page {
	a.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Host = hostOf(a.origin)
	r.RemoteAddr = "127.0.0.1:49152"
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, values := range a.header {
		r.Header[name] = values
	}
	if access != "" {
		r.Header.Set("Authorization", "Bearer "+access)
	}
	w := httptest.NewRecorder()
	a.site.ServeHTTP(w, r)
	return readPage(w.Result(), w.Body.String())
}

// get asks the site for something, with an access token.
func (a *nativeApp) get(path, access string) *page {
	a.t.Helper()
	return a.send(http.MethodGet, path, access, nil)
}

// answer is what an endpoint of the API says.
type answer struct {
	status int
	body   string

	CT       string `json:"continuation_token"`
	Type     string `json:"challenge_type"`
	Error    string `json:"error"`
	Suberror string `json:"suberror"`
	Codes    []int  `json:"error_codes"`
	Scope    string `json:"scope"`
	Access   string `json:"access_token"`
	Refresh  string `json:"refresh_token"`
	ID       string `json:"id_token"`
	Required []struct {
		Name, Type string
		Options    struct{ Regex string }
	} `json:"required_attributes"`
	Methods []struct{ ID string }
}

// call calls an endpoint with parameters in pairs; client_id is added.
func (a *nativeApp) call(path string, pairs ...string) answer {
	a.t.Helper()
	form := url.Values{"client_id": {a.client}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	p := a.send(http.MethodPost, a.base+path, "", form)
	answer := answer{status: p.StatusCode, body: p.body}
	if err := json.Unmarshal([]byte(p.body), &answer); err != nil {
		a.t.Fatalf("%s answers %d with %.300q", path, p.StatusCode, p.body)
	}
	return answer
}

// must is call for what has to succeed.
func (a *nativeApp) must(path string, pairs ...string) answer {
	a.t.Helper()
	answer := a.call(path, pairs...)
	if answer.status != http.StatusOK || answer.Type == "redirect" {
		a.t.Fatalf("%s: %d %s", path, answer.status, answer.body)
	}
	return answer
}

const (
	challengeTypes = "oob password redirect"
	capabilities   = "mfa_required registration_required"
	goodPassword   = "seven small boats at anchor"
)

// code is what the newest message to somebody says.
func (a *nativeApp) code(to string) string {
	a.t.Helper()
	return a.site.message(a.t, to).Code
}

// signUp makes an account with a password, and returns what the token call says.
func (a *nativeApp) signUp(email string, ask ...string) answer {
	a.t.Helper()
	ct := a.must("/signup/v1.0/start", "username", email, "password", goodPassword, "challenge_type", challengeTypes, "capabilities", capabilities).CT
	ct = a.must("/signup/v1.0/challenge", "continuation_token", ct, "challenge_type", challengeTypes).CT
	ct = a.must("/signup/v1.0/continue", "continuation_token", ct, "grant_type", "oob", "oob", a.code(email)).CT
	return a.call("/oauth2/v2.0/token", append([]string{"continuation_token", ct, "grant_type", "continuation_token", "client_info", "1"}, ask...)...)
}

// signIn signs in with the password, and returns what the token call says.
func (a *nativeApp) signIn(email string, ask ...string) answer {
	a.t.Helper()
	ct := a.must("/oauth2/v2.0/initiate", "username", email, "challenge_type", challengeTypes, "capabilities", capabilities).CT
	ct = a.must("/oauth2/v2.0/challenge", "continuation_token", ct, "challenge_type", challengeTypes).CT
	return a.call("/oauth2/v2.0/token", append([]string{"continuation_token", ct, "grant_type", "password", "password", goodPassword, "client_info", "1"}, ask...)...)
}

// reset replaces a forgotten password.
func (a *nativeApp) reset(email string) {
	a.t.Helper()
	ct := a.must("/resetpassword/v1.0/start", "username", email, "challenge_type", challengeTypes, "capabilities", capabilities).CT
	ct = a.must("/resetpassword/v1.0/challenge", "continuation_token", ct, "challenge_type", challengeTypes).CT
	ct = a.must("/resetpassword/v1.0/continue", "continuation_token", ct, "grant_type", "oob", "oob", a.code(email)).CT
	ct = a.must("/resetpassword/v1.0/submit", "continuation_token", ct, "new_password", "four green bottles on a wall").CT
	a.must("/resetpassword/v1.0/poll_completion", "continuation_token", ct)
}

// second gives the code that a token call has asked for besides.
func (a *nativeApp) second(asked answer, method, to string, ask ...string) answer {
	a.t.Helper()
	if asked.Suberror != "mfa_required" {
		a.t.Fatalf("no second factor was asked for: %d %s", asked.status, asked.body)
	}
	ct := a.must("/oauth2/v2.0/introspect", "continuation_token", asked.CT).CT
	ct = a.must("/oauth2/v2.0/challenge", "continuation_token", ct, "id", method).CT
	return a.call("/oauth2/v2.0/token", append([]string{"continuation_token", ct, "grant_type", "mfa_oob", "oob", a.code(to), "client_info", "1"}, ask...)...)
}

// tokens insists on an answer with tokens.
func (a *nativeApp) tokens(got answer) answer {
	a.t.Helper()
	if got.status != http.StatusOK || got.Access == "" || got.Refresh == "" || got.ID == "" {
		a.t.Fatalf("no tokens: %d %s", got.status, got.body)
	}
	return got
}

// warm lists the credentials under which sign-ins are cached.
func (s *testSite) warm(t testing.TB) (credentials []string) {
	t.Helper()
	for _, key := range reflect.ValueOf(s.app.live.Load().engine.Cache).Elem().FieldByName("byCookie").MapKeys() {
		credentials = append(credentials, key.String())
	}
	if len(credentials) == 0 {
		t.Fatal("nothing is warm")
	}
	return credentials
}

// claimsIn reads a token as anybody can.
func claimsIn(t testing.TB, signed string) map[string]any {
	t.Helper()
	parts := strings.Split(signed, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no token", signed)
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(data, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// acrs is a claims request for authentication contexts.
func acrs(values ...string) string {
	text, _ := json.Marshal(map[string]any{"access_token": map[string]any{"acrs": map[string]any{"essential": true, "values": values}}})
	return string(text)
}
