package caddymodule

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func score(values ...string) http.Header { return http.Header{"X-Risk-Score": values} }

func level(values ...string) http.Header { return http.Header{"X-Risk-Level": values} }

func TestANumberHasTheBandOfTheGreatestThresholdThatItReaches(t *testing.T) {
	t.Parallel()
	// The band of what is missing is none that a number could have.
	s := newSite(t, riskySite("header x-risk-score high 80 low 10 missing medium"))
	b := s.browser(t)
	for value, want := range map[string]string{
		"0": "none", "9": "none", "9.99": "none", "10": "low", "10.0": "low", "010": "low", "79.999999": "low", "80": "high", "100": "high",
		"999999999999999999": "high", "000000000000000080": "high", "0.5": "none", "1.": "medium", ".5": "medium",
		// No plain number, or more than one.
		"": "medium", "-1": "medium", "+50": "medium", "1e2": "medium", "1E2": "medium", "0x50": "medium", "0b1": "medium", "5_0": "medium",
		"NaN": "medium", "nan": "medium", "Inf": "medium", "-Inf": "medium", "infinity": "medium", "50%": "medium", "0,5": "medium", "1.2.3": "medium",
		"5 0": "medium", "50;q=1": "medium", "0, 90": "medium", "90, 0": "medium", "unknown": "medium", "null": "medium", "\"90\"": "medium",
		"9999999999999999999": "medium", "0000000000000000000": "medium", "٥٠": "medium", "５０": "medium", "²": "medium",
		strings.Repeat("9", 400): "medium",
	} {
		if got := b.band(t, score(value)); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func TestAWordHasItsBandHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	s := newSite(t, riskySite(`header X-Risk-Level none Normal low "a little" high SEVERE high critical missing medium`))
	b := s.browser(t)
	for value, want := range map[string]string{
		"normal": "none", "NORMAL": "none", "Normal": "none", "a little": "low", "severe": "high", "Critical": "high",
		"": "medium", "little": "medium", "normals": "medium", "normal,normal": "medium", "0": "medium", "none": "medium", "low": "medium",
	} {
		if got := b.band(t, level(value)); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func TestAHeaderThatIsMissingOrRepeatedHasTheNearestBandForThat(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ lines, want string }{
		{"header X-Risk-Score medium 40", "high"}, // unless somebody says otherwise
		{"header X-Risk-Score medium 40\nmissing low", "low"},
		{"header X-Risk-Score medium 40 missing none\nmissing high", "none"},
		{"missing low\nheader X-Risk-Score medium 40 missing medium", "medium"},
		{"header X-Risk-Score medium 40 missing low\nheader X-Risk-Level none normal", "high"}, // the highest of both
	} {
		site := newSite(t, riskySite(append(strings.Split(row.lines, "\n"), "new_device high")...))
		b := site.browser(t)
		for what, header := range map[string]http.Header{
			"missing": nil, "under another name": {"X-Risk": {"0"}},
			"twice": {"X-Risk-Score": {"0", "0"}, "X-Risk-Level": {"normal", "normal"}},
			"empty": {"X-Risk-Score": {""}, "X-Risk-Level": {""}},
		} {
			if got := b.band(t, header); got != row.want {
				t.Errorf("%s, %s: %s, want %s", row.lines, what, got, row.want)
			}
		}
	}
}

func TestTheHighestOfSeveralHeadersCounts(t *testing.T) {
	t.Parallel()
	s := newSite(t, riskySite("header X-Risk-Score medium 40 high 80", "header X-Risk-Level none normal medium elevated high severe"))
	b := s.browser(t)
	for _, row := range []struct{ score, level, want string }{
		{"0", "normal", "none"}, {"50", "normal", "medium"}, {"0", "elevated", "medium"}, {"90", "elevated", "high"}, {"50", "severe", "high"},
	} {
		header := score(row.score)
		header.Set("X-Risk-Level", row.level)
		if got := b.band(t, header); got != row.want {
			t.Errorf("%s and %s: %s, want %s", row.score, row.level, got, row.want)
		}
	}
}

func TestNobodyButATrustedProxyTellsTheRisk(t *testing.T) {
	t.Parallel()
	text := riskySite("header X-Risk-Score low 10 high 80 missing medium")
	stranger := newSite(t, strings.Replace(text, "127.0.0.0/8", "192.0.2.0/24", 1)).browser(t)
	for _, value := range []string{"0", "15", "90"} {
		if got := stranger.band(t, score(value)); got != "medium" {
			t.Errorf("%s from anybody: %s", value, got)
		}
	}
	// What a client writes into the list of proxies makes it none.
	if got := stranger.band(t, http.Header{"X-Risk-Score": {"0"}, "X-Forwarded-For": {"192.0.2.1, 192.0.2.1"}}); got != "medium" {
		t.Errorf("from somebody who claims to be a proxy: %s", got)
	}
	if got := newSite(t, text).browser(t).band(t, score("0")); got != "none" {
		t.Errorf("from the proxy: %s", got)
	}
}

func TestAProxyIsTrustedWhereListsAreReadFromTheRight(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		trusted bool
		strict  int
		want    bool
	}{{true, 1, true}, {true, 0, false}, {false, 1, false}} {
		ctx := context.WithValue(t.Context(), caddyhttp.ServerCtxKey, &caddyhttp.Server{TrustedProxiesStrict: row.strict})
		ctx = context.WithValue(ctx, caddyhttp.VarsCtxKey, map[string]any{caddyhttp.TrustedProxyVarKey: row.trusted})
		if got := trustedPeer(httptest.NewRequest("GET", "/", nil).WithContext(ctx)); got != row.want {
			t.Errorf("%+v: %t", row, got)
		}
	}
	if trustedPeer(httptest.NewRequest("GET", "/", nil)) {
		t.Error("a request that no server has seen is from a trusted proxy")
	}
}

func TestTheHeadersOfTheRiskNeverReachTheApplication(t *testing.T) {
	t.Parallel()
	text := strings.Replace(riskySite("header X-Risk-Score low 10 high 80 missing none", "header X-Level none normal missing none"),
		`respond "app`, `respond "score={http.request.header.X-Risk-Score} level={http.request.header.X-Level} app`, 1)
	s := newSite(t, text)
	b := s.browser(t)
	b.header = http.Header{"X-Risk-Score": {"5"}, "X-Level": {"normal"}, "Connection": {"X-Risk-Score, X-Level"}}
	if p := b.get("/x"); p.StatusCode != 200 || !strings.HasPrefix(p.body, "score= level= app") {
		t.Errorf("%d %s", p.StatusCode, p.body)
	}
	for _, name := range []string{
		"X-Risk-Score", "x-risk-score", "X_Risk_Score", "X-Risk_Score", "X.Risk.Score", "X--Risk-Score", "x_level", "X-LEVEL", "X_LEVEL_", "X Level",
	} {
		r := httptest.NewRequest("GET", "/x", nil)
		r.Host = "localhost"
		r.Header = http.Header{name: {"5"}, "X-Risk": {"stays"}}
		if err := s.handlers[0].sites[0].hygiene.Clean(r, "/x"); err != nil {
			t.Fatal(err)
		}
		if r.Header[name] != nil || r.Header["X-Risk"] == nil {
			t.Errorf("%s: the application sees %v", name, r.Header)
		}
	}
}

func TestAHeaderOfTheRiskIsGoneBeforeMatchersLook(t *testing.T) {
	t.Parallel()
	s := newSite(t, strings.NewReplacer("@bulk {", "@calm header X-Risk-Score 0\n\t@bulk {", "deny when risk high", "deny on @calm\n\t\tdeny when risk high").
		Replace(riskySite("header X-Risk-Score high 80")))
	if got := s.browser(t).band(t, score("0")); got != "none" {
		t.Errorf("a matcher sees the header that is taken away: %s", got)
	}
}

func TestARiskThatRisesStopsTheNextRequest(t *testing.T) {
	t.Parallel()
	s := newSite(t, trusting("127.0.0.0/8")+payrollSite(
		"risk {\nheader X-Risk-Score medium 40 high 80\n}", "require otp sms within 5m when risk medium", "deny on /transfer when risk high"))
	b := s.browser(t)
	b.header = score("5")
	s.signUp(b, dana, "/")
	for _, step := range []struct {
		score, path string
		want        int
	}{
		{"5", "/report", 200}, {"41", "/report", 303}, {"39", "/report", 200}, {"90", "/report", 303}, {"90", "/transfer", 403}, {"79", "/transfer", 303}, {"0", "/transfer", 200},
	} {
		b.header = score(step.score)
		if p := b.get(step.path); p.StatusCode != step.want {
			t.Errorf("%s at %s: %d, want %d", step.path, step.score, p.StatusCode, step.want)
		}
	}
	b.header = score("50")
	p := s.prove(b, b.get("/report?month=3"))
	if p.location != "/report?month=3" {
		t.Fatalf("after the proof: %d to %q", p.StatusCode, p.location)
	}
	if p = b.follow(p); p.StatusCode != 200 {
		t.Fatalf("proved: %d", p.StatusCode)
	}
	s.clock.advance(6 * 60e9)
	if p := b.get("/report"); p.StatusCode != 303 {
		t.Errorf("an old proof at a high risk: %d", p.StatusCode)
	}
	b.header = score("5")
	if p := b.get("/report"); p.StatusCode != 200 {
		t.Errorf("when the risk is over: %d", p.StatusCode)
	}
}
