package caddymodule

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// reads is the language of the page at an address, for a browser that prefers one.
func (b *browser) reads(path, accept string) string {
	b.t.Helper()
	b.header = http.Header{"Accept-Language": {accept}}
	return b.get(path).Header.Get("Content-Language")
}

func TestSitesOfferTheLanguagesThatAreConfigured(t *testing.T) {
	t.Parallel()
	const globals = "{\n\tstepgate {\n\t\tstore memory\n\t\temail inbox\n\t\t%\n\t}\n}\n"
	for _, c := range []struct {
		global, site string
		want         map[string]string // by what the browser prefers
	}{
		{"", "", map[string]string{"": "en", "de": "de", "ar": "ar", "zh": "en"}},
		{"languages fr en", "", map[string]string{"": "fr", "en": "en", "de": "fr"}},
		{"languages fr en", "languages de ja", map[string]string{"": "de", "ja": "ja", "fr": "de"}},
		{"", "languages nl", map[string]string{"": "nl", "en": "nl"}},
	} {
		site := newSite(t, strings.Replace(globals, "%", c.global, 1)+"http://localhost {\n\tstepgate {\n\t\tname Payroll\n\t\t"+c.site+"\n\t}\n\trespond in\n}\n")
		for accept, want := range c.want {
			if got := site.browser(t).reads("/.auth/sign-in", accept); got != want {
				t.Errorf("%q and %q: %q gets %s, want %s", c.global, c.site, accept, got, want)
			}
		}
	}
}

// Whoever chooses a language reads every page in it, the application learns nothing of it,
// and messages follow.
func TestAChosenLanguageSticksAndStaysWithTheGateway(t *testing.T) {
	t.Parallel()
	site := newSite(t, "http://localhost {\n\tstepgate {\n\t\tpublic on /open\n\t\tdeny on /closed\n\t}\n\trespond \"cookies: {http.request.header.Cookie}\"\n}\n")
	b := site.browser(t)
	b.header = http.Header{"Accept-Language": {"ar"}}
	chosen := b.post("/.auth/language", url.Values{"language": {"de"}, "back": {"/.auth/sign-in?return_to=%2Fx"}})
	if chosen.StatusCode != http.StatusSeeOther || chosen.location != "/.auth/sign-in?return_to=%2Fx" {
		t.Fatalf("%d to %s", chosen.StatusCode, chosen.location)
	}
	for path, status := range map[string]int{"/.auth/sign-in": 200, "/.auth/nowhere": 404, "/closed": 403, "/%2e%2e/x": 400} {
		if p := b.get(path); p.StatusCode != status || p.Header.Get("Content-Language") != "de" {
			t.Errorf("%s: %d in %q", path, p.StatusCode, p.Header.Get("Content-Language"))
		}
	}
	if p := b.get("/open"); p.body != "cookies: " {
		t.Errorf("the application gets %q", p.body)
	}
	if p := b.get("/closed?a=b"); !strings.Contains(p.body, `name="back" value="/closed?a=b"`) {
		t.Errorf("the switch does not lead back:\n%s", p.body)
	}
}
