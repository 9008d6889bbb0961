package main

import (
	"fmt"
	"io"
	"slices"
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
	fmt.Fprintf(w, "%-22s %14s %12s %5s %7s %5s %7s %7s %9s %9s\n", "variant", "CPU s per 100k", "from-to", "ratio",
		"req/s", "ratio", "p50 ms", "p99 ms", "idle MiB", "after MiB")
	base := results[0]
	for _, r := range results {
		cpu := r.each(measurement.cpuPer100k)
		rate := median(r.each(measurement.perSecond))
		fmt.Fprintf(w, "%-22s %14.2f %12s %5.2f %7.0f %5.2f %7.2f %7.2f %9d %9d\n", r.proxy.variant.name,
			median(cpu), fmt.Sprintf("%.2f-%.2f", slices.Min(cpu), slices.Max(cpu)), median(cpu)/median(base.each(measurement.cpuPer100k)),
			rate, rate/median(base.each(measurement.perSecond)),
			median(r.each(func(m measurement) float64 { return milliseconds(m.p50) })),
			median(r.each(func(m measurement) float64 { return milliseconds(m.p99) })),
			r.idle>>20, r.loaded>>20)
	}
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
