// Package caddymodule makes Stepgate a Caddy module: the app, the handler, their
// Caddyfile syntax, and the stores and senders that ship with them. It is the only
// package of the project that imports Caddy.
//
// An [App] owns what the sites share: the store, the master secret, the senders. A
// [Handler] guards one site. What lives longer than one configuration (the open
// store, the queue of messages, the session cache) is kept in a pool across reloads;
// provisioning only checks and never opens, locks or dials anything.
package caddymodule
