package caddymodule

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// problems are the problems that a site's configuration was warned of, under a message.
func (s *testSite) problems(t *testing.T, message string) (found []string) {
	t.Helper()
	for line := range strings.Lines(s.logs.String()) {
		var entry struct{ Msg, Problem, Level string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if entry.Msg == message && entry.Level == "warn" {
			found = append(found, entry.Problem)
		}
	}
	return found
}

func TestARuleThatChangesNothingIsWarnedOf(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		lines []string
		rule  string // the useless one; empty: none
		by    string
	}{
		{[]string{"require otp on /a /a/*"}, "", ""},
		{[]string{"require otp on /a", "require otp on /a"}, "require otp on /a", "require otp on /a"},
		{[]string{"require otp on /A", "require otp within 5m on /a /b"}, "require otp on /A", "require otp within 5m on /a /b"},
		{[]string{"require otp on admin", "require otp within 5m on admin"}, "require otp on admin", "require otp within 5m on admin"},
		{[]string{"require otp on /admin/users", "require otp on admin"}, "require otp on /admin/users", "require otp on admin"},
		{[]string{"require otp on /admin/u*", "require otp on admin"}, "require otp on /admin/u*", "require otp on admin"},
		{[]string{"require otp on /administration", "require otp on admin"}, "", ""},
		{[]string{"require otp on /adm*", "require otp on admin"}, "require otp on admin", "require otp on /adm*"},
		{[]string{"require otp on /admin/*/x", "require otp on admin"}, "", ""},      // not plain
		{[]string{"require otp on /admin/%2e%2e/x", "require otp on admin"}, "", ""}, // what Caddy reads otherwise
		{[]string{"require otp on /admin//x", "require otp on /admin/*"}, "", ""},    // likewise
		{[]string{"require otp on @post", "require otp on /export*"}, "require otp on @post", "require otp on /export*"},
		{[]string{"require otp on @post", "deny on @write"}, "require otp on @post", "deny on @write"},
		{[]string{"require otp on @write", "deny on @post"}, "", ""},
		{[]string{"require otp on @marked", "deny on @other"}, "", ""},
		{[]string{"require otp on @cel", "deny on @cel"}, "require otp on @cel", "deny on @cel"},
		{[]string{"public on /open", "require session on *"}, "public on /open", "require session on *"},
		{[]string{"public on /open", "require otp on /open*"}, "public on /open", "require otp on /open*"},
		{[]string{"public on /open", "only group staff"}, "public on /open", "only group staff"},
		{[]string{"public on /open", "require otp when @marked"}, "", ""},
		{[]string{"public on /open", "report require otp"}, "", ""},
		{[]string{"public on /open/x", "public on /open/*"}, "public on /open/x", "public on /open/*"},
		{[]string{"require otp on /a when risk high", "require otp on /a when risk medium"}, "require otp on /a when risk high", "require otp on /a when risk medium"},
		{[]string{"require otp on /a when @marked @cel", "require otp on /a when @cel"}, "require otp on /a when @marked @cel", "require otp on /a when @cel"},
		{[]string{"require otp on /a when @marked", "require otp on /a when @cel"}, "", ""},
		{[]string{"deny on @marked when @post", "deny on @write when @marked"}, "deny on @marked when @post", "deny on @write when @marked"},
		{[]string{"only group staff board on /a", "only group staff"}, "only group staff board on /a", "only group staff"},
		{[]string{"only group staff on /a", "only user dana@example.com"}, "", ""},
		{[]string{"report deny on /a", "deny on /a"}, "", ""},
		{[]string{"require otp within once on /a", "require otp within 5m on /a"}, "", ""},
	} {
		site := newSite(t, `http://localhost {
	@post {
		method POST
		path /export
	}
	@write {
		method PUT POST
	}
	@marked header X-Test yes
	@other header X-Test no
	@cel `+"`{method} == \"DELETE\"`"+`
	stepgate {
		sensitivity admin /admin /admin/*
		risk {
			new_device high
		}
		deny on /used when risk high
		only user eli@example.net on admin /used
		`+strings.Join(row.lines, "\n\t\t")+`
	}
}`)
		got := site.problems(t, "a rule changes nothing")
		want := []string{`"` + row.rule + `": "` + row.by + `" speaks wherever it does and leaves it nothing to say`}
		if row.rule == "" {
			want = nil
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%q: warned of %q, want %q", row.lines, got, want)
		}
	}
}

