package caddymodule

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/net/http/httpguts"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// Question is a request to imagine: what `caddy stepgate explain` asks, and what the admin
// API takes at /stepgate/explain. Who makes it is Session, or User with what follows; with
// neither, nobody is signed in.
type Question struct {
	Method string `json:"method"`
	// URL is the whole URL, as a client would ask for it.
	URL string `json:"url"`

	// Session is the sid claim of a real sign-in, for the running server.
	Session string `json:"session,omitempty"`

	// User is the address of an account, which need not exist.
	User string `json:"user,omitempty"`
	// Groups that the user is in. Default, on a running server: the account's own.
	Groups []string `json:"groups,omitempty"`
	// Proof is how long ago each factor was proved, by the factor's name. Default: the
	// site's first way to sign in, when the session was opened.
	Proof map[string]caddy.Duration `json:"proof,omitempty"`
	// SessionAge is how long ago the session was opened. Default: with the oldest proof.
	SessionAge caddy.Duration `json:"session_age,omitempty"`
	// NewDevice and NewNetwork say that the browser or the network is none that the
	// account is used from.
	NewDevice  bool `json:"new_device,omitempty"`
	NewNetwork bool `json:"new_network,omitempty"`
	// Failures is how many wrong passwords and codes the account has seen in the last hour.
	Failures int `json:"failures,omitempty"`

	// Header is what the client, or the proxy in front, sends. There is no other header.
	Header http.Header `json:"header,omitempty"`
	// From is the client's address. Default: 192.0.2.1, or where the session is at home.
	From string `json:"from,omitempty"`
	// Direct says that the client connects by itself, so that only its own address counts.
	// Default: it comes through a trusted proxy, if the server has strict ones.
	Direct bool `json:"direct,omitempty"`
	// Risk is the least risk of the request, whatever the signals say. Default: none.
	Risk string `json:"risk,omitempty"`
}

// defaultClient is an address of RFC 5737 that is nobody's.
const defaultClient = "192.0.2.1"

// check judges the question by itself.
func (q *Question) check() error {
	if !httpguts.ValidHeaderFieldName(q.Method) {
		return fmt.Errorf("%q is no method: write GET, POST or another one, then the URL", q.Method)
	}
	if _, _, err := q.parts(); err != nil {
		return err
	}
	if q.Session != "" && (q.User != "" || len(q.Groups) > 0 || len(q.Proof) > 0 || q.SessionAge != 0 || q.NewDevice || q.NewNetwork || q.Failures != 0) {
		return fmt.Errorf("a real sign-in brings its own person, proof, device and networks: ask about it, or imagine somebody")
	}
	if q.User == "" && q.Session == "" && (len(q.Groups) > 0 || len(q.Proof) > 0 || q.SessionAge != 0 || q.NewDevice || q.NewNetwork || q.Failures != 0) {
		return fmt.Errorf("nobody has groups, proof, a device or a session: say who it is")
	}
	if q.User != "" {
		if _, _, refusal := flows.CanonicalEmail(q.User); refusal != nil {
			return fmt.Errorf("%q is no e-mail address", q.User)
		}
	}
	for _, group := range q.Groups {
		if err := flows.CheckGroup(group); err != nil {
			return err
		}
	}
	for word, age := range q.Proof {
		if _, ok := policy.ParseFactor(word); !ok {
			return fmt.Errorf("unknown proof %q: use password, email_code or sms_code", word)
		}
		if age < 0 {
			return fmt.Errorf("%s cannot have been proved in the future", word)
		}
	}
	if q.SessionAge < 0 || q.Failures < 0 || q.Failures > flows.MostRecentFailures {
		return fmt.Errorf("ages and numbers of failures are not negative, and no more than %d failures are told apart", flows.MostRecentFailures)
	}
	if q.From != "" {
		if _, err := netip.ParseAddr(q.From); err != nil {
			return fmt.Errorf("%q is no address: write one such as 203.0.113.7 or 2001:db8::7", q.From)
		}
	}
	if q.Risk != "" {
		if _, err := parseBand(q.Risk); err != nil {
			return err
		}
	}
	for name, values := range q.Header {
		if err := checkImaginedHeader(name, values); err != nil {
			return err
		}
	}
	return nil
}

