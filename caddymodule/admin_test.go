package caddymodule

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows/store"
)

// admin is Caddy's admin endpoint with nothing but our routes, of the site's configuration.
func (s *testSite) admin(t *testing.T) http.Handler {
	t.Helper()
	mux := http.NewServeMux()
	for _, route := range (&adminAPI{active: func() caddy.Context { return s.app.ctx }}).Routes() {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			err := route.Handler.ServeHTTP(w, r)
			var api caddy.APIError
			switch {
			case err == nil:
			case errors.As(err, &api):
				w.WriteHeader(api.HTTPStatus)
				_ = json.NewEncoder(w).Encode(map[string]string{"error": api.Error()})
			default:
				t.Errorf("an error that is none of the API's: %v", err)
			}
		})
	}
	return mux
}

func askAdmin(t *testing.T, h http.Handler, method, path, body string) (status int, answer string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestOperatorsSeeAndSetGroupsAndLearnNoSecret(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("only group staff on /admin", "require otp sms on /money"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	p := b.get("/money")
	p = b.here(b.here(p, nil), map[string][]string{"tel": {danaPhone}})
	b.here(p, map[string][]string{"code": {s.message(t, danaPhone).Code}})
	if p := b.get("/admin"); p.StatusCode != http.StatusForbidden {
		t.Fatalf("before: %d", p.StatusCode)
	}
	admin := s.admin(t)
	status, answer := askAdmin(t, admin, "PUT", "/stepgate/users/Dana@Example.com/groups", `{"groups": ["staff", "board"]}`)
	if status != http.StatusOK || !strings.Contains(answer, `"groups":["board","staff"]`) {
		t.Fatalf("%d %s", status, answer)
	}
	if p := b.get("/admin"); p.StatusCode != http.StatusOK {
		t.Errorf("with the very next request: %d", p.StatusCode)
	}
	status, answer = askAdmin(t, admin, "GET", "/stepgate/users/dana@example.com", "")
	if status != http.StatusOK || !strings.Contains(answer, `"email":"dana@example.com","groups":["board","staff"],"factors":["email_code","sms_code"],"sessions":1,"disabled":false`) {
		t.Errorf("%d %s", status, answer)
	}
	for _, secret := range []string{"7700", "$argon2", b.session().Value, "epoch"} {
		if strings.Contains(answer, secret) {
			t.Errorf("it shows %q: %s", secret, answer)
		}
	}
	if status, answer = askAdmin(t, admin, "PUT", "/stepgate/users/dana@example.com/groups", `{"groups": []}`); status != http.StatusOK || !strings.Contains(answer, `"groups":[]`) {
		t.Errorf("%d %s", status, answer)
	}
	if p := b.get("/admin"); p.StatusCode != http.StatusForbidden {
		t.Errorf("in no group: %d", p.StatusCode)
	}
	if !strings.Contains(s.logs.String(), `"msg":"an operator changed the groups of an account"`) {
		t.Error("nobody wrote it down")
	}
}

func TestBadQuestionsOfOperatorsAreAnsweredInOneSentenceAndChangeNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	s.signUp(s.browser(t), dana, "/")
	admin := s.admin(t)
	for _, row := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/stepgate/users/eli@example.org", "", 404, "there is no account eli@example.org"},
		{"PUT", "/stepgate/users/eli@example.org/groups", `{"groups": ["staff"]}`, 404, "there is no account eli@example.org"},
		{"GET", "/stepgate/users/not%2Fan%20address", "", 404, "there is no account not/an address"},
		{"PUT", "/stepgate/users/dana@example.com/groups", `{"groups": ["a b"]}`, 400, `\"a b\" is no name for a group`},
		{"PUT", "/stepgate/users/dana@example.com/groups", `{}`, 400, "no groups are given"},
		{"PUT", "/stepgate/users/dana@example.com/groups", `{"groups": [], "disabled": true}`, 400, "unknown field"},
		{"PUT", "/stepgate/users/dana@example.com/groups", `{"groups": []} {}`, 400, "more than one value"},
		{"PUT", "/stepgate/users/dana@example.com/groups", `{"groups": ["` + strings.Repeat("x", 1<<20) + `"]}`, 400, "too large"},
		{"PUT", "/stepgate/users/dana@example.com/groups", `{"groups": ["a` + strings.Repeat(`", "a`, 70) + `"]}`, 400, "so many groups"},
		{"POST", "/stepgate/users/dana@example.com/groups", `{"groups": []}`, 405, "only PUT"},
		{"GET", "/stepgate/users/dana@example.com/groups", "", 405, "only PUT"},
		{"DELETE", "/stepgate/users/dana@example.com", "", 405, "only GET"},
		{"POST", "/stepgate/users/eli@example.org/unlock", "", 404, "there is no account eli@example.org"},
		{"GET", "/stepgate/users/dana@example.com/unlock", "", 405, "only POST"},
		{"GET", "/stepgate/send-test", "", 405, "only POST"},
		{"POST", "/stepgate/report", "", 405, "only GET"},
		{"GET", "/stepgate/decisions/nosuchthing1", "", 404, `no decision \"nosuchthing1\" is remembered`},
		{"GET", "/stepgate/explain", "", 405, "only POST"},
		{"POST", "/stepgate/explain", `{"method": "GET"}`, 400, "is no URL"},
		{"POST", "/stepgate/explain", `{"method": "GET", "url": "http://localhost/", "usr": "x"}`, 400, "unknown field"},
		{"POST", "/stepgate/explain", `{"method": "GET", "url": "http://localhost/", "session": "none such"}`, 404, `no sign-in of the name \"none such\" lives`},
		{"POST", "/stepgate/explain", `{"method": "GET", "url": "http://localhost/", "session": "x", "user": "dana@example.com"}`, 400, "a real sign-in brings its own"},
		{"POST", "/stepgate/explain", `{"method": "GET", "url": "http://elsewhere.example:7/"}`, 400, "no server of this configuration listens for http://elsewhere.example:7"},
	} {
		status, answer := askAdmin(t, admin, row.method, row.path, row.body)
		if status != row.status || !strings.Contains(answer, row.want) || strings.Count(answer, "\n") > 0 {
			t.Errorf("%s %s: %d %.200s\nwant %d %s", row.method, row.path, status, answer, row.status, row.want)
		}
	}
	if _, answer := askAdmin(t, admin, "GET", "/stepgate/users/dana@example.com", ""); !strings.Contains(answer, `"groups":[]`) {
		t.Errorf("something was changed: %s", answer)
	}
}

