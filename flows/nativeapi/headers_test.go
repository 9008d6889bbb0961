package nativeapi_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cors sends a request from a script of an origin.
func (w *world) cors(id string, origins ...string) *answer {
	w.t.Helper()
	r := w.request(initiate, strings.ReplaceAll(good, appID, id))
	r.Header["Origin"] = origins
	return w.do(r)
}

func TestEveryAnswerHasTheHeadersThatKeepItPrivate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	get := w.request(initiate, "")
	get.Method = "GET"
	for name, a := range map[string]*answer{
		"success": w.do(w.request(initiate, good)), "error": w.do(w.request(initiate, "")),
		"no endpoint": w.do(w.request("/x", "")), "wrong method": w.do(get), "foreign script": w.cors(appID, "https://evil.example"),
	} {
		for header, want := range map[string]string{
			"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", "Pragma": "no-cache",
			"X-Content-Type-Options": "nosniff",
		} {
			if got := a.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q", name, header, got)
			}
		}
		if !slices.Contains(a.Header.Values("Vary"), "Origin") {
			t.Errorf("%s: no Vary: Origin", name)
		}
		if a.Header.Get("Set-Cookie") != "" || a.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: cookies or credentials", name)
		}
		if id := a.Header.Get("client-request-id"); !uuidForm.MatchString(id) || a.Header.Get("x-ms-request-id") != id {
			t.Errorf("%s: correlation %q and %q", name, id, a.Header.Get("x-ms-request-id"))
		}
	}
}

func TestTheCorrelationIDComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const id = "8b6f5d6e-3f0c-4c52-9d2b-6d8b8f1f1a77"
	send := func(path, header string) *answer {
		r := w.request(path, "")
		if header != "" {
			r.Header.Set("client-request-id", header)
		}
		return w.do(r)
	}
	for name, a := range map[string]*answer{
		"in the header": send(initiate, id), "in the query": send(initiate+"?client-request-id="+id, ""),
		"the header counts": send(initiate+"?client-request-id=00000000-0000-4000-8000-000000000000", id),
	} {
		if a.Header.Get("client-request-id") != id || a.Header.Get("x-ms-request-id") != id || a.text("correlation_id") != id {
			t.Errorf("%s: %s %v", name, a.Body, a.Header)
		}
	}
	for _, other := range []string{"", "x", id + "0", "{" + id + "}", strings.Repeat("a", 36), "<script>", id + "\r\nx: y"} {
		a := send(initiate, other)
		got := a.text("correlation_id")
		if got == other || !uuidForm.MatchString(got) || a.Header.Get("client-request-id") != got {
			t.Errorf("for %q: %s", other, a.Body)
		}
	}
}

// Letters are in the language that the application's user reads, and the list of
// sessions names the application.
func TestLettersAndSessionsKnowWhoAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithCode(dana)
	for header, want := range map[string]string{
		"": "", "de-CH, fr;q=0.8": "de-CH", "fr;q=0.3, en;q=0.9": "en", "%%%": "", strings.Repeat("de,", 100): "",
	} {
		w.wait(time.Hour)
		begun := w.codeApp().begin(initiate, dana)
		r := w.request("/oauth2/v2.0/challenge", "client_id="+appID+"&continuation_token="+begun.token())
		r.Header.Set("Accept-Language", header)
		w.do(r).ok()
		letter := w.letters[len(w.letters)-1]
		if letter.Lang != want || letter.Device != "Payroll app" || letter.Network != "198.51.100.0/24" {
			t.Errorf("for %q the letter is in %q, about %q in %q", header, letter.Lang, letter.Device, letter.Network)
		}
	}
}

func TestErrorsHaveTheirFullShape(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.do(w.request(initiate, "")).refused("invalid_request", "", "900144")
	if len(a.JSON) != 6 || a.text("error_description") == "" || a.text("timestamp") != "2026-03-14 09:00:00Z" ||
		!uuidForm.MatchString(a.text("trace_id")) || a.text("trace_id") == a.text("correlation_id") {
		t.Errorf("the error is %s", a.Body)
	}
}