func TestARuleMayAskForARiskThatSomeSignalReaches(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"new_device BAND", "new_network BAND", "recent_failures 5 BAND", "session_age 8h BAND", "match /x BAND",
		"header X-Risk-Score BAND 40 missing none", "header X-Risk-Level BAND odd missing none",
		"header X-Risk-Score low 40 missing BAND", "header X-Risk-Score low 40\nmissing BAND",
	} {
		for band, reached := range map[string]bool{"low": false, "medium": true, "high": true} {
			_, err := tryNewSite(t, trusting("127.0.0.0/8")+payrollSite("risk {\n"+strings.ReplaceAll(line, "BAND", band)+"\n}", "deny when risk medium"))
			if reached != (err == nil) || err != nil && !strings.Contains(err.Error(), "nothing in the risk block says more than low") {
				t.Errorf("%s, %s: %v", line, band, err)
			}
		}
	}
}

func TestAWordedHeaderWithoutOrdinaryWordsIsWarnedOf(t *testing.T) {
	t.Parallel()
	const message = "an ordinary request is probably taken for a dangerous one"
	for line, want := range map[string]string{
		"header X-Risk-Level medium elevated high severe":             "as high",
		"header X-Risk-Level medium elevated missing medium":          "as medium",
		"header X-Risk-Level none normal high severe":                 "",
		"header X-Risk-Level low normal high severe":                  "",
		"header X-Risk-Score medium 40 high 80":                       "",
		"header X-Risk-Level high severe\nheader X-Calm none relaxed": "header X-Risk-Level",
	} {
		got := newSite(t, trusting("127.0.0.0/8")+payrollSite("risk {\n"+line+"\n}", "deny when risk medium")).problems(t, message)
		if want == "" && got != nil || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

func TestAPublicSiteIsWarnedOf(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]int{"public on *": 1, "public on /*": 1, "public on /open/*": 0, "report public on *": 0} {
		if got := newSite(t, payrollSite(rule)).problems(t, "the whole site is public"); len(got) != want {
			t.Errorf("%s: %q", rule, got)
		}
	}
}

func TestADenialThatStrangersCanBringAboutIsWarnedOf(t *testing.T) {
	t.Parallel()
	const message = "strangers can shut people out"
	for rule, want := range map[string]int{
		"deny when risk medium":        1,
		"deny on /admin when risk low": 1,
		"deny when risk high":          0,
		"require otp when risk medium": 0,
		"report deny when risk medium": 0,
	} {
		site := newSite(t, payrollSite("risk {\nrecent_failures 3 medium\nnew_device high\n}", rule))
		if got := site.problems(t, message); len(got) != want {
			t.Errorf("%s: %q", rule, got)
		}
	}
}

func TestAConditionThatMissesItsOwnDirectoryIsWarnedOf(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]int{
		"deny on * when @inside":                        1,
		"public on @get when @inside":                   0, // safe
		"require otp {\nmatch path /inside/*\n}":        1,
		"public {\nmatch path /inside/*\n}":             0,
		"sensitivity in @inside\nrequire session on in": 1,
	} {
		site := newSite(t, "http://localhost {\n\t@inside path /inside/*\n\t@get method GET\n\tstepgate {\n\t\t"+words+"\n\t}\n}")
		if got := site.problems(t, "a path is probably missing"); len(got) != want || want == 1 && !strings.Contains(got[0], "/inside/* does not match /inside itself") {
			t.Errorf("%s: %q", words, got)
		}
	}
}

func TestOnlyPathsThatAreAllOursAreOurs(t *testing.T) {
	t.Parallel()
	h := &Handler{Prefix: "/.auth", Native: &Native{Base: "/api/id"}}
	for pattern, want := range map[string]bool{
		"/.auth": true, "/.auth/": true, "/.auth/*": true, "/.AUTH/x": true, "/.auth/sign-in*": true, "/api/id/oauth2/*": true, "/api/id": true,
		"/.auth*": false, "/.auth?": false, "/.au*": false, "/*": false, "*": false, "/.authority": false, "/x/.auth/y": false, "*/.auth/x": false,
		"/api": false, "/api/*": false, "/api/id*": false, "/.auth%2fx": false, "": false,
	} {
		if got := h.ownPath(pattern); got != want {
			t.Errorf("%s: %t", pattern, got)
		}
	}
	for _, row := range []struct {
		set  string
		fine bool
	}{
		{`{"path": ["/.auth/*"]}`, false},
		{`{"path": ["/.auth/*"], "method": ["GET"]}`, false},
		{`{"path": ["/.auth/*", "/x"]}`, true},
		{`{"method": ["GET"]}`, true},
		{`{"not": [{"path": ["/.auth/*"]}]}`, true},
		{`{"path": []}`, true}, // refused for another reason
	} {
		var set caddy.ModuleMap
		if err := json.Unmarshal([]byte(row.set), &set); err != nil {
			t.Fatal(err)
		}
		if err := h.checkOwnPaths(caddyhttp.RawMatcherSets{set}); (err == nil) != row.fine {
			t.Errorf("%s: %v", row.set, err)
		}
	}
}
