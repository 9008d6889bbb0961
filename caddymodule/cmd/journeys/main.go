package main

import (
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/stepgate/stepgate/caddymodule"
	"github.com/stepgate/stepgate/caddymodule/internal/clock"
)

func main() {
	if at := os.Getenv("STEPGATE_CLOCK"); at != "" {
		if err := serveClock(at); err != nil {
			log.Fatal(err)
		}
	}
	caddycmd.Main()
}

// serveClock lets whoever is on this machine move the clock: POST /?by=15m.
func serveClock(at string) error {
	addr, err := netip.ParseAddrPort(at)
	if err != nil || !addr.Addr().IsLoopback() {
		return &net.AddrError{Err: "the clock is for this machine alone", Addr: at}
	}
	listener, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	go func() {
		log.Print(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			by, err := time.ParseDuration(r.FormValue("by"))
			if err != nil || r.Method != http.MethodPost {
				http.Error(w, "POST ?by=15m", http.StatusBadRequest)
				return
			}
			clock.Advance(by)
		})))
	}()
	return nil
}
