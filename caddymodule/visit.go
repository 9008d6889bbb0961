package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/caddymodule/hygiene"
	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
	"github.com/stepgate/stepgate/ui"
)

// A visit is one request for a page of ours: what was found out about it before the
// pages see it.
type visit struct {
	site    *site
	live    *live
	session *flows.Live
	err     error // why the store cannot answer
}

// as is the session of the visit, or one that there is not yet.
func (v *visit) as(who *flows.Session) *flows.Live {
	switch {
	case who == nil:
		return nil
	case v.session != nil && v.session.SID == who.SID:
		return v.session
	}
	return &flows.Live{Session: *who}
}

type visitKey struct{}

func withVisit(ctx context.Context, v *visit) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

// visitOf returns the visit of a request, or an error where there can be none to work
// with.
func visitOf(r *http.Request) (*visit, error) {
	v, ok := r.Context().Value(visitKey{}).(*visit)
	if !ok {
		return nil, errors.New("finding a visit: the request did not come through the gateway")
	}
	return v, v.err
}

// newPages makes the pages of a site. What they need of the store they ask for with
// each request, since it is not open yet and may close.
func (s *site) newPages(cfg ui.Config) (*ui.Pages, error) {
	cfg.Site = s.flows
	cfg.Engine = func() (ui.Engine, error) {
		live, release, err := s.app.acquire()
		if err != nil {
			return nil, err
		}
		release() // servePages holds a reference for as long as the pages work
		return live.engine, nil
	}
	cfg.Session = func(r *http.Request) (*flows.Session, error) {
		v, err := visitOf(r)
		if err != nil || v.session == nil {
			return nil, err
		}
		return &v.session.Session, nil
	}
	cfg.Demand = func(r *http.Request) flows.Evaluate {
		return func(_ context.Context, t flows.Target, who *flows.Session) (policy.Demand, error) {
			v, err := visitOf(r)
			if err != nil {
				return policy.Never, err
			}
			demand, _, err := s.foresee(r, v.as(who), t)
			return demand, err
		}
	}
	cfg.Label = func(r *http.Request, t flows.Target) string {
		v, err := visitOf(r)
		if err != nil {
			return ""
		}
		_, label, _ := s.foresee(r, v.session, t)
		return label
	}
	cfg.Why = func(r *http.Request, t flows.Target) ui.Reason {
		v, err := visitOf(r)
		if err != nil {
			return ""
		}
		return s.why(r, v.session, t)
	}
	cfg.Sent, cfg.Returning, cfg.Here = s.sent, s.returning, s.here
	cfg.Address = func(r *http.Request) string {
		original := originalOf(r)
		return original.URL.RequestURI()
	}
	cfg.Chosen = notedLanguage
	cfg.Network = network
	cfg.Keys = lazyKeys{s.app}
	cfg.Now = func() time.Time { return s.app.now() }
	cfg.Log = s.app.log
	return ui.New(cfg)
}

// lazyKeys are the secret keys, which are known once the store is open.
type lazyKeys struct{ app *App }

func (k lazyKeys) SealCookie(name string, value []byte) (string, error) {
	live, release, err := k.app.acquire()
	if err != nil {
		return "", err
	}
	defer release()
	return live.rt.keys.SealCookie(name, value)
}

func (k lazyKeys) OpenCookie(name, raw string, maxAge time.Duration) ([]byte, error) {
	live, release, err := k.app.acquire()
	if err != nil {
		return nil, err
	}
	defer release()
	return live.rt.keys.OpenCookie(name, raw, maxAge)
}

// network is the client's network as Caddy's trusted proxies have it: enough to
// recognise a place by, not enough to find a person.
func network(r *http.Request) string {
	text, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return ""
	}
	addr = addr.Unmap().WithZone("")
	bits := 24
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return ""
	}
	return prefix.String()
}

// foresee judges a request that has not been made yet: the target's action, or a GET of
// where it leads back to, by the person and from the place of r. What the target itself
// says it needs is joined: it comes from the client, and can only make the answer stricter.
func (s *site) foresee(r *http.Request, who *flows.Live, t flows.Target) (policy.Demand, string, error) {
	need, err := policy.ParseDemand(t.Need)
	if err != nil {
		return policy.Never, "", err
	}
	if t.Account { // a page of ours, which no rule speaks of
		return policy.Floor.Join(need), "", nil
	}
	future, judged, err := s.judgeTarget(r, who, t)
	if refusal := (*hygiene.Refusal)(nil); errors.As(err, &refusal) {
		// Nothing will be opened there: the gateway will answer 400.
		return policy.Floor.Join(need), "", nil
	}
	if err != nil {
		return policy.Never, "", err
	}
	return judged.Demand.Join(need), s.label(future, judged), nil
}

// judgeTarget makes the request that a target leads to, and judges it.
func (s *site) judgeTarget(r *http.Request, who *flows.Live, t flows.Target) (*http.Request, judgement, error) {
	method, path := http.MethodGet, t.ReturnTo
	if t.Action != "" {
		method, path, _ = strings.Cut(t.Action, " ")
	}
	future, err := s.imagine(r, who, method, path)
	if err != nil {
		return nil, judgement{}, err
	}
	judged, err := s.judge(future, s.rules.risk.said(r), who)
	return future, judged, err
}

// imagine makes a request for a path on this site out of another request to it.
func (s *site) imagine(r *http.Request, who *flows.Live, method, path string) (*http.Request, error) {
	future, err := http.NewRequestWithContext(r.Context(), method, path, nil)
	if err != nil {
		return nil, err
	}
	future.Header = r.Header.Clone()
	for _, name := range []string{"Content-Type", "Content-Length", "Origin", "Referer"} {
		future.Header.Del(name)
	}
	future.Host, future.RemoteAddr, future.TLS = r.Host, r.RemoteAddr, r.TLS
	future.Proto, future.ProtoMajor, future.ProtoMinor = r.Proto, r.ProtoMajor, r.ProtoMinor
	future.RequestURI = path
	if err := s.hygiene.Clean(future, ""); err != nil {
		return nil, err
	}
	server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return nil, errors.New("imagining a request: there is no server")
	}
	repl := caddy.NewReplacer()
	future = caddyhttp.PrepareRequest(future, repl, nil, server)
	newPerson(repl).set(who)
	return future, nil
}

// Sign implements [ui.Keys].
func (k lazyKeys) Sign(label string, parts ...string) (string, error) {
	live, release, err := k.app.acquire()
	if err != nil {
		return "", err
	}
	defer release()
	return live.rt.keys.Sign(label, parts...)
}

func (k lazyKeys) Seal(label string, plain []byte, aad string) ([]byte, error) {
	live, release, err := k.app.acquire()
	if err != nil {
		return nil, err
	}
	defer release()
	return live.rt.keys.Seal(label, plain, aad)
}

func (k lazyKeys) Open(label string, sealed []byte, aad string) ([]byte, error) {
	live, release, err := k.app.acquire()
	if err != nil {
		return nil, err
	}
	defer release()
	return live.rt.keys.Open(label, sealed, aad)
}
