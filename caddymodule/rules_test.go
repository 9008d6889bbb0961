package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/policy"
)

func TestADemandMeansTheSameInTheCaddyfileAndInThePolicy(t *testing.T) {
	t.Parallel()
	otp := policy.Need(policy.OTP, 0)
	for words, want := range map[string]policy.Demand{
		"session":              policy.Need(policy.Session, 0),
		"session within 1h":    policy.Need(policy.Session, time.Hour),
		"password":             policy.Need(policy.PasswordProof, 0),
		"password within 1d":   policy.Need(policy.PasswordProof, 24*time.Hour),
		"otp":                  otp,
		"otp within 5m":        policy.Need(policy.OTP, 5*time.Minute),
		"otp email":            policy.Need(policy.EmailProof, 0).Join(otp),
		"otp sms within 5m":    policy.Need(policy.SMSProof, 5*time.Minute).Join(otp),
		"otp email within 10s": policy.Need(policy.EmailProof, 10*time.Second).Join(otp),
		"otp within once":      otp.Once(),
		"otp sms within once":  policy.Need(policy.SMSProof, 0).Once().Join(otp),
	} {
		site := newSite(t, "http://localhost {\n\tstepgate {\n\t\trequire "+words+" on *\n\t}\n}")
		if got := site.handlers[0].rules.policy.Rules[0].Demand; got != want {
			t.Errorf("require %s: got %v, want %v", words, got, want)
		}
	}
}

// decide asks the policy of a site about a request.
func decide(t *testing.T, h *Handler, method, path string) policy.Demand {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, &caddyhttp.Server{})
	decision, err := h.rules.policy.Decide(h.sites[0].question(r, policy.NoRisk))
	if err != nil {
		t.Fatal(err)
	}
	return decision.Demand
}

func TestARuleSpeaksForExactlyItsTargets(t *testing.T) {
	t.Parallel()
	site := newSite(t, `http://localhost {
	@post {
		method POST
		path /late/*
	}
	@header header X-Test yes
	stepgate {
		sensitivity mixed /a /a/* @post /b
		public on /open /assets/* @header
		require otp on mixed
		require password on @post /c
		deny on /never
		require session within 1h on * mixed
	}
}`)
	floor := policy.Need(policy.Session, time.Hour)
	otp := policy.Need(policy.OTP, 0).Join(floor)
	password := policy.Need(policy.PasswordProof, 0).Join(floor)
	for _, row := range []struct {
		method, path string
		want         policy.Demand
	}{
		{"GET", "/", floor},
		{"GET", "/open", floor}, // public takes nothing away from require
		{"GET", "/a", otp},
		{"GET", "/a/b", otp},
		{"GET", "/ab", floor},
		{"GET", "/b", otp},
		{"GET", "/b/c", floor},
		{"GET", "/c", password},
		{"GET", "/late/x", floor},
		{"POST", "/late/x", otp.Join(password)},
		{"GET", "/never", policy.Never},
	} {
		if got := decide(t, site.handlers[0], row.method, row.path); got != row.want {
			t.Errorf("%s %s: got %v, want %v", row.method, row.path, got, row.want)
		}
	}
}

func TestASiteWithoutRulesNeedsASessionEverywhere(t *testing.T) {
	t.Parallel()
	site := newSite(t, "http://localhost {\n\tstepgate\n}")
	for _, path := range []string{"/", "/assets/x.css", "/robots.txt"} {
		if got := decide(t, site.handlers[0], http.MethodGet, path); got != policy.Floor {
			t.Errorf("%s: got %v", path, got)
		}
	}
}

func TestPublicOpensOnlyWhatItNames(t *testing.T) {
	t.Parallel()
	site := newSite(t, "http://localhost {\n\tstepgate {\n\t\tpublic on /open/*\n\t}\n}")
	if got := decide(t, site.handlers[0], http.MethodGet, "/open/x"); !got.IsZero() {
		t.Errorf("/open/x: got %v", got)
	}
	if got := decide(t, site.handlers[0], http.MethodGet, "/opened"); got != policy.Floor {
		t.Errorf("/opened: got %v", got)
	}
}

func TestTheSameConfigurationInJSONMeansTheSame(t *testing.T) {
	t.Parallel()
	fromCaddyfile := newSite(t, `http://localhost:8080, http://app.localhost {
	@assets path /assets/*
	stepgate {
		name Payroll
		sensitivity admin /admin /admin/* {
			label "Bank details"
		}
		public on @assets
		require otp sms within 5m on admin
		inject {
			id_token X-Id-Token
			access_token X-Access-Token audience https://payroll.internal
			header Remote-User {http.auth.user.email}
		}
		lenient_paths semicolon
	}
}`).handlers[0]
	site, err := startSite(t, []byte(`{"apps": {
		"stepgate": {"store": {"module": "memory"}, "email": [{"module": "inbox"}], "sms": [{"module": "inbox"}]},
		"http": {"servers": {"srv0": {"listen": [":8080"], "routes": [{"handle": [{
			"handler": "stepgate",
			"origins": ["http://localhost:8080", "http://app.localhost"],
			"name": "Payroll",
			"sensitivities": {"admin": {"label": "Bank details", "match": [{"path": ["/admin", "/admin/*"]}]}},
			"rules": [
				{"name": "public on @assets", "verb": "public", "match": [{"path": ["/assets/*"]}]},
				{"verb": "require", "demand": {"proof": "otp", "channel": "sms", "within": "5m"}, "on": ["admin"]}
			],
			"inject": {
				"id_token": "x-id-token",
				"access_tokens": [{"header": "X-Access-Token", "audience": "https://payroll.internal"}],
				"headers": [{"name": "Remote-User", "value": "{http.auth.user.email}"}]
			},
			"lenient_paths": ["semicolon"]
		}]}]}}}
	}}`))
	if err != nil {
		t.Fatal(err)
	}
	fromJSON := site.handlers[0]
	if !reflect.DeepEqual(fromCaddyfile.rules.policy, fromJSON.rules.policy) {
		t.Errorf("policies differ:\n%+v\n%+v", fromCaddyfile.rules.policy, fromJSON.rules.policy)
	}
	for i := range fromCaddyfile.sites {
		a, b := fromCaddyfile.sites[i], fromJSON.sites[i]
		if !reflect.DeepEqual(a.flows, b.flows) || !reflect.DeepEqual(a.injection, b.injection) ||
			!reflect.DeepEqual(a.audiences, b.audiences) || !reflect.DeepEqual(a.hygiene, b.hygiene) {
			t.Errorf("site %s differs", a.flows.Origin)
		}
	}
}

func TestAPathThatMissesItsOwnDirectoryIsWarnedOf(t *testing.T) {
	t.Parallel()
	for words, warned := range map[string]bool{
		"/admin/*":           true,
		"/admin/* /admins":   true,
		"/a/b/* /a":          true,
		"/admin /admin/*":    false,
		"/Admin /admin/*":    false, // path matching ignores case
		"/admin* /admin/*":   false,
		"/adm* /admin/*":     false,
		"/* /admin/*":        false,
		"/admin/*/users":     false, // not below a directory
		"/admin/*.php /a /b": false,
	} {
		site := newSite(t, "http://localhost {\n\tstepgate {\n\t\trequire otp on "+words+"\n\t}\n}")
		if got := strings.Contains(site.logs.String(), "a path is probably missing"); got != warned {
			t.Errorf("%s: warned is %t, want %t", words, got, warned)
		}
	}
}
