// Command journeys is Caddy with Stepgate and a clock that can be moved, for the browser
// journeys, which cannot wait for hours. Nobody else needs it.
package main
