package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"
)

// Serves one page that greets the verified person, as the upstream of the site in
// Caddyfile.example: stop legacyapp and run this instead, once Caddy is up.
func main() {
	const origin = "http://localhost:8080"
	require, err := RequireToken(context.Background(), origin+"/.auth", origin, "X-Id-Token", IDToken)
	if err != nil {
		log.Fatal(err)
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := ClaimsOf(r.Context())
		fmt.Fprintf(w, "Hello %s. This is verified: %s, %v\n", c.Email, c.ACR, c.Factors)
	})
	srv := &http.Server{Addr: "127.0.0.1:8081", Handler: require(page), ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintln(os.Stderr, srv.ListenAndServe())
}
