package caddymodule

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/nativeapi"
	"github.com/stepgate/stepgate/flows/token"
	"github.com/stepgate/stepgate/policy"
)

// An api is the native API of one site, compiled.
type api struct {
	base string
	face http.Handler

	clients map[string]*apiClient
	// The clients that bearer tokens may name.
	ids []string
	// passes says that the Authorization header is the application's, but for our tokens:
	// those that issuers, of all sites of the handler, have made.
	passes  bool
	issuers []string
}

// An apiClient is what decides over a client's tokens.
type apiClient struct {
	require  policy.Demand // of each
	scopes   map[string][]policy.TargetID
	contexts map[string]authContext
}

// An authContext is what a value of the acrs claim demands.
type authContext struct {
	demand policy.Demand
	on     []policy.TargetID
}

// compileClient looks up what the client speaks of.
func (b *rulebook) compileClient(c *Client) (*apiClient, error) {
	compiled := &apiClient{
		scopes: make(map[string][]policy.TargetID),
		contexts: map[string]authContext{
			token.ACR1: {demand: policy.Floor},
			token.ACR2: {demand: policy.Need(policy.OTP, 0)},
		},
	}
	for _, demand := range c.Require {
		d, err := demand.compile()
		if err != nil {
			return nil, err
		}
		compiled.require = compiled.require.Join(d)
	}
	for name, id := range b.sensitivities {
		compiled.contexts[name] = authContext{on: []policy.TargetID{id}}
	}
	for _, m := range c.ACRs {
		on, err := b.mapped(m)
		if err != nil {
			return nil, err
		}
		compiled.contexts[m.Name] = authContext{on: on}
	}
	for _, m := range c.Scopes {
		on, err := b.mapped(m)
		if err != nil {
			return nil, err
		}
		compiled.scopes[m.Name] = on
	}
	return compiled, nil
}

// mapped are the targets of a scope or context: those it is said to be on, and the
// sensitivity of its own name.
func (b *rulebook) mapped(m Mapping) ([]policy.TargetID, error) {
	var on []policy.TargetID
	if id, ok := b.sensitivities[m.Name]; ok {
		on = append(on, id)
	}
	for _, name := range m.On {
		id, ok := b.sensitivities[name]
		if !ok {
			return nil, unknownSensitivity(name)
		}
		on = append(on, id)
	}
	return on, nil
}

// tokenDemand is what a client's tokens must prove: what any token must, what the client
// asks for, what the rules demand of every request, and what they demand on the
// sensitivities that the scopes and contexts are about. No rule takes anything away: a
// token is never public.
//
// Conditions cannot be judged before there is a request. Where somebody asks for a context
// by name, a rule with conditions asks for its proof all the same: that is what they were
// told to get. It refuses nobody: the request itself will.
func (b *rulebook) tokenDemand(c *apiClient, who *flows.Session, scopes, contexts []string) (policy.Demand, error) {
	demand := policy.Floor.Join(c.require)
	about := make(map[policy.TargetID]bool)
	asked := make(map[policy.TargetID]bool)
	for _, name := range scopes {
		on, known := c.scopes[name]
		if !known && !slices.Contains(standardScopes, name) {
			return policy.Never, fmt.Errorf("judging a token: the scope %q is none of the client's", name)
		}
		for _, id := range on {
			about[id] = true
		}
	}
	for _, name := range contexts {
		context, known := c.contexts[name]
		if !known {
			return policy.Never, fmt.Errorf("judging a token: the context %q is none of the client's", name)
		}
		demand = demand.Join(context.demand)
		for _, id := range context.on {
			about[id], asked[id] = true, true
		}
	}
	var person *policy.Person
	if who != nil {
		person = personOf(who)
	}
	for i := range b.policy.Rules {
		rule := &b.policy.Rules[i]
		speaks := len(rule.On) == 0 || slices.ContainsFunc(rule.On, func(id policy.TargetID) bool { return about[id] })
		if rule.Conditional() {
			speaks = rule.Verb == policy.Require && slices.ContainsFunc(rule.On, func(id policy.TargetID) bool { return asked[id] })
		}
		if speaks && !rule.Report {
			demand = demand.Join(rule.Asks(person))
		}
	}
	return demand, nil
}

// newAPI makes the native API of a site.
func (s *site) newAPI(native *Native) (*api, error) {
	a := &api{base: native.Base, clients: make(map[string]*apiClient)}
	var known []nativeapi.Client
	for _, c := range native.Clients {
		compiled, err := s.rules.compileClient(c)
		if err != nil {
			return nil, fmt.Errorf("client %s: %w", c.ID, err)
		}
		a.clients[c.ID] = compiled
		a.ids = append(a.ids, c.ID)
		client := nativeapi.Client{
			Client: flows.Client{
				ID: c.ID, Name: c.Name, Reveal: c.Enumeration == "reveal",
			},
			Scopes:    slices.Sorted(maps.Keys(compiled.scopes)),
			Contexts:  slices.Sorted(maps.Keys(compiled.contexts)),
			Audience:  cmp.Or(c.Audience, s.flows.Origin),
			Origins:   c.CORS,
			TokenLife: cmp.Or(time.Duration(c.TokenLife), token.DefaultClientLifetime),
		}
		if c.Session != nil {
			client.SessionIdle, client.SessionLife = time.Duration(c.Session.Idle), time.Duration(c.Session.Absolute)
		}
		known = append(known, client)
	}
	face, err := nativeapi.New(nativeapi.Config{
		Site: s.flows, Base: a.base, Tenant: token.TenantID(s.flows.Issuer()), Clients: known,
		Engine: func() (nativeapi.Engine, error) {
			l, err := s.held()
			if err != nil {
				return nil, err
			}
			return l.engine, nil
		},
		Sealer: func() (nativeapi.Sealer, error) {
			l, err := s.held()
			if err != nil {
				return nil, err
			}
			return l.rt.keys, nil
		},
		Minter: func() (nativeapi.Minter, error) {
			l, err := s.held()
			if err != nil {
				return nil, err
			}
			return s.minter(l), nil
		},
		Demand: func(_ *http.Request, who *flows.Session, client string, scopes, contexts []string) (policy.Demand, error) {
			c, ok := a.clients[client]
			if !ok {
				return policy.Never, fmt.Errorf("judging a token: there is no client %q", client)
			}
			return s.rules.tokenDemand(c, who, scopes, contexts)
		},
		Network: network,
		Now:     func() time.Time { return s.app.now() },
		Log:     s.app.log,
	})
	if err != nil {
		return nil, err
	}
	a.face = face
	return a, nil
}

// held is what is open, for work on a request whose face holds a reference already.
func (s *site) held() (*live, error) {
	l, release, err := s.app.acquire()
	if err != nil {
		return nil, err
	}
	release()
	return l, nil
}

// serveNative answers for the native API. The request holds what is open for as long as
// the face works with it.
func (s *site) serveNative(w http.ResponseWriter, r *http.Request) {
	if _, release, err := s.app.acquire(); err == nil {
		defer release()
	}
	s.native.face.ServeHTTP(w, r)
}