func TestTheRunningServerExplainsWithRealAccountsAndSignIns(t *testing.T) {
	t.Parallel()
	s := newSite(t, riskyPayroll)
	b := s.browser(t)
	s.signUp(b, dana, "/")
	if err := s.app.live.Load().engine.SetGroups(t.Context(), dana, []string{"staff"}); err != nil {
		t.Fatal(err)
	}
	admin := s.admin(t)
	ask := func(question string) *Explanation {
		t.Helper()
		status, answer := askAdmin(t, admin, "POST", "/stepgate/explain", question)
		e := new(Explanation)
		if err := json.Unmarshal([]byte(answer), e); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s", status, answer)
		}
		return e
	}
	e := ask(`{"method": "GET", "url": "http://localhost/admin", "session": "` + s.sid(t, b) + `"}`)
	if e.Answer.Verdict != "step_up" || e.Person.Email != dana || e.Person.Groups[0] != "staff" || e.Person.User == "" || !e.Person.KnownDevice ||
		e.Client.Network != "127.0.0.0/24" || !e.Person.KnownNetwork {
		t.Errorf("a sign-in: %+v, %+v", e.Answer, e.Person)
	}
	e = ask(`{"method": "GET", "url": "http://localhost/admin", "user": "DANA@example.com", "proof": {"email_code": "1m", "password": "2m"}}`)
	if e.Answer.Verdict != "pass" || e.Person.Groups[0] != "staff" || e.Person.User == "" || e.Notes != nil {
		t.Errorf("an account: %+v, %+v, %q", e.Answer, e.Person, e.Notes)
	}
	e = ask(`{"method": "GET", "url": "http://localhost/admin", "user": "dana@example.com", "groups": ["board"]}`)
	if e.Person.Groups[0] != "board" || len(e.Person.Groups) != 1 {
		t.Errorf("an account in other groups: %+v", e.Person)
	}
	e = ask(`{"method": "GET", "url": "http://localhost/admin", "user": "eli@example.org"}`)
	if len(e.Notes) != 1 || e.Person.User != "" {
		t.Errorf("an account that there is not: %q", e.Notes)
	}
	decision := b.get("/admin").decision
	status, answer := askAdmin(t, admin, "GET", "/stepgate/decisions/"+decision, "")
	if status != http.StatusOK || !strings.Contains(answer, `"decision":"`+decision+`"`) || !strings.Contains(answer, `"verdict":"step_up"`) {
		t.Errorf("a decision: %d %s", status, answer)
	}
	status, answer = askAdmin(t, admin, "GET", "/stepgate/report", "")
	if status != http.StatusOK || !strings.Contains(answer, `"decisions":{"pass":0,"refuse":0,"sign_in":0,"step_up":1}`) {
		t.Errorf("the report: %d %s", status, answer)
	}
}

