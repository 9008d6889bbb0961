package caddymodule

import (
	"context"
	"log/slog"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/store"
)

// StoreModule is what a module in the namespace stepgate.stores implements. Its
// Provision resolves placeholders and checks; it must not open, lock or dial
// anything, since `caddy validate` provisions beside a running server.
type StoreModule interface {
	caddy.Module

	// Place names what is opened, such as an absolute path with symbolic links
	// resolved. Configurations with the same place share one open store across a
	// reload. It is asked for after Provision and holds no secret.
	Place() (string, error)

	// Options is everything else that matters when opening, in any stable form. A
	// reload that changes the options of an open place is refused.
	Options() string

	// Open opens the store. The context ends with the attempt, not with the store.
	Open(ctx context.Context, log *slog.Logger) (store.Store, error)
}

// SenderModule is what a module in the namespace stepgate.senders implements. The
// same rule holds for its Provision: check, do not dial.
type SenderModule interface {
	caddy.Module

	// Carries reports whether the module can send by the medium.
	Carries(m send.Medium) bool

	// Sender makes the sender. It is called once per configuration that starts.
	Sender(log *slog.Logger) (send.Sender, error)
}

// CostlySender is a [SenderModule] whose every text message costs money. Where it is
// configured for those it must say to which countries it may send.
type CostlySender interface {
	SenderModule

	// AllowedCountries lists ISO 3166 two-letter codes; the first is assumed for
	// numbers typed without a country code. A single "*" allows every country.
	AllowedCountries() []string
}
