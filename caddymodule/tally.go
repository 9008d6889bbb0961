package caddymodule

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A tally counts the decisions of one site. Counting is one atomic addition.
type tally struct {
	decisions [len(counted)]atomic.Uint64

	mu    sync.Mutex
	rules map[string]*ruleTally // of rules that report only, by name
}

// counted are the verdicts that are counted: what the rules decide.
var counted = [...]verdict{verdictPass, verdictSignIn, verdictStepUp, verdictRefuse}

// A ruleTally counts the outcomes of rules of one name.
type ruleTally struct {
	since    time.Time
	outcomes [len(outcomes)]atomic.Uint64
}

func (t *tally) count(v verdict) {
	if i := slices.Index(counted[:], v); i >= 0 {
		t.decisions[i].Add(1)
	}
}

func (t *ruleTally) count(o outcome) {
	if i := slices.Index(outcomes[:], o); i >= 0 {
		t.outcomes[i].Add(1)
	}
}

// tallyOf is the tally of a site, which goes on where it was after a reload.
func (l *logbook) tallyOf(origin string) *tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, ok := l.sites[origin]
	if !ok {
		t = &tally{rules: make(map[string]*ruleTally)}
		l.sites[origin] = t
	}
	return t
}

// rule is the tally of the rules of a name.
func (t *tally) rule(name string, now time.Time) *ruleTally {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.rules[name]
	if !ok {
		r = &ruleTally{since: now}
		t.rules[name] = r
	}
	return r
}

// Report is what `caddy stepgate report` prints: what there was to decide, and what would
// have become of it by rules that report only. Numbers are since the process began to have
// the rule in its configuration.
type Report struct {
	Sites []SiteReport `json:"sites"`
}

// SiteReport is the report of one site.
type SiteReport struct {
	Site string `json:"site"` // origin
	// Decisions are numbers by verdict: pass, sign_in, step_up, refuse.
	Decisions map[string]uint64 `json:"decisions"`
	Rules     []RuleReport      `json:"rules"`
}

// RuleReport is what would have become of the requests that the other rules let through.
type RuleReport struct {
	Rule  string    `json:"rule"`
	Since time.Time `json:"since"`
	// Outcomes are numbers by outcome: pass, ask, ask_no_method, refuse.
	Outcomes map[string]uint64 `json:"outcomes"`
}

// report reads the tallies of a configuration's sites.
func (a *App) report() Report {
	report := Report{Sites: []SiteReport{}}
	for _, s := range a.knownSites() {
		one := SiteReport{Site: s.flows.Origin, Decisions: make(map[string]uint64), Rules: []RuleReport{}}
		for i, v := range counted {
			one.Decisions[string(v)] = s.tally.decisions[i].Load()
		}
		rules := make(map[string]*ruleTally)
		for i, t := range s.reports {
			if t != nil {
				rules[strings.ToValidUTF8(s.rules.policy.Rules[i].Name, "\uFFFD")] = t
			}
		}
		for _, name := range slices.Sorted(maps.Keys(rules)) {
			numbers := make(map[string]uint64)
			for i, o := range outcomes {
				numbers[string(o)] = rules[name].outcomes[i].Load()
			}
			one.Rules = append(one.Rules, RuleReport{Rule: name, Since: rules[name].since.UTC(), Outcomes: numbers})
		}
		report.Sites = append(report.Sites, one)
	}
	return report
}

// knownSites are the sites of this configuration so far, by origin. Two handlers that
// answer for one origin are one site.
func (a *App) knownSites() []*site {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.CompactFunc(slices.SortedFunc(slices.Values(a.sites), func(s, t *site) int {
		return strings.Compare(s.flows.Origin, t.flows.Origin)
	}), func(s, t *site) bool { return s.flows.Origin == t.flows.Origin })
}
