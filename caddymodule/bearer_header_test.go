package caddymodule

import (
	"encoding/base64"
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
	s := newSite(t, strings.Replace(text, "http://localhost {", "http://localhost, http://127.0.0.1 {", 1))
	app := s.native(t, spa)
	good := app.tokens(app.signUp(dana)).Access
	neighbour := &nativeApp{t: t, site: s, client: spa, base: app.base, origin: "http://127.0.0.1", header: make(http.Header)}
	sibling := neighbour.tokens(neighbour.signIn(dana)).Access
	if p := neighbour.get("/report", sibling); p.StatusCode != 200 {
		t.Fatalf("the sibling's, at home: %d %s", p.StatusCode, p.body)
	}
	part := strings.Split(good, ".")
	flattened := fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, part[0], part[1], part[2])
	basic := func(token string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("anybody?>:"+token))
	}
	escaped := func(text string, layers int) string {
		for range layers {
			text = strings.NewReplacer("%", "%25", ".", "%2e", "J", "%4A").Replace(text)
		}
		return text
	}
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
		"another's, escaped":         {[]string{"Bearer " + escaped(foreign, 2)}, 200, ed, "Bearer " + escaped(foreign, 2)},
		"another's, in Basic":        {[]string{basic(foreign)}, 200, ed, basic(foreign)},
		"ours under another's name":  {[]string{"Token " + good}, 401, "", ""},
		"ours without a scheme":      {[]string{good}, 401, "", ""},
		"ours in a longer scheme":    {[]string{"Bearer" + good}, 401, "", ""},
		"ours after another":         {[]string{"Basic eDp5, Bearer " + good}, 401, "", ""},
		"ours after nothing":         {[]string{", Bearer " + good}, 401, "", ""},
		"ours in Basic":              {[]string{basic(good)}, 401, "", ""},
		"ours after another blank":   {[]string{"Bearer\u00a0" + good}, 401, "", ""},
		"ours before the scheme":     {[]string{"\xa0Bearer " + good}, 401, "", ""},
		"ours, escaped":              {[]string{"Bearer " + escaped(good, 1)}, 401, "", ""},
		"ours, escaped thrice":       {[]string{"Bearer " + escaped(good, 3)}, 401, "", ""},
		"escaped for ever":           {[]string{"Bearer " + escaped(foreign, 9)}, 401, "", ""},
		"as long as it may be":       {[]string{"Negotiate " + strings.Repeat("YIIX", 32000)}, 200, ed, "Negotiate " + strings.Repeat("YIIX", 32000)},
		"too long to tell":           {[]string{"Negotiate " + strings.Repeat("YIIX", 33000)}, 401, "", ""},
		"ours as JSON":               {[]string{"Bearer " + flattened}, 401, "", ""},
		"ours as JSON in base64":     {[]string{"Bearer " + base64.URLEncoding.EncodeToString([]byte(flattened))}, 401, "", ""},
		"ours with blanks in it":     {[]string{"Bearer " + good[:len(part[0])+9] + " " + good[len(part[0])+9:]}, 401, "", ""},
		"a sibling's":                {[]string{"Bearer " + sibling}, 401, "", ""},
		"a sibling's, escaped":       {[]string{"Token " + escaped(sibling, 1)}, 401, "", ""},
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
