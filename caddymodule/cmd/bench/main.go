package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type settings struct {
	caddy       string
	requests    int
	rounds      int
	connections int
}

func main() {
	var s settings
	flag.StringVar(&s.caddy, "caddy", ".build/caddy-dev", "Caddy binary that has Stepgate in it")
	flag.IntVar(&s.requests, "n", 20_000, "requests in one round, 100 to 1000000")
	flag.IntVar(&s.rounds, "rounds", 5, "rounds for each variant, 1 to 50, after one that does not count")
	flag.IntVar(&s.connections, "c", 16, "keep-alive connections, 1 to 512")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	defer cancel()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	if s.requests < 100 || s.requests > 1_000_000 || s.rounds < 1 || s.rounds > 50 || s.connections < 1 || s.connections > 512 {
		return fmt.Errorf("reading flags: a number is out of its range (see -h)")
	}
	dir, err := os.MkdirTemp("", "stepgate-bench-")
	if err != nil {
		return fmt.Errorf("making a working directory: %w", err)
	}
	defer os.RemoveAll(dir)

	up, err := startUpstream()
	if err != nil {
		return err
	}
	defer up.Close()

	var results []*result
	for _, v := range variants {
		p, err := startProxy(ctx, s.caddy, dir, v, up.addr)
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		defer p.stop()
		if err := p.prepare(ctx); err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		idle, err := p.rss()
		if err != nil {
			return err
		}
		results = append(results, &result{proxy: p, idle: idle})
	}

	// The variants take turns, and each round begins with another one, so that what
	// else the machine does falls on all of them alike.
	for round := range s.rounds + 1 {
		for i := range results {
			r := results[(round+i)%len(results)]
			m, err := r.proxy.measure(ctx, s.requests, s.connections)
			if err != nil {
				return fmt.Errorf("%s: %w", r.proxy.variant.name, err)
			}
			if round > 0 {
				r.rounds = append(r.rounds, m)
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d done\n", round, s.rounds)
	}
	for _, r := range results {
		if r.loaded, err = r.proxy.rss(); err != nil {
			return err
		}
	}
	fmt.Printf("%d rounds of %d requests over %d connections, 1 KiB answers\n\n", s.rounds, s.requests, s.connections)
	report(os.Stdout, results)
	return nil
}
