package caddymodule

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// outcomesOf runs the cases of a text on a site: the failures, one a line.
func (s *testSite) outcomesOf(t *testing.T, text string) string {
	t.Helper()
	failures, _, err := runFile(t.Context(), s.httpApp(t), &CaseFile{Name: "x.cases", Text: text}, s.handlers[0].Origins)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, failure := range failures {
		lines = append(lines, failure.Error())
	}
	return strings.Join(lines, "\n")
}

const explainedCases = `
# who                                                            what                       is expected
GET /assets/app.css                                                                          expect pass
GET /home                                                                                    expect answered 302   # before stepgate
GET https://open.example.com/x                                                               expect answered 200

as nobody from 203.0.113.9 header "X-Risk-Score: 10" "X-Risk-Word: odd"
GET /                                                                                        expect sign_in
POST /transfer                                                                               expect sign_in
POST /transfer header "X-Risk-Score: 90"                                                     expect refuse

as dana@example.com groups staff proof password=40m email=2m header "X-Risk-Score: 10" "X-Risk-Word: odd" from 203.0.113.7
GET  /admin/x                                                                                expect pass
GET  /admin/x  header "X-Risk-Score: 70"                                                     expect step_up otp
GET  /admin/x  proof email=45m                                                               expect step_up otp
GET  /old/page device new                                                                    expect step_up otp
GET  /admin/x  device new proof sms=30s                                                      expect pass
GET  /admin/x  failures 3                                                                    expect step_up otp
GET  /admin/x  groups board                                                                  expect refuse
POST /transfer                                                                               expect step_up once sms_code
POST /transfer risk high                                                                     expect refuse
GET  /admin/x  direct                                                                        expect pass
GET  /admin/..;/x                                                                            expect bad_target
GET  https://payroll.example.com/admin/x network new                                         expect pass
GET  "/admin/x" session_age 9h                                                               expect pass

site https://payroll.example.com
as eli@example.org proof password=1m
GET  /export/a                                                                               expect pass
PUT  /transfer/7                                                                             expect step_up otp sms_code once
`

func TestCasesSayWhatIsExpectedOfWhichRequest(t *testing.T) {
	t.Parallel()
	s := newSite(t, explainedSite)
	got := s.outcomesOf(t, explainedCases)
	want := `x.cases:5: GET https://open.example.com/x: expected answered 200, got answered (no stepgate guards it)`
	if got != want {
		t.Errorf("failures:\n%s\nwant\n%s", got, want)
	}
}

func TestAFailingCaseSaysWhatCameInsteadAndWhichRulesSpoke(t *testing.T) {
	t.Parallel()
	s := newSite(t, explainedSite)
	got := s.outcomesOf(t, `as dana@example.com groups staff proof password=40m header "X-Risk-Score: 50"
GET /admin/x expect pass
POST /transfer expect step_up sms_code once
GET / expect step_up otp
GET /admin/..;/x expect pass
GET /home expect sign_in
`)
	want := strings.Join([]string{
		"x.cases:2: GET /admin/x: expected pass, got step_up otp (risk medium, spoke: require otp within 30m on admin; require otp within 1m on admin when risk medium; only group staff on admin)",
		"x.cases:3: POST /transfer: expected step_up sms_code once, got step_up otp sms_code once (risk medium, spoke: require otp sms within once on money)",
		"x.cases:4: GET /: expected step_up otp, got pass (risk medium, no rule spoke)",
		"x.cases:5: GET /admin/..;/x: expected pass, got bad_target (two servers could read it differently (semicolon); `lenient_paths semicolon` would let it through)",
		"x.cases:6: GET /home: expected sign_in, got answered 302 (answered before stepgate: it leads to /)",
	}, "\n")
	if got != want {
		t.Errorf("failures:\n%s\nwant\n%s", got, want)
	}
}

