// Command bench measures what the gateway costs beside a bare reverse_proxy, in one
// run on one machine: rounds of requests through four Caddy processes in turn, the
// proxy's own CPU time taken from /proc (so it runs on Linux only). The load comes
// from here, goes to loopback addresses, and is bounded.
//
// Wall-clock figures (requests a second, latency) share the machine with the load
// itself; the CPU figures and their ratios do not.
package main
