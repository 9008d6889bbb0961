package caddymodule

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/stepgate/stepgate/caddymodule/hygiene"
	"github.com/stepgate/stepgate/caddymodule/hygiene/rawtest"
	"github.com/stepgate/stepgate/ui"
)

// front makes the whole gateway the target of the raw-socket corpus: Caddy's own
// listener, our handler and Caddy's reverse_proxy.
func front(t *testing.T, lines ...string) (*liveSite, rawtest.Front) {
	t.Helper()
	echo := rawtest.NewEcho(t)
	s := newLiveSite(t, proxied(echo.Addr, lines...))
	return s, rawtest.Front{
		Addr: s.addr, Host: "localhost", Cookie: ui.LoopbackSessionCookie, Echo: echo,
		Genuine: func(string) bool { return false },
	}
}

// signedIn lets the corpus attack with a session. The clock stands still, so the
// session has one ID token, and that is the only genuine one.
func signedIn(t *testing.T, s *liveSite, f rawtest.Front) rawtest.Front {
	t.Helper()
	cookie := s.signIn(t, dana)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(cookie)
	response, err := s.client(t, 1).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	received := f.Echo.Take()
	if len(received) != 1 || len(received[0].Get(defaultIDTokenHeader)) != 1 {
		t.Fatalf("an ordinary request: %+v", received)
	}
	token := received[0].Get(defaultIDTokenHeader)[0]
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	claims, err := signed.Verify(s.app.live.Load().rt.ring.PublicKeys()[0])
	if err != nil || !bytes.Contains(claims, []byte(dana)) {
		t.Fatalf("the token says %s, %v", claims, err)
	}
	f.Session = cookie.Value
	f.Genuine = func(value string) bool { return value == token }
	return f
}

func TestNothingHostileGetsThroughTheWholeGatewayAnonymously(t *testing.T) {
	t.Parallel()
	_, f := front(t, "public on *", "deny on /admin /admin/*")
	rawtest.Run(t, f, rawtest.Corpus())
}

func TestNothingHostileGetsThroughTheWholeGatewayWithASession(t *testing.T) {
	t.Parallel()
	s, f := front(t, "public on *", "require otp sms within 5m on /admin /admin/*")
	rawtest.Run(t, signedIn(t, s, f), rawtest.Corpus())
}

func TestNothingHostileGetsThroughALenientSite(t *testing.T) {
	t.Parallel()
	classes := ""
	for _, class := range hygiene.Classes {
		classes += " " + string(class)
	}
	s, f := front(t, "public on *", "require otp sms within 5m on /admin /admin/*", "lenient_paths"+classes)
	rawtest.Run(t, signedIn(t, s, f), rawtest.Corpus())
}

// Where nothing is public, nothing of the corpus may arrive at all.
func TestNothingWhateverGetsThroughToASiteWithoutPublicPages(t *testing.T) {
	t.Parallel()
	_, f := front(t)
	cases := rawtest.Corpus()
	for i := range cases {
		cases[i].Expect = rawtest.Refused
	}
	rawtest.Run(t, f, cases)
}
