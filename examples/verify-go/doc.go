// Command verify-go shows how an application written in Go verifies the tokens that
// Stepgate adds to a request: with go-oidc, from the discovery document and the
// published keys. Copy verify.go.
package main