func TestASignInOfAnotherSiteIsWorthNothingInAnExplanationEither(t *testing.T) {
	t.Parallel()
	s := newSite(t, testGlobals+"http://localhost {\n\tstepgate\n\trespond in\n}\nhttp://127.0.0.1 {\n\tstepgate\n\trespond in\n}\n")
	b := s.browser(t)
	s.signUp(b, dana, "/")
	other := map[string]string{"http://localhost": "http://127.0.0.1", "http://127.0.0.1": "http://localhost"}[s.origin]
	status, answer := askAdmin(t, s.admin(t), "POST", "/stepgate/explain", `{"method": "GET", "url": "`+other+`/", "session": "`+s.sid(t, b)+`"}`)
	if status != http.StatusOK || !strings.Contains(answer, `"verdict":"sign_in"`) || !strings.Contains(answer, "worth nothing here") {
		t.Errorf("%d %s", status, answer)
	}
}

func TestWithoutTheAppOperatorsAreToldSo(t *testing.T) {
	t.Parallel()
	empty := &testSite{app: &App{}}
	status, answer := askAdmin(t, empty.admin(t), "GET", "/stepgate/report", "")
	if status != http.StatusNotFound || !strings.Contains(answer, "no stepgate is configured") {
		t.Errorf("%d %s", status, answer)
	}
}

func TestAStoreThatIsDownIsNotAnAccountThatThereIsNot(t *testing.T) {
	t.Parallel()
	s, f := newFaultySite(t, payrollSite())
	s.signUp(s.browser(t), dana, "/")
	f.down(store.ErrClosed)
	status, answer := askAdmin(t, s.admin(t), "GET", "/stepgate/users/dana@example.com", "")
	if status != http.StatusServiceUnavailable || strings.Contains(answer, "there is no account") {
		t.Errorf("%d %s", status, answer)
	}
}

func TestAnOperatorLetsSomebodyTryAgainWhoseTriesAreSpent(t *testing.T) {
	t.Parallel()
	s := newSite(t, strings.Replace(testGlobals, "email inbox", "email inbox\n\t\tlimits {\n\t\t\tpasswords 2 every 1h\n\t\t}", 1)+payrollSite())
	owner := s.browser(t)
	p := owner.post("/.auth/sign-up", url.Values{"email": {dana}})
	p = owner.here(p, url.Values{"code": {s.message(t, dana).Code}})
	owner.here(p, url.Values{"new_password": {danaPassword}})
	try := func(password string) (signedIn bool) {
		b := s.browser(t)
		p := b.post("/.auth/sign-in?return_to=%2F", url.Values{"email": {dana}, "way": {"password"}})
		b.here(p, url.Values{"email": {dana}, "password": {password}})
		return b.session() != nil
	}
	for range 3 {
		try("not the password at all")
	}
	if try(danaPassword) {
		t.Fatal("the tries are not spent")
	}
	if status, answer := askAdmin(t, s.admin(t), "POST", "/stepgate/users/Dana@example.com/unlock", ""); status != http.StatusOK || !strings.Contains(answer, `"email":"dana@example.com"`) {
		t.Fatalf("%d %s", status, answer)
	}
	if !try(danaPassword) {
		t.Error("the right password does not work afterwards")
	}
	if log := s.logs.String(); strings.Count(log, `"msg":"an operator unlocked an account"`) != 1 || strings.Contains(log, "changed the groups") {
		t.Error("it is not written down as what it was")
	}
}