func TestAFileOfCasesThatIsWrongIsRefusedWithItsLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                  "x.cases: there is no case in it",
		"# nothing\n\n":                     "x.cases: there is no case in it",
		"as dana@example.com":               "x.cases: there is no case in it",
		"\nGET /":                           "x.cases:2: what should become of it?",
		"GET":                               `x.cases:1: "GET" is no case`,
		"GET / pass":                        `x.cases:1: unknown word "pass": use device, direct, failures, from, groups, header, network, proof, risk, session_age or expect`,
		"expect pass":                       `x.cases:1: "expect" is no case`,
		"GET expect pass":                   "x.cases:1: GET of what?",
		"GET / expect":                      "x.cases:1: expect says nothing",
		"GET / expect open":                 `x.cases:1: unknown outcome "open": write pass, sign_in, step_up, refuse, bad_target or answered`,
		"GET / expect pass pass":            `x.cases:1: unexpected "pass" after pass`,
		"GET / expect step_up":              "x.cases:1: step_up lists what is missing",
		"GET / expect step_up once":         "x.cases:1: step_up lists what is missing",
		"GET / expect step_up otp otp":      "x.cases:1: otp is listed twice",
		"GET / expect step_up otp sms":      `x.cases:1: unknown proof "sms"`,
		"GET / expect step_up once once":    "x.cases:1: once is listed twice",
		"GET / expect answered":             "x.cases:1: answered needs the status",
		"GET / expect answered 99":          "x.cases:1: answered needs the status",
		"GET / expect answered 200 OK":      "x.cases:1: answered needs the status",
		"get / expect pass":                 `x.cases:1: unknown word "get": a line begins with site, as, or a method such as GET`,
		"allow / expect pass":               `x.cases:1: unknown word "allow"`,
		"G(T / expect pass":                 `x.cases:1: "G(T" is no method`,
		"GET page expect pass":              `x.cases:1: "page" is no URL`,
		"GET ftp://x/ expect pass":          `x.cases:1: "ftp://x/" is no URL`,
		"GET https:/// expect pass":         `x.cases:1: "https:///" names no host`,
		"GET / form x expect pass":          `x.cases:1: unknown word "form": use device, direct, failures`,
		`GET / "from" x expect pass`:        `x.cases:1: unknown word "from"`,
		"GET / from expect pass":            "x.cases:1: from says nothing",
		"GET / from here expect pass":       `x.cases:1: "here" is no address`,
		"GET / direct yes expect pass":      `x.cases:1: unknown word "yes"`,
		"GET / risk huge expect pass":       `x.cases:1: unknown risk "huge"`,
		"GET / proof email=1m expect pass":  "x.cases:1: nobody has groups, proof, a device or a session: say who it is",
		"as":                                "x.cases:1: as whom?",
		"as dana":                           `x.cases:1: "dana" is no e-mail address`,
		"as nobody groups staff":            "x.cases:1: nobody has groups",
		"as dana@example.com groups":        "x.cases:1: groups says nothing",
		"as dana@example.com groups a a":    "x.cases:1: group a is given twice",
		"as dana@example.com groups a,b":    `x.cases:1: "a,b" is no name for a group`,
		"as dana@example.com proof email":   "x.cases:1: email was proved when?",
		"as dana@example.com proof mail=1m": `x.cases:1: unknown proof "mail=1m"`,
		"as dana@example.com proof email=1m email_code=2m": "x.cases:1: email_code is given twice",
		"as dana@example.com proof email=1m proof sms=1m":  "x.cases:1: proof is given twice",
		"as dana@example.com proof email=-1m":              `x.cases:1: "-1m" is no age`,
		"as dana@example.com session_age old":              `x.cases:1: "old" is no age`,
		"as dana@example.com device old":                   `x.cases:1: device is known or new, not "old"`,
		"as dana@example.com failures many":                `x.cases:1: "many" is no number of failures`,
		"as dana@example.com failures 21":                  "x.cases:1: ages and numbers of failures are not negative",
		`as nobody header X-Risk-Score`:                    `x.cases:1: "X-Risk-Score" is no header`,
		`as nobody header "X-Risk: 1" "x-risk: 2"`:         "x.cases:1: header X-Risk is given twice",
		`as nobody header "X Risk: 1"`:                     `x.cases:1: "X Risk" is no name of a header`,
		`as nobody header "Host: x"`:                       "x.cases:1: the host is that of the URL",
		`as nobody header "X-Risk: 1`:                      "x.cases:1: a word in quotes does not end on its line",
		`as nobody header "X-Risk: 1"from 1.1.1.1`:         `x.cases:1: write a blank after "X-Risk: 1"`,
		"site":                       "x.cases:1: site needs one origin",
		"site https://example.com/x": "x.cases:1: ",
		"GET / expect pass\nGET / expect sign_in":                                     "x.cases:2: the same case is at line 1 already",
		"GET / expect pass\nas nobody\nGET / expect pass":                             "x.cases:3: the same case is at line 1 already",
		"GET /" + strings.Repeat("x", maxCaseLine) + " expect pass":                   "x.cases:1: a line is UTF-8 and has at most",
		"GET /\xff expect pass":                                                       "x.cases:1: a line is UTF-8",
		strings.Repeat("# x\n", maxCaseFile/4+1):                                      "x.cases: the file is larger than",
		"as nobody # GET / expect pass":                                               "x.cases: there is no case in it",
		"GET / expect pass # the rest is a comment: expect":                           "",
		"GET /x#y expect bad_target":                                                  "",
		"as dana@example.com groups \"from\" from 192.0.2.1\r\nGET / expect pass\r\n": "",
	} {
		_, err := parseCases("x.cases", text)
		switch {
		case want == "" && err != nil:
			t.Errorf("%.80q: %v", text, err)
		case want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)):
			t.Errorf("%.80q: %v\nwant %s", text, err, want)
		}
	}
	if _, err := parseCases("x.cases", strings.Repeat("GET / expect pass\n", 2)); err == nil {
		t.Error("the same case twice was taken")
	}
	var many strings.Builder
	for i := range maxCases + 1 {
		fmt.Fprintf(&many, "GET /%d expect pass\n", i)
	}
	if _, err := parseCases("x.cases", many.String()); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("too many cases: %v", err)
	}
}

