package ui

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestTheInboxAnswersOnlyThisComputer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Inbox = someMessages() })
	for name, tweak := range map[string]func(*http.Request){
		"from elsewhere":        func(r *http.Request) { r.RemoteAddr = "198.51.100.7:4711" },
		"from nowhere":          func(r *http.Request) { r.RemoteAddr = "@" },
		"through a proxy":       func(r *http.Request) { r.Header.Set("X-Forwarded-For", "127.0.0.1") },
		"through another proxy": func(r *http.Request) { r.Header.Set("Forwarded", "for=127.0.0.1") },
		"via":                   func(r *http.Request) { r.Header.Set("Via", "1.1 proxy") },
		"real address":          func(r *http.Request) { r.Header.Set("X-Real-Ip", "127.0.0.1") },
		"forwarded host":        func(r *http.Request) { r.Header.Set("X-Forwarded-Host", "x") },
		"by another name":       func(r *http.Request) { r.Host = "evil.example" },
	} {
		for _, path := range []string{"/inbox", "/inbox/m1", "/inbox.json"} {
			r := w.request("GET", path, nil)
			fromHere(r)
			tweak(r)
			a := w.do(r)
			if a.StatusCode != http.StatusNotFound || strings.Contains(a.body, "482913") {
				t.Errorf("%s: %s answers %d", name, path, a.StatusCode)
			}
		}
	}
	for _, peer := range []string{"127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"} {
		r := w.request("GET", "/inbox", nil)
		r.RemoteAddr = peer
		w.do(r).status(200)
	}
	none := newWorld(t)
	r := none.request("GET", "/inbox", nil)
	fromHere(r)
	none.do(r).status(404)
}

func TestTheInboxShowsMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Inbox = someMessages() })
	get := func(path string) *answer {
		r := w.request("GET", path, nil)
		fromHere(r)
		return w.do(r)
	}
	get("/inbox").status(200).says("Your sign-in code for Payroll", "<code class=\"given\">482913</code>", `href="/.auth/inbox/m1"`, "Text message", "+447700900123")
	get("/inbox?to=dana").says("Your sign-in code").saysNot("+447700900123")
	get("/inbox?to=DANA.Okafor%40").says("Your sign-in code").saysNot("+447700900123")
	get("/inbox?to=+7700+900123").says("+447700900123").saysNot("Your sign-in code")
	get("/inbox?to=%3Cscript%3E").says("No messages yet", "&lt;script&gt;").saysNot("<script>")

	a := get("/inbox/m1").status(200).says("Your code to sign in to Payroll")
	if csp := a.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "sandbox;") || strings.Contains(csp, "allow") {
		t.Errorf("a mail is shown under %s", csp)
	}
	get("/inbox/m2").status(404) // a text message has no HTML
	get("/inbox/m3").status(404)
	get("/inbox/m1?x=1&x=2").status(400)

	r := w.request("POST", "/inbox", nil)
	fromHere(r)
	w.do(r).status(405)
}

func TestTheInboxIsReadableByTests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Inbox = someMessages() })
	get := func(path string) []map[string]any {
		r := w.request("GET", path, nil)
		fromHere(r)
		a := w.do(r).status(200)
		if got := a.Header.Get("Content-Type"); got != "application/json" {
			t.Errorf("it is %s", got)
		}
		var list []map[string]any
		if err := json.Unmarshal([]byte(a.body), &list); err != nil || list == nil {
			t.Fatalf("%s: %v", a.body, err)
		}
		return list
	}
	list := get("/inbox.json?to=%2B447700900123")
	if len(list) != 1 || list[0]["code"] != "482913" || list[0]["medium"] != "sms" || list[0]["segments"] != 1.0 || list[0]["encoding"] != "GSM-7" ||
		list[0]["purpose"] != "code.step_up" || list[0]["at"] != "2026-08-04T14:20:00Z" {
		t.Errorf("got %v", list)
	}
	for _, other := range []string{"nobody", "7700900123", "dana"} { // a test wants one person's, not those of many
		if list := get("/inbox.json?to=" + other); len(list) != 0 {
			t.Errorf("%s: got %v", other, list)
		}
	}
}
