package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// CaseFile is a file of policy tests: requests, and what must become of them. A line is
// empty, a comment after #, or one of
//
//	site <url>
//	as nobody|<e-mail> [<setting>…]
//	<method> <path or url> [<setting>…] expect <outcome>
//
// `as` says who makes the requests below it, up to the next `as`; at first it is nobody. A
// case may add settings of its own. Settings:
//
//	groups <name>…
//	proof <password|email|sms>=<age>…
//	session_age <age>
//	device known|new
//	network known|new
//	failures <count>
//	header "<name>: <value>"…
//	from <address>
//	direct
//	risk <band>
//
// An outcome is pass, sign_in, refuse, bad_target, `step_up <proof>…` with exactly what is
// missing (session, password, email_code, sms_code, otp, and once if it is for the request
// alone), or `answered <status>` where something before the gateway answers.
type CaseFile struct {
	// Name of the file, for messages.
	Name string `json:"name"`

	// Text is what stands in it. The configuration holds the cases themselves, so that
	// they are the same wherever it is loaded, and changed ones are a changed configuration.
	Text string `json:"text"`
}

const (
	maxCaseFile = 1 << 20 // bytes
	maxCases    = 10_000  // of a file
	maxCaseLine = 4096    // bytes
)

// caseRun is what stands between a handler with tests and its first request.
type caseRun struct {
	files  []*CaseFile
	passed atomic.Bool
}

// policyCase is one case.
type policyCase struct {
	at       string // file:line
	text     string // of the line, from the method on
	question Question
	path     bool // the URL is a path of the site
	expect   expectation
}

// expectation is an outcome as cases write it.
type expectation struct {
	verdict verdict
	needs   []string // sorted; once is the last
	status  int
}

func (e expectation) String() string {
	words := append([]string{string(e.verdict)}, e.needs...)
	if e.verdict == verdictAnswered && e.status != 0 {
		words = append(words, fmt.Sprint(e.status))
	}
	return strings.Join(words, " ")
}

// outcome is what an explanation comes to in the words of cases.
func (e *Explanation) outcome() expectation {
	got := expectation{verdict: verdict(e.Answer.Verdict)}
	switch got.verdict {
	case verdictStepUp:
		got.needs = needNames(e.Missing)
		if slices.ContainsFunc(e.Missing, func(n ExplainedNeed) bool { return n.Once }) {
			got.needs = append(got.needs, "once")
		}
	case verdictAnswered:
		got.status = e.Answer.Status
	}
	return got
}

// run judges the case by a configuration. origin is the site's, for cases that name a
// path. The error says what came of it instead.
func (c *policyCase) run(ctx context.Context, app *caddyhttp.App, origin string, among []string) error {
	q := c.question
	if c.path {
		q.URL = origin + q.URL
	}
	e, err := imagine(ctx, app, &imagined{Question: q})
	if err != nil {
		return fmt.Errorf("%s: %s: %w", c.at, c.text, err)
	}
	if among != nil && e.Site != "" && !slices.Contains(among, e.Site) {
		return fmt.Errorf("%s: %s: that is for %s, which has tests of its own", c.at, c.text, e.Site)
	}
	got := e.outcome()
	if got.String() == c.expect.String() {
		return nil
	}
	return fmt.Errorf("%s: %s: expected %s, got %s (%s)", c.at, c.text, c.expect, got, e.because())
}

// because says in a few words why an explanation came out as it did.
func (e *Explanation) because() string {
	if e.Risk.Band == "" {
		return e.Answer.Why
	}
	var spoke []string
	for _, rule := range e.Rules {
		if rule.Outcome == "hit" {
			spoke = append(spoke, rule.Rule)
		}
	}
	if spoke == nil {
		return "risk " + e.Risk.Band + ", no rule spoke"
	}
	return "risk " + e.Risk.Band + ", spoke: " + strings.Join(spoke, "; ")
}

// A caseFailure is what is wrong with some cases.
type caseFailure struct {
	failed []error
	cases  int
}

func (f *caseFailure) Error() string {
	const most = 20
	lines := []string{fmt.Sprintf("%d of %d policy tests fail", len(f.failed), f.cases)}
	for i, err := range f.failed {
		if i == most {
			lines = append(lines, fmt.Sprintf("and %d more", len(f.failed)-most))
			break
		}
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "\n\t")
}

// runCases judges all cases of a handler; a [*caseFailure] says which fail.
func (h *Handler) runCases(ctx context.Context, app *caddyhttp.App) error {
	result := new(caseFailure)
	for _, file := range h.Tests {
		failures, n, err := runFile(ctx, app, file, h.Origins)
		if err != nil {
			return err
		}
		result.failed, result.cases = append(result.failed, failures...), result.cases+n
	}
	if len(result.failed) > 0 {
		return result
	}
	return nil
}

// runFile judges the cases of a file. among are the origins that they are about, the first
// for those that name a path; nil: any, and each must say which. The failures say what came
// instead of what was expected.
func runFile(ctx context.Context, app *caddyhttp.App, file *CaseFile, among []string) (failures []error, cases int, err error) {
	all, err := parseCases(file.Name, file.Text)
	if err != nil {
		return nil, 0, err
	}
	for _, c := range all {
		origin := ""
		switch {
		case len(among) > 0:
			origin = among[0]
		case c.path:
			return nil, 0, fmt.Errorf("%s: %s: there are several sites: write a line `site https://…` above, or the whole URL", c.at, c.text)
		}
		if err := c.run(ctx, app, origin, among); err != nil {
			failures = append(failures, err)
		}
	}
	return failures, len(all), nil
}

// prove runs the tests of all handlers, and opens those that pass to requests.
func (a *App) prove() error {
	a.mu.Lock()
	tested := a.tested
	a.mu.Unlock()
	if len(tested) == 0 {
		return nil
	}
	app, err := a.ctx.AppIfConfigured("http")
	if err != nil {
		return fmt.Errorf("testing the rules: %w", err)
	}
	for _, h := range tested {
		if err := h.runCases(a.ctx, app.(*caddyhttp.App)); err != nil {
			return fmt.Errorf("testing the rules of %s: %w", h.Origins[0], err)
		}
	}
	for _, h := range tested {
		h.tests.passed.Store(true)
	}
	return nil
}

// provisionTests reads the handler's cases. They run when the app starts, since they go
// through all of the routes around the handler.
func (h *Handler) provisionTests() error {
	for _, file := range h.Tests {
		if file == nil {
			return errors.New("a file of tests is null")
		}
		if _, err := parseCases(file.Name, file.Text); err != nil {
			return err
		}
	}
	if len(h.Tests) == 0 {
		return nil
	}
	h.tests = &caseRun{files: h.Tests}
	h.app.mu.Lock()
	defer h.app.mu.Unlock()
	h.app.tested = append(h.app.tested, h)
	return nil
}

// awaits answers a request that came before the handler's tests have passed: Caddy may
// start its servers before our app.
func (h *Handler) awaits(w http.ResponseWriter) bool {
	if h.tests == nil || h.tests.passed.Load() {
		return false
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, "This site is starting. Try again in a moment.\n")
	return true
}
