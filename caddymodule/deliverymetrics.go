package caddymodule

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
)

// The metrics of messages. Nothing in them is about a person, and all labels are from
// closed sets: see [deliveryCounts].
var (
	messagesMetric = prometheus.NewDesc("caddy_stepgate_messages_total",
		"Messages that came to an end, by the sender whose word it was (empty: none's): sent, failed, uncertain, superseded (a newer one took its place, or nobody was to get it) or dropped.",
		[]string{"medium", "sender", "outcome"}, nil)
	attemptsMetric = prometheus.NewDesc("caddy_stepgate_send_attempts_total",
		"What senders made of the messages they were given: sent, failed or uncertain.",
		[]string{"medium", "sender", "outcome"}, nil)
	senderUpMetric = prometheus.NewDesc("caddy_stepgate_sender_up",
		"1 if the sender works; 0 while messages are kept from it because it does not, or if it was found not to work at the start and has sent none since.",
		[]string{"medium", "sender"}, nil)
	queueMetric = prometheus.NewDesc("caddy_stepgate_message_queue",
		"Messages on their way: being sent, or waiting for their turn or another try.",
		[]string{"medium"}, nil)
	receiptsMetric = prometheus.NewDesc("caddy_stepgate_receipts_total",
		"Reports of providers about messages that they had accepted: delivered, refused or pending; or invalid, and not believed.",
		[]string{"sender", "status"}, nil)
	incidentsMetric = prometheus.NewDesc("caddy_stepgate_incidents_total",
		"Things that operators want to hear of: prefix_paused, budget_spent, budget_near or guessing.",
		[]string{"kind"}, nil)
)

var deliveryMetrics = []*prometheus.Desc{messagesMetric, attemptsMetric, senderUpMetric, queueMetric, receiptsMetric, incidentsMetric}

// incidentKinds are all there are: each is there from the beginning, at zero, so that the
// first one is a change.
var incidentKinds = []flows.IncidentKind{flows.PrefixPaused, flows.BudgetSpent, flows.BudgetNear, flows.Guessing}

func describeDelivery(out chan<- *prometheus.Desc) {
	for _, metric := range deliveryMetrics {
		out <- metric
	}
}

// collectDelivery hands out the numbers of what is open; nothing before that.
func (a *App) collectDelivery(out chan<- prometheus.Metric) {
	l := a.live.Load()
	if l == nil {
		return
	}
	counter := func(metric *prometheus.Desc, n uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(metric, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(metric *prometheus.Desc, n int, labels ...string) {
		out <- prometheus.MustNewConstMetric(metric, prometheus.GaugeValue, float64(n), labels...)
	}
	for medium, counts := range l.rt.outbox.Stats() {
		gauge(queueMetric, counts.Queued+counts.Sending, string(medium))
	}
	for _, s := range l.rt.outbox.SenderStats() {
		for outcome, n := range map[send.Outcome]uint64{send.OutcomeSent: s.Sent, send.OutcomeFailed: s.Failed, send.OutcomeUncertain: s.Uncertain} {
			counter(attemptsMetric, n, string(s.Medium), s.Name, string(outcome))
		}
		up := 1
		if s.Open || l.rt.checked.doubtful(s.Medium, s.Name, s.Sent) {
			up = 0
		}
		gauge(senderUpMetric, up, string(s.Medium), s.Name)
	}
	messages, receipts, incidents := l.rt.counts.read()
	for labels, n := range messages {
		counter(messagesMetric, n, string(labels.medium), labels.sender, string(labels.outcome))
	}
	for labels, n := range receipts {
		counter(receiptsMetric, n, labels.sender, string(labels.status))
	}
	for _, kind := range incidentKinds {
		counter(incidentsMetric, incidents[kind], string(kind))
	}
}
