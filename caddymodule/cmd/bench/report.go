package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// measurement is one round through one proxy.
type measurement struct {
	requests int
	cpu      time.Duration // of the proxy process, user and system
	wall     time.Duration
	p50, p99 time.Duration
}

func (m measurement) cpuPer100k() float64 { return m.cpu.Seconds() * 100_000 / float64(m.requests) }
func (m measurement) perSecond() float64  { return float64(m.requests) / m.wall.Seconds() }

// result is all rounds through one proxy. Sizes are in bytes.
type result struct {
	proxy        *proxy
	idle, loaded int64
	rounds       []measurement
}

// report prints one row for each result; ratios are to the first.
func report(w io.Writer, results []*result) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "variant\tCPU s per 100k\tlowest-highest\tratio\treq/s\tratio\tp50 ms\tp99 ms\tRSS idle MiB\tafter load\t")
	base := results[0]
	for _, r := range results {
		cpu := r.each(measurement.cpuPer100k)
		rate := median(r.each(measurement.perSecond))
		fmt.Fprintf(t, "%s\t%.2f\t%.2f-%.2f\t%.2f\t%.0f\t%.2f\t%.2f\t%.2f\t%d\t%d\t\n", r.proxy.variant.name,
			median(cpu), slices.Min(cpu), slices.Max(cpu), median(cpu)/median(base.each(measurement.cpuPer100k)),
			rate, rate/median(base.each(measurement.perSecond)),
			median(r.each(func(m measurement) float64 { return milliseconds(m.p50) })),
			median(r.each(func(m measurement) float64 { return milliseconds(m.p99) })),
			r.idle>>20, r.loaded>>20)
	}
	t.Flush()
}

func (r *result) each(of func(measurement) float64) []float64 {
	values := make([]float64, len(r.rounds))
	for i, m := range r.rounds {
		values[i] = of(m)
	}
	return values
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// median is the middle value, or the mean of the two in the middle.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// quantile expects sorted values, and q from 0 to 1.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}
