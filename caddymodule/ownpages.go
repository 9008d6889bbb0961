package caddymodule

import (
	"net/http"
	"strings"
	"time"
)

// owns reports whether a path is at or below our prefix, or the native API, or where
// password managers look for the page that changes a password. Letter case below the
// prefix is ignored, so that no spelling of a page of ours is ever forwarded.
func (s *site) owns(path string) bool {
	return isUnder(path, s.flows.Prefix) || s.native != nil && isUnder(path, s.native.base) || s.leadsToPassword(path)
}

// changePasswordPath is a well-known URI (W3C, A Well-Known URL for Changing Passwords):
// it leads to the page, and asks for nothing by itself.
const changePasswordPath = "/.well-known/change-password"

func (s *site) leadsToPassword(path string) bool {
	return path == changePasswordPath && s.flows.Password
}

// whyOwn says in words why a path is the gateway's own.
func (s *site) whyOwn(path string) string {
	if s.leadsToPassword(path) {
		return changePasswordPath + " leads to the gateway's own page for a new password"
	}
	return "pages below " + s.flows.Prefix + " are the gateway's own"
}

func (s *site) servePasswordPath(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.pages.Problem(w, r, http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Location", s.flows.Prefix+"/account/password")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusFound)
}

// servePages answers for what is ours. It sees the request as it arrived, and nothing
// of what a rewrite made of it.
func (s *site) servePages(w http.ResponseWriter, r *http.Request, original arrival) error {
	r = r.Clone(r.Context())
	url := *original.URL
	r.URL, r.RequestURI = &url, original.RequestURI
	if s.leadsToPassword(r.URL.Path) {
		s.servePasswordPath(w, r)
		return nil
	}
	if s.servesKeys(r.URL.Path) {
		return s.serveKeys(w, r)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		// A form arrives within moments. Whoever sends it byte by byte must not hold what
		// a reload waits for; writers that know no deadline have no slow client either.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(formTimeout))
	}
	if s.native != nil && isUnder(r.URL.Path, s.native.base) {
		s.serveNative(w, r)
		return nil
	}
	if kind, ok := s.receiptKind(r.URL.Path); ok {
		s.serveReceipt(w, r, kind)
		return nil
	}
	v := &visit{site: s}
	var release func()
	if v.live, release, v.err = s.app.acquire(); v.err == nil {
		defer release()
		if cookie, ok := s.cookies.RawSession(r); ok {
			v.session, v.err = s.browsers(r.Context(), v.live, cookie)
		}
	}
	s.pages.ServeHTTP(w, r.WithContext(withVisit(r.Context(), v)))
	return nil
}

// formTimeout is how long the body of a form may take to arrive.
const formTimeout = 10 * time.Second

// The two documents with which an application checks our tokens, below the issuer.
const (
	discoveryPath = "/.well-known/openid-configuration"
	jwksPath      = "/jwks"
)

// nativeDiscoveryPath is where SDKs of the native API look, below its base.
const nativeDiscoveryPath = "/v2.0" + discoveryPath

func (s *site) servesKeys(path string) bool {
	rest, below := strings.CutPrefix(path, s.flows.Prefix)
	return below && (rest == discoveryPath || rest == jwksPath) ||
		s.native != nil && path == s.native.base+nativeDiscoveryPath
}

// serveKeys answers for the discovery document (OpenID Connect Discovery 1.0) and the
// key set (RFC 7517). Both are public and the same for everybody.
func (s *site) serveKeys(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.pages.Problem(w, r, http.StatusMethodNotAllowed)
		return nil
	}
	live, release, err := s.app.acquire()
	if err != nil {
		s.pages.Problem(w, r, http.StatusServiceUnavailable)
		return nil
	}
	defer release()
	header := w.Header()
	body := live.rt.ring.JWKS()
	header.Set("Content-Type", "application/jwk-set+json")
	if strings.HasSuffix(r.URL.Path, discoveryPath) {
		body = s.discovery(live)
		header.Set("Content-Type", "application/json")
	}
	header.Set("Cache-Control", "public, max-age=300")
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodGet {
		_, err = w.Write(body)
	}
	return err
}

func (s *site) discovery(l *live) []byte {
	if s.native == nil {
		return l.rt.ring.Discovery(s.flows.Issuer())
	}
	return l.rt.ring.DiscoveryWithAPI(s.flows.Issuer(), s.flows.Origin+s.native.base)
}