func TestScriptsOfTheClientsOriginsMayCallAndReadErrorsToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, allowed := range []string{origin, appOrigin} {
		for name, a := range map[string]*answer{"success": w.cors(appID, allowed), "error": w.cors("nobody", allowed)} {
			if got := a.Header.Get("Access-Control-Allow-Origin"); got != allowed {
				t.Errorf("%s for %s: allowed %q", name, allowed, got)
			}
			if got := a.Header.Get("Access-Control-Expose-Headers"); got != "x-ms-request-id, client-request-id" {
				t.Errorf("%s for %s: exposed %q", name, allowed, got)
			}
		}
	}
	if a := w.do(w.request(initiate, good)); a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("an origin is allowed where none was named")
	}
}

func TestScriptsOfOtherOriginsAreRefusedBeforeAnythingMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, origins := range map[string][]string{
		"foreign": {"https://evil.example"}, "another client's": {"https://other.example"}, "null": {"null"}, "empty": {""},
		"doubled": {appOrigin, appOrigin}, "with a slash": {appOrigin + "/"}, "in capitals": {"https://APP.example.com"},
		"http": {"http://app.example.com"}, "with a port": {appOrigin + ":8443"}, "a longer name": {appOrigin + ".evil.example"},
	} {
		a := w.cors(appID, origins...).refused("invalid_request", "", "9002326")
		if a.Header.Get("Access-Control-Allow-Origin") != "" || a.Header.Get("Access-Control-Expose-Headers") != "" {
			t.Errorf("%s: may read the answer", name)
		}
	}
	w.cors(otherID, "https://other.example").says("continuation_token")

	// No flow is moved: a code is not even counted.
	w.signedUpWithCode(dana)
	w.wait(later)
	a := w.codeApp()
	begun, sent := a.begin(initiate, dana), w.sent()
	r := w.request("/oauth2/v2.0/challenge", "client_id="+appID+"&continuation_token="+begun.token())
	r.Header.Set("Origin", "https://other.example")
	w.do(r).refused("invalid_request", "", "9002326")
	if w.sent() != sent {
		t.Error("a script of another origin had a code sent")
	}
}

func TestPreflightsAllowWhatSDKsAndApplicationsSend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ask := func(from, headers string) *answer {
		r := w.request(initiate, "")
		r.Method = http.MethodOptions
		r.Header = http.Header{"Origin": {from}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {headers}}
		return w.do(r)
	}
	const sdk = "client-request-id,content-type,x-client-cpu,x-client-current-telemetry,x-client-last-telemetry,x-client-os,x-client-sku,x-client-ver"
	for _, from := range []string{origin, appOrigin, "https://other.example"} {
		a := ask(from, sdk+", X-Contoso-Tag,authorization,x-bad/name,cookie")
		allowed := strings.Split(a.Header.Get("Access-Control-Allow-Headers"), ", ")
		for _, name := range append(strings.Split(sdk, ","), "x-contoso-tag") {
			if !slices.Contains(allowed, name) {
				t.Errorf("%s is not allowed", name)
			}
		}
		if a.Status != 204 || a.Body != "" || a.Header.Get("Access-Control-Allow-Origin") != from || len(allowed) != 9 ||
			a.Header.Get("Access-Control-Allow-Methods") != "POST" {
			t.Errorf("from %s: %d %v", from, a.Status, a.Header)
		}
	}
	for _, from := range []string{"https://evil.example", "null"} {
		if a := ask(from, sdk).refused("invalid_request", "", "9002326"); a.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s is allowed", from)
		}
	}
	var many strings.Builder
	for i := range 1000 {
		many.WriteString("x-" + strconv.Itoa(i) + ",")
	}
	if got := ask(appOrigin, many.String()).Header.Get("Access-Control-Allow-Headers"); len(got) > 1000 {
		t.Errorf("%d bytes of headers", len(got))
	}
}
