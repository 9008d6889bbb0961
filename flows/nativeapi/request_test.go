package nativeapi_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stepgate/stepgate/flows/nativeapi"
)

const initiate = "/oauth2/v2.0/initiate"

// good is the body of a request that begins a sign-in.
const good = "client_id=" + appID + "&username=dana%40example.com&challenge_type=oob+password+redirect"

func TestRequestsAreReadAsSDKsSendThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	send := func(path, body string, changes ...func(*http.Request)) *answer {
		r := w.request(path, body)
		for _, change := range changes {
			change(r)
		}
		return w.do(r)
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, a := range map[string]*answer{
		"as it is":                 send(initiate, good),
		"spaces as %20":            send(initiate, strings.ReplaceAll(good, "+", "%20")),
		"with a charset":           send(initiate, good, header("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8")),
		"with a spaced charset":    send(initiate, good, header("Content-Type", `Application/X-WWW-Form-Urlencoded; charset="utf-8"`)),
		"without compression":      send(initiate, good, header("Content-Encoding", "identity")),
		"chunked":                  send(initiate, good, func(r *http.Request) { r.ContentLength = -1; r.TransferEncoding = []string{"chunked"} }),
		"byte by byte":             send(initiate, good, func(r *http.Request) { r.Body = reader{iotest.OneByteReader(strings.NewReader(good))} }),
		"with a query":             send(initiate+"?dc=ESTS-PUB&username=other&client_id=x&client_id=y", good),
		"with a bad query":         send(initiate+"?a;b=%zz", good),
		"unknown parameters":       send(initiate, good+"&x=1&x=2&nca=1&%80=%80"),
		"the old capability":       send(initiate, good+"&capability=mfa_required,registration_required"),
		"both capabilities":        send(initiate, good+"&capability=mfa_required&capabilities=registration_required+new_in_2030"),
		"an empty optional one":    send(initiate, good+"&capabilities="),
		"telemetry":                send(initiate, good, header("x-client-current-telemetry", "5|100002,0,,,|,"), header("x-client-OS", "")),
		"a language":               send(initiate, good, header("Accept-Language", "de-CH, fr;q=0.8")),
		"a language that is noise": send(initiate, good, header("Accept-Language", "%%%;q=x")),
		"a very long language":     send(initiate, good, header("Accept-Language", strings.Repeat("de,", 1000))),
	} {
		if a.Status != 200 || a.text("continuation_token") == "" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

// reader is a body that tells nobody its length.
type reader struct{ iotestReader }

type iotestReader interface{ Read([]byte) (int, error) }

func (reader) Close() error { return nil }

func TestRequestsOfAnotherFormAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(good))
	_ = z.Close()
	types := func(values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header["Content-Type"] = values }
	}
	for name, c := range map[string]struct {
		body   string
		change func(*http.Request)
	}{
		"no content type":       {good, types()},
		"an empty content type": {good, types("")},
		"two content types":     {good, types("application/x-www-form-urlencoded", "application/x-www-form-urlencoded")},
		"JSON":                  {`{"client_id":"` + appID + `"}`, types("application/json")},
		"a multipart form":      {good, types("multipart/form-data; boundary=x")},
		"plain text":            {good, types("text/plain")},
		"another charset":       {good, types("application/x-www-form-urlencoded; charset=utf-7")},
		"a broken charset":      {good, types("application/x-www-form-urlencoded; charset=")},
		"compressed":            {zipped.String(), func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }},
		"said to be compressed": {good, func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }},
		"a megabyte":            {good + "&x=" + strings.Repeat("x", 1<<20), nil},
		"one byte too many":     {good + "&x=" + strings.Repeat("x", 64<<10-len(good)-2), nil},
		"semicolons":            {strings.ReplaceAll(good, "&", ";"), nil},
		"a broken escape":       {good + "&x=%zz", nil},
		"not UTF-8":             {good + "&capabilities=%ff", nil},
		"an overlong slash":     {good + "&capabilities=%c0%af", nil},
		"a parameter twice":     {good + "&username=other%40example.com", nil},
		"the same value twice":  {good + "&client_id=" + appID, nil},
		"an optional one twice": {good + "&capability=x&capability=x", nil},
		"empty and then full":   {"username=&" + good, nil},
		"a body that breaks off": {good, func(r *http.Request) {
			r.Body = reader{iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(good)))}
		}},
	} {
		r := w.request(initiate, c.body)
		if c.change != nil {
			c.change(r)
		}
		if a := w.do(r); a.Status != 400 || a.text("error") != "invalid_request" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if a := w.do(w.request(initiate, good+"&x="+strings.Repeat("x", 64<<10-len(good)-3))); a.Status != 200 {
		t.Errorf("just as long as may be: %d %s", a.Status, a.Body)
	}
}

func TestOnlyPostsAreAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "post", "BREW"} {
		r := w.request(initiate, good)
		r.Method = method
		a := w.do(r)
		if a.Status != 405 || a.Header.Get("Allow") != "OPTIONS, POST" || a.text("error") != "invalid_request" {
			t.Errorf("%s: %d %q %s", method, a.Status, a.Header.Get("Allow"), a.Body)
		}
	}
}

func TestThereIsNothingElseBelowTheBase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{
		"", "/", "/x", initiate + "/", "/oauth2/v2.0", "/oauth2/v2.0/Initiate", "/oauth2/v2.0//initiate", "/oauth/v2.0/initiate",
		"/v2.0/.well-known/openid-configuration",
	} {
		if a := w.do(w.request(path, good)); a.Status != 404 || a.text("error") != "invalid_request" {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	r := w.request(initiate, good)
	r.URL.Path = strings.TrimPrefix(r.URL.Path, base) // no business of ours
	if a := w.do(r); a.Status != 404 {
		t.Errorf("outside of the base: %d", a.Status)
	}
}

func TestEveryParameterThatIsNeededIsAskedForByName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tokens := tokensOfEveryStage(t)
	count := 0
	for _, e := range nativeapi.Endpoints() {
		for _, action := range e.Actions {
			for _, missing := range action.Required {
				for _, empty := range []bool{false, true} {
					form := url.Values{}
					for _, name := range action.Required {
						form.Set(name, plausible(name, action, tokens))
					}
					if form.Del(missing); empty {
						form.Set(missing, "")
					}
					a := w.do(w.request(e.Path, form.Encode()))
					count++
					code := "900144"
					want := "The request body must contain the following parameter: '" + missing + "'."
					if missing == "username" {
						code, want = "90100", "The username parameter is empty or not valid."
					}
					a.refused("invalid_request", "", code)
					if a.text("error_description") != want {
						t.Errorf("%s %s without %s: %s", e.Path, action.Grant, missing, a.Body)
					}
				}
			}
		}
	}
	if count < 100 {
		t.Errorf("only %d requests were tried", count)
	}
}

// plausible is a value that a parameter could have.
func plausible(name string, action nativeapi.Action, tokens map[nativeapi.Stage]string) string {
	switch name {
	case "client_id":
		return appID
	case "continuation_token":
		return tokens[action.Accepts[0]]
	case "grant_type":
		return action.Grant
	case "challenge_type":
		return "oob password redirect"
	case "username":
		return dana
	case "attributes":
		return `{"displayName":"Dana","age":"44"}`
	case "challenge_target":
		return "+447700900123"
	default:
		return "000000"
	}
}

func TestChallengeTypesMustIncludeTheBrowserAndNothingUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.app()
	for _, types := range []string{"oob", "password", "oob password", "Redirect", "oob redirect sms", "redirect,oob", "preverified redirect"} {
		for _, path := range []string{initiate, "/signup/v1.0/start", "/resetpassword/v1.0/start"} {
			no := a.call(path, "username", dana, "challenge_type", types).refused("unsupported_challenge_type", "", "901007")
			if !strings.Contains(no.text("error_description"), "The challenge_type list parameter contains an unsupported challenge type") {
				t.Errorf("%s: %s", types, no.Body)
			}
		}
	}
	begun := a.begin(initiate, dana)
	a.with(begun, "/oauth2/v2.0/challenge", "challenge_type", "oob").refused("unsupported_challenge_type", "", "901007")
	a.call(initiate, "username", dana, "challenge_type", "redirect").redirected()
}

func TestUnknownClientsAndGrantsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stranger := w.app()
	stranger.id = "nobody"
	stranger.begin(initiate, dana).refused("unauthorized_client", "", "700016")
	a := w.app()
	a.call("/oauth2/v2.0/token", "grant_type", "authorization_code", "code", "x").refused("unsupported_grant_type", "", "70003")
	a.call("/signup/v1.0/continue", "grant_type", "mfa_oob").refused("unsupported_grant_type", "", "70003")
	a.call("/oauth2/v2.0/token", "grant_type", "password", "username", dana, "password", longSecret).refused("invalid_request", "", "900144")
}
