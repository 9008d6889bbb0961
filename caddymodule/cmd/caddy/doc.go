// Command caddy is Caddy with its standard modules and Stepgate, for the daily work on
// Stepgate. What users run is built by xcaddy.
package main
