package caddymodule

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// watchCalls keeps all that applications hand to the API and get from it and that is
// nobody else's business.
func (s secrets) watchCalls(t *testing.T, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		must(t, err)
		form, _ := url.ParseQuery(string(body))
		for _, name := range []string{"password", "new_password", "oob", "continuation_token", "refresh_token"} {
			for _, value := range form[name] {
				s[value] = name
			}
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		recorder := httptest.NewRecorder()
		next.ServeHTTP(recorder, r)
		var answer map[string]any
		if json.Unmarshal(recorder.Body.Bytes(), &answer) == nil {
			for _, name := range []string{"continuation_token", "access_token", "refresh_token", "id_token"} {
				if value, ok := answer[name].(string); ok {
					s[value] = name
				}
			}
		}
		maps.Copy(w.Header(), recorder.Header())
		w.WriteHeader(recorder.Code)
		_, _ = w.Write(recorder.Body.Bytes())
	})
}

func TestNoSecretOfAnApplicationIsEverLogged(t *testing.T) {
	t.Parallel()
	globals := strings.Replace(testGlobals, "store memory", "store memory\n\t\tcode {\n\t\t\tdigits 8\n\t\t}", 1)
	s, f := newFaultySite(t, globals+strings.Replace(
		nativeSite("require otp sms on /bank", "sensitivity bank /bank", "require otp sms on bank", "public on /open/*"), "stepgate {", "log\n\tstepgate {", 1))
	found := secrets{danaPhone: "the number", danaPhone[1:]: "the number", url.QueryEscape(danaPhone): "the number"}
	s.Handler = found.watchCalls(t, s.Handler)
	app := s.native(t, spa)

	// Signing up, with a mistyped code on the way, and adding a phone.
	ct := app.must("/signup/v1.0/start", "username", dana, "password", goodPassword, "challenge_type", challengeTypes, "capabilities", capabilities).CT
	ct = app.must("/signup/v1.0/challenge", "continuation_token", ct, "challenge_type", challengeTypes).CT
	code := []byte(app.code(dana))
	code[0] = '0' + (code[0]-'0'+1)%10
	if got := app.call("/signup/v1.0/continue", "continuation_token", ct, "grant_type", "oob", "oob", string(code)); got.Suberror != "invalid_oob_value" {
		t.Fatalf("a mistyped code: %d %s", got.status, got.body)
	}
	ct = app.must("/signup/v1.0/continue", "continuation_token", ct, "grant_type", "oob", "oob", app.code(dana)).CT
	asked := app.call("/oauth2/v2.0/token", "continuation_token", ct, "grant_type", "continuation_token", "claims", acrs("bank"))
	if asked.Suberror != "registration_required" {
		t.Fatalf("no phone was asked for: %d %s", asked.status, asked.body)
	}
	ct = app.must("/register/v1.0/introspect", "continuation_token", asked.CT).CT
	ct = app.must("/register/v1.0/challenge", "continuation_token", ct, "challenge_type", "oob", "challenge_target", danaPhone, "challenge_channel", "sms").CT
	ct = app.must("/register/v1.0/continue", "continuation_token", ct, "grant_type", "oob", "oob", app.code(danaPhone)).CT
	strong := app.tokens(app.call("/oauth2/v2.0/token", "continuation_token", ct, "grant_type", "continuation_token"))

	// Signing in, with a mistyped password, a second factor and a refresh.
	ct = app.must("/oauth2/v2.0/initiate", "username", dana, "challenge_type", challengeTypes, "capabilities", capabilities).CT
	ct = app.must("/oauth2/v2.0/challenge", "continuation_token", ct, "challenge_type", challengeTypes).CT
	if got := app.call("/oauth2/v2.0/token", "continuation_token", ct, "grant_type", "password", "password", goodPassword+"!"); got.Error != "invalid_grant" {
		t.Fatalf("a mistyped password: %d %s", got.status, got.body)
	}
	s.clock.advance(time.Minute)
	app.tokens(app.second(app.signIn(dana, "claims", acrs("money")), "email", dana))
	refresh := func(token string) answer {
		return app.call("/oauth2/v2.0/token", "grant_type", "refresh_token", "refresh_token", token)
	}
	next := app.tokens(refresh(strong.Refresh))
	if got := refresh(next.Refresh[:len(next.Refresh)-2] + "AA"); got.status != 400 {
		t.Fatalf("a broken refresh token: %d %s", got.status, got.body)
	}

	// Tokens where they belong and where they do not; what is wrong with them is logged
	// by nobody.
	for _, raw := range []string{strong.Access, next.Access, next.Access + "x", next.ID, next.Refresh} {
		found[raw] = "a bearer"
		for _, path := range []string{"/report", "/bank", "/open/x", app.base + "/oauth2/v2.0/token"} {
			app.get(path, raw)
		}
	}
	_, rest, _ := strings.Cut(app.get("/bank", strong.Access).body, " id=")
	injected := strings.Fields(rest)
	found[injected[0]], found[strings.TrimPrefix(injected[1], "access=")] = "an injected token", "an injected token"

	// A call that nobody can read, one without end, and a store that fails.
	app.header.Set("Content-Type", "text/plain")
	app.call("/oauth2/v2.0/token", "grant_type", "refresh_token", "refresh_token", next.Refresh)
	app.header.Del("Content-Type")
	app.call("/oauth2/v2.0/token", "grant_type", "password", "password", goodPassword, "x", strings.Repeat("x", 1<<20))
	f.down(fmt.Errorf("%w at %s", errStoreDown, "the disk"))
	s.cool()
	refresh(next.Refresh)
	app.get("/report", next.Access)
	f.mend()

	s.clock.advance(time.Hour)
	app.reset(dana)
	if got := refresh(next.Refresh); got.status != 400 {
		t.Fatalf("a refresh after the reset: %d %s", got.status, got.body)
	}

	kinds := slices.Sorted(maps.Values(found))
	if kinds = slices.Compact(kinds); !slices.Equal(kinds, []string{"a bearer", "access_token", "an injected token", "continuation_token", "id_token", "new_password", "oob", "password", "refresh_token", "the number"}) {
		t.Errorf("the secrets to look for are only %q", kinds)
	}
	logs := s.logs.String()
	for _, line := range []string{`"level":"debug"`, `"level":"error"`, `"uri":"/.auth/native/oauth2/v2.0/token"`, `"uri":"/.auth/native/resetpassword/v1.0/submit"`, `"uri":"/bank"`, "handled request"} {
		if !strings.Contains(logs, line) {
			t.Errorf("the log has no %s: it is not the one to look at", line)
		}
	}
	found.checkLog(t, logs)
}
