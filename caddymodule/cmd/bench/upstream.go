package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

const answerSize = 1024

// upstream stands for the application: it answers 1 KiB, as fast as it can.
type upstream struct {
	addr string
	srv  *http.Server
}

// seen is what reached the upstream with one request, as /seen answers it.
type seen struct {
	User        bool
	IDToken     bool
	AccessToken bool
	Cookie      string
}

func startUpstream() (*upstream, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting upstream: %w", err)
	}
	body := []byte(strings.Repeat("stepgate", answerSize/8))
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.Write(body) })
	mux.HandleFunc("/seen", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(seen{
			User:        r.Header.Get("Remote-User") != "",
			IDToken:     r.Header.Get("X-Id-Token") != "",
			AccessToken: r.Header.Get("X-Access-Token") != "",
			Cookie:      r.Header.Get("Cookie"),
		})
	})
	u := &upstream{addr: l.Addr().String(), srv: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}}
	go u.srv.Serve(l)
	return u, nil
}

func (u *upstream) Close() { u.srv.Close() }
