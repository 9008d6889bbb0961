package caddymodule

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/flows/token"
)

func TestABearerCredentialThatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, nativeSite("public on /open/*"))
	app := s.native(t, spa)
	good := app.tokens(app.signUp(dana)).Access
	cookie := s.signIn(t, "ed@example.com")
	for name, row := range map[string]struct {
		values []string
		want   int
		user   string
	}{
		"none":                      {nil, 200, "ed@example.com"},
		"good":                      {[]string{"Bearer " + good}, 200, dana},
		"another case":              {[]string{"bEARER " + good}, 200, dana},
		"several blanks":            {[]string{"Bearer   " + good}, 200, dana},
		"padded":                    {[]string{" Bearer " + good}, 200, dana},
		"the scheme alone":          {[]string{"Bearer"}, 401, ""},
		"the scheme and a blank":    {[]string{"Bearer "}, 401, ""},
		"a tab":                     {[]string{"Bearer\t" + good}, 401, ""},
		"a comma":                   {[]string{"Bearer," + good}, 401, ""},
		"something after it":        {[]string{"Bearer " + good + " x"}, 401, ""},
		"a blank after it":          {[]string{"Bearer " + good + " "}, 401, ""},
		"a parameter":               {[]string{"Bearer token=" + good}, 401, ""},
		"in quotes":                 {[]string{`Bearer "` + good + `"`}, 401, ""},
		"twice":                     {[]string{"Bearer " + good, "Bearer " + good}, 401, ""},
		"with another scheme":       {[]string{"Basic eDp5", "Bearer " + good}, 401, ""},
		"before another scheme":     {[]string{"Bearer " + good, "Basic eDp5"}, 401, ""},
		"another scheme":            {[]string{"Basic eDp5"}, 200, "ed@example.com"},
		"a longer scheme":           {[]string{"Bearer2 " + good}, 200, "ed@example.com"},
		"something of another kind": {[]string{"Bear"}, 200, "ed@example.com"},
	} {
		for _, path := range []string{"/report", "/open/x"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Host = "localhost"
			r.AddCookie(cookie)
			if row.values != nil {
				r.Header["Authorization"] = row.values
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != row.want || row.want == 200 && !strings.Contains(w.Body.String(), "user="+row.user+" ") {
				t.Errorf("%s, at %s: %d %s", name, path, w.Code, w.Body)
			}
			if row.want == 401 && !isInvalidToken(&page{Response: w.Result(), body: w.Body.String()}) {
				t.Errorf("%s, at %s: %v %s", name, path, w.Header(), w.Body)
			}
		}
	}
}

func TestWhereTheApplicationHasItsOwnTokensOnlyOursAreTaken(t *testing.T) {
	t.Parallel()
	text := strings.Replace(nativeSite("authorization pass", "public on /open/*"), `respond "app`, `respond "authorization=[{http.request.header.Authorization}] app`, 1)
	s := newSite(t, text)
	app := s.native(t, spa)
	good := app.tokens(app.signUp(dana)).Access
	expired := s.forge(t, s.app.live.Load().rt.ring, "http://localhost/.auth", spa, "http://localhost", token.TypeAccess, func(c map[string]any) { c["exp"] = 1 })
	forged := s.forge(t, strangeRing(t, s.clock.Now), "http://localhost/.auth", spa, "http://localhost", token.TypeAccess, nil)
	foreign := s.forge(t, strangeRing(t, s.clock.Now), "https://login.example", spa, "http://localhost", token.TypeAccess, nil)
	cookie := s.signIn(t, "ed@example.com")
	ed := "ed@example.com"
	for name, row := range map[string]struct {
		values []string
		want   int
		user   string
		passed string // to the application
	}{
		"ours":                       {[]string{"Bearer " + good}, 200, dana, ""},
		"ours, expired":              {[]string{"Bearer " + expired}, 401, "", ""},
		"ours, forged":               {[]string{"Bearer " + forged}, 401, "", ""},
		"ours, unreadable":           {[]string{"Bearer\t" + good}, 401, "", ""},
		"ours, in quotes":            {[]string{`Bearer "` + good + `"`}, 401, "", ""},
		"ours, after something":      {[]string{"Bearer x, " + good}, 401, "", ""},
		"ours and another":           {[]string{"Bearer " + foreign, "Bearer " + good}, 401, "", ""},
		"a foreign issuer's":         {[]string{"Bearer " + foreign}, 200, ed, "Bearer " + foreign},
		"no JWT":                     {[]string{"Bearer 0123456789abcdef"}, 200, ed, "Bearer 0123456789abcdef"},
		"nearly a JWT":               {[]string{"Bearer a.b.c"}, 200, ed, "Bearer a.b.c"},
		"the scheme alone":           {[]string{"Bearer"}, 200, ed, "Bearer"},
		"another scheme":             {[]string{"Basic eDp5"}, 200, ed, "Basic eDp5"},
		"two of others":              {[]string{"Basic eDp5", "Bearer x"}, 200, ed, ""},
		"none":                       {nil, 200, ed, ""},
		"ours under another's name":  {[]string{"Token " + good}, 200, ed, "Token " + good},
		"a foreign one naming us so": {[]string{"Bearer " + strings.Replace(foreign, ".", ".e30.", 1)}, 200, ed, "Bearer " + strings.Replace(foreign, ".", ".e30.", 1)},
	} {
		for _, path := range []string{"/report", "/open/x"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Host = "localhost"
			r.AddCookie(cookie)
			if row.values != nil {
				r.Header["Authorization"] = row.values
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			want := fmt.Sprintf("authorization=[%s] app path=%s user=%s ", row.passed, path, row.user)
			if w.Code != row.want || row.want == 200 && !strings.HasPrefix(w.Body.String(), want) {
				t.Errorf("%s, at %s: %d %s\nwant %s", name, path, w.Code, w.Body, want)
			}
		}
	}
}

func TestWithoutClientsAuthorizationMeansNothingToTheSite(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	cookie := s.signIn(t, dana)
	for _, value := range []string{"Bearer x", "Bearer", "Basic eDp5"} {
		r := visitor("/report", cookie)
		r.Header.Set("Authorization", value)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 200 || !strings.Contains(w.Body.String(), "user="+dana) {
			t.Errorf("%s: %d %s", value, w.Code, w.Body)
		}
	}
}