func TestACaseOfAnotherSiteIsNotTakenForOneOfThis(t *testing.T) {
	t.Parallel()
	s := newSite(t, testGlobals+"http://localhost {\n\tstepgate\n\trespond in\n}\nhttp://127.0.0.1 {\n\tstepgate {\n\t\tpublic on *\n\t}\n\trespond in\n}\n")
	app := s.httpApp(t)
	cases := &CaseFile{Name: "x.cases", Text: "GET http://127.0.0.1/ expect pass"}
	failures, _, err := runFile(t.Context(), app, cases, []string{"http://localhost"})
	if err != nil || len(failures) != 1 || !strings.Contains(failures[0].Error(), "that is for http://127.0.0.1") {
		t.Errorf("%v, %v", failures, err)
	}
	if failures, n, err := runFile(t.Context(), app, cases, nil); err != nil || len(failures) != 0 || n != 1 {
		t.Errorf("for whichever site: %v, %v", failures, err)
	}
	if _, _, err := runFile(t.Context(), app, &CaseFile{Name: "x.cases", Text: "GET / expect pass"}, nil); err == nil {
		t.Error("a path of no site was taken")
	}
}

func TestCasesInJSONAreHeldToTheSame(t *testing.T) {
	t.Parallel()
	for tests, want := range map[string]string{
		`[null]`:                                 "a file of tests is null",
		`[{"name": "x.cases", "text": "GET /"}]`: "x.cases:1: what should become of it?",
		`[{"name": "x.cases", "text": "GET / expect pass"}]`:            "x.cases:1: GET /: expected pass, got sign_in",
		`[{"name": "x.cases", "text": "GET / expect pass", "file": 1}]`: "file",
		`[{"name": "x.cases", "text": "GET / expect sign_in"}]`:         "",
	} {
		_, err := startSite(t, jsonConfig(t, `{}`, `{"tests": `+tests+`}`))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", tests, err)
		}
	}
}

func FuzzCases(f *testing.F) {
	f.Add(explainedCases)
	for _, seed := range []string{"as nobody\nGET / expect pass", `GET "/a b" header "X: \"y\"" expect step_up otp once`, "site http://localhost\nPUT / expect answered 308", "\"", "as \"\"", "GET / expect"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cases, err := parseCases("x.cases", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "x.cases:") {
				t.Errorf("the error names no file: %v", err)
			}
			return
		}
		if len(cases) == 0 {
			t.Error("a file without cases was taken")
		}
		for _, c := range cases {
			q := c.question
			if c.path {
				q.URL = "http://localhost" + q.URL
			}
			if err := q.check(); err != nil {
				t.Errorf("%s: a request that cannot be imagined: %v", c.at, err)
			}
			if again, err := parseExpectation(wordsOf(c.expect.String())); err != nil || again.String() != c.expect.String() {
				t.Errorf("%s: %q is read as %q, %v", c.at, c.expect, again, err)
			}
		}
	})
}

