package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8081", "loopback `address` to serve")
	free := flag.Bool("free", false, "serve nothing: only report which of the addresses given as arguments are in use")
	flag.Parse()

	run := func() error { return serve(*listen) }
	if *free {
		run = func() error { return checkFree(flag.Args()) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "legacyapp:", err)
		os.Exit(1)
	}
}

// serve runs the application until it is told to stop. Streams in progress are cut
// after a second: a demonstration should end when asked to.
func serve(addr string) error {
	if err := requireLoopback(addr); err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	srv := &http.Server{Handler: newApp(time.Now).routes(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		soon, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if srv.Shutdown(soon) != nil {
			srv.Close()
		}
	}()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

func requireLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("reading address: %w", err)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("listening on %s: this application has no sign-in of its own, so it serves loopback addresses only", addr)
}

// checkFree names the addresses that somebody already listens on, so that the
// demonstration can say so before it builds up and falls over.
func checkFree(addrs []string) error {
	var busy []error
	for _, a := range addrs {
		l, err := net.Listen("tcp", a)
		if err != nil {
			busy = append(busy, fmt.Errorf("%s is not free (%w): stop what listens there, then try again", a, err))
			continue
		}
		l.Close()
	}
	return errors.Join(busy...)
}
