package caddymodule

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// The metrics of decisions. Sites and rules are those of the configuration, and verdicts
// and outcomes are closed sets, so nobody outside can make new series.
var (
	decisionsMetric = prometheus.NewDesc("caddy_stepgate_decisions_total",
		"Requests that were judged, by what became of them: pass, sign_in, step_up or refuse.",
		[]string{"site", "verdict"}, nil)
	reportMetric = prometheus.NewDesc("caddy_stepgate_report_total",
		"What would have become of requests by rules that only report: pass, ask, ask_no_method or refuse.",
		[]string{"site", "rule", "outcome"}, nil)
)

// collector hands out the tallies of a configuration when somebody scrapes them, so that
// requests count nothing twice and a reload begins nothing anew.
type collector struct{ app *App }

func (c collector) Describe(out chan<- *prometheus.Desc) {
	out <- decisionsMetric
	out <- reportMetric
	describeDelivery(out)
}

func (c collector) Collect(out chan<- prometheus.Metric) {
	for _, site := range c.app.report().Sites {
		for _, v := range counted {
			out <- prometheus.MustNewConstMetric(decisionsMetric, prometheus.CounterValue,
				float64(site.Decisions[string(v)]), site.Site, string(v))
		}
		for _, rule := range site.Rules {
			for _, o := range outcomes {
				out <- prometheus.MustNewConstMetric(reportMetric, prometheus.CounterValue,
					float64(rule.Outcomes[string(o)]), site.Site, rule.Rule, string(o))
			}
		}
	}
	c.app.collectDelivery(out)
}

// provisionLogbook finds what is remembered of decisions, and lets it be scraped.
func (a *App) provisionLogbook(ctx caddy.Context) (err error) {
	if a.logbook, err = holdLogbook(a.place); err != nil {
		return err
	}
	a.counted = true
	if err := ctx.GetMetricsRegistry().Register(collector{a}); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	return nil
}

// startCounting gives a site its tallies.
func (s *site) startCounting() {
	s.tally = s.app.logbook.tallyOf(s.flows.Origin)
	s.reports = make([]*ruleTally, len(s.rules.policy.Rules))
	for i := range s.reports {
		if rule := &s.rules.policy.Rules[i]; rule.Report {
			s.reports[i] = s.tally.rule(rule.Name, s.app.now())
		}
	}
	s.app.mu.Lock()
	defer s.app.mu.Unlock()
	s.app.sites = append(s.app.sites, s)
}