func wordsOf(text string) (words []caseWord) {
	for _, word := range strings.Fields(text) {
		words = append(words, caseWord{text: word})
	}
	return words
}

// inDirectory writes files into a new directory, and returns its path.
func inDirectory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestASiteWhoseCasesFailDoesNotStart(t *testing.T) {
	t.Parallel()
	dir := inDirectory(t, map[string]string{
		"good.cases": "GET / expect sign_in\nGET /open expect pass\n",
		"bad.cases":  "GET / expect sign_in\nGET /internal expect refuse\nGET /open expect sign_in\n",
	})
	site := func(files string) string {
		return "http://localhost {\n\tstepgate {\n\t\tpublic on /open /internal\n\t\ttests " + files + "\n\t}\n\trespond in\n}\n"
	}
	s := newSite(t, site(dir+"/good.cases"))
	if p := s.browser(t).get("/open"); p.body != "in" {
		t.Errorf("a site whose cases pass: %d %s", p.StatusCode, p.body)
	}
	_, err := tryNewSite(t, site(dir+"/good.cases "+dir+"/bad.cases"))
	want := "testing the rules of http://localhost: 2 of 5 policy tests fail\n\t" +
		dir + "/bad.cases:2: GET /internal: expected refuse, got pass (risk none, spoke: public on /open /internal)\n\t" +
		dir + "/bad.cases:3: GET /open: expected sign_in, got pass (risk none, spoke: public on /open /internal)"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

func TestNothingIsServedBeforeTheCasesHavePassed(t *testing.T) {
	t.Parallel()
	dir := inDirectory(t, map[string]string{"x.cases": "GET / expect sign_in\n"})
	config, err := adapt(testGlobals + "http://localhost {\n\tstepgate {\n\t\tpublic on *\n\t\ttests " + dir + "/x.cases\n\t}\n\trespond in\n}\n")
	if err != nil {
		t.Fatal(err)
	}
	s := &testSite{clock: newTestClock(), logs: newTestLog(t), origin: "http://localhost"}
	ctx, err := provision(s.hermetic(t, config))
	if err != nil {
		t.Fatal(err)
	}
	app, err := ctx.App("stepgate")
	if err != nil {
		t.Fatal(err)
	}
	s.app = app.(*App)
	t.Cleanup(func() { _ = s.app.Cleanup() })
	s.Handler = s.httpApp(t).Servers["srv0"]
	b := s.browser(t)
	for _, path := range []string{"/", "/.auth/sign-in"} {
		if p := b.get(path); p.StatusCode != 503 || p.Header.Get("Retry-After") != "1" || p.body == "in" {
			t.Errorf("before the app has started, %s: %d %s", path, p.StatusCode, p.body)
		}
	}
	if err := s.app.Start(); err == nil {
		t.Error("it started")
	}
	if p := b.get("/"); p.StatusCode != 503 {
		t.Errorf("after it has not: %d %s", p.StatusCode, p.body)
	}
	if l := s.app.live.Load(); l != nil {
		t.Error("the store of a configuration whose cases fail was opened")
	}
}

func TestAReloadWhoseCasesFailChangesNothing(t *testing.T) { // not parallel: Caddy runs once in a process
	r := newReloads(t)
	tested := func(cases, rules string) []byte {
		return r.config("", `, "tests": [{"name": "payroll.cases", "text": "`+cases+`"}]`+rules, "")
	}
	counts := countsOf(t.Name())
	if err := caddy.Load(tested(`GET /open expect pass\nGET /x expect sign_in`, ""), true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	for range 5 { // apps start in any order
		err := caddy.Load(tested(`GET /open expect pass\nGET /x expect pass`, ""), true)
		if err == nil || !strings.Contains(err.Error(), "payroll.cases:2: GET /x: expected pass, got sign_in") {
			t.Fatalf("a reload with a failing case: %v", err)
		}
		if err := expect(http.DefaultClient, r.site.origin+"/open", "hello "); err != nil {
			t.Fatal(err)
		}
	}
	if err := caddy.Load(tested(`GET /open expect pass\nGET /y expect sign_in`, ""), true); err != nil {
		t.Errorf("a reload with other cases: %v", err)
	}
	if opened := counts.opened.Load(); opened != 1 {
		t.Errorf("the store was opened %d times", opened)
	}
}