func checkImaginedHeader(name string, values []string) error {
	if !httpguts.ValidHeaderFieldName(name) {
		return fmt.Errorf("%q is no name of a header: write \"Name: value\"", name)
	}
	if textproto.CanonicalMIMEHeaderKey(name) == "Host" {
		return fmt.Errorf("the host is that of the URL")
	}
	for _, value := range values {
		if !httpguts.ValidHeaderFieldValue(value) {
			return fmt.Errorf("header %s: %q is no value", name, value)
		}
	}
	return nil
}

// parts splits the URL into the origin and the target behind it, which is not parsed here:
// how it is spelled is what matters.
func (q *Question) parts() (origin *url.URL, target string, err error) {
	scheme, rest, ok := strings.Cut(q.URL, "://")
	if scheme = strings.ToLower(scheme); !ok || scheme != "http" && scheme != "https" {
		return nil, "", fmt.Errorf("%q is no URL: write all of it, such as https://app.example.com/page", q.URL)
	}
	end := strings.IndexAny(rest, "/?#\\")
	if end < 0 {
		end = len(rest)
	}
	host, target := rest[:end], rest[end:]
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	origin, err = url.Parse(scheme + "://" + host)
	if err != nil || origin.Host == "" || origin.User != nil {
		return nil, "", fmt.Errorf("%q names no host", q.URL)
	}
	return origin, target, nil
}

func (q *Question) least() policy.Risk {
	least, ok := policy.ParseRisk(q.Risk)
	if !ok {
		return policy.NoRisk
	}
	return least
}

// from is the client's address.
func (x *imagined) from() netip.Addr {
	if addr, err := netip.ParseAddr(x.From); err == nil {
		return addr
	}
	if x.session != nil && len(x.session.Networks) > 0 {
		if home, err := netip.ParsePrefix(x.session.Networks[len(x.session.Networks)-1]); err == nil {
			return home.Addr().Next()
		}
	}
	return netip.MustParseAddr(defaultClient)
}

// client is where the request comes from, as the gateway sees it.
func (x *imagined) client(r *http.Request) ExplainedClient {
	return ExplainedClient{Address: x.from().String(), Network: network(r), Trusted: trustedPeer(r)}
}

// person is who makes the request, as their session would be at a site; nil: nobody.
func (x *imagined) person(s *site, r *http.Request) *flows.Live {
	if x.session != nil {
		if x.session.Site != s.flows.Origin {
			x.note("The sign-in is one of %s, and worth nothing here.", x.session.Site)
			return nil
		}
		return x.session
	}
	if x.User == "" {
		return nil
	}
	now := s.app.now()
	typed, canonical, _ := flows.CanonicalEmail(x.User)
	who := flows.Session{
		SID: "imagined", Site: s.flows.Origin, Email: typed, Canonical: canonical, Groups: x.Groups,
		Created: now.Add(-time.Duration(x.SessionAge)), LastSeen: now, Have: policy.FactorsOf(policy.EmailCode),
		KnownDevice: !x.NewDevice,
	}
	if s.flows.Password {
		who.Have = who.Have.With(policy.Password)
	}
	if s.flows.SMS {
		who.Have = who.Have.With(policy.SMSCode)
	}
	x.known(&who)
	if !x.NewNetwork {
		who.Networks = []string{network(r)}
	}
	for range x.Failures {
		who.Failures = append(who.Failures, now.Unix())
	}
	for word, age := range x.Proof {
		f, _ := policy.ParseFactor(word)
		at := now.Add(-time.Duration(age))
		who.Proof = who.Proof.With(f, at)
		if x.SessionAge == 0 && at.Before(who.Created) {
			who.Created = at
		}
	}
	if len(x.Proof) == 0 {
		first := policy.EmailCode
		if !s.flows.EmailCode {
			first = policy.Password
		}
		who.Proof = who.Proof.With(first, who.Created)
	}
	return &flows.Live{Session: who}
}

// known fills in what a running server knows of the account.
func (x *imagined) known(who *flows.Session) {
	switch {
	case x.account != nil:
		who.User, who.Attributes, who.Have = x.account.ID, x.account.Attributes, x.account.Factors
		if len(x.Groups) == 0 {
			who.Groups = x.account.Groups
		}
		if x.account.Disabled {
			x.note("The account is disabled: nobody can be signed in to it.")
		}
	case x.running:
		x.note("There is no account %s; it is as if there were one.", who.Canonical)
	}
}
