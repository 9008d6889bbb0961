package caddymodule

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stepgate/stepgate/ui"
)

// from is client for somebody at another loopback address.
func (s *liveSite) from(t testing.TB, major, i int) *http.Client {
	t.Helper()
	client := s.client(t, major)
	here := &net.TCPAddr{IP: net.IPv4(127, 0, byte(1+i/250), byte(1+i%250))}
	client.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{LocalAddr: here}).DialContext(ctx, "tcp", s.addr)
	}
	return client
}

// burst has n addresses hand in a code at once, each in one of the browsers, and returns
// how often each answer came: the refusal that an address names, or the status.
func (s *liveSite) burst(t *testing.T, major, n int, code string, in []*browser, places []string) map[string]int {
	t.Helper()
	answers := map[string]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		client, b := s.from(t, major, i), in[i%len(in)]
		r := b.request(http.MethodPost, places[i%len(in)], strings.NewReader(url.Values{"code": {code}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.origin)
		for _, cookie := range b.client.Jar.Cookies(r.URL) {
			r.AddCookie(cookie)
		}
		all.Go(func() {
			<-gate
			response, err := client.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			defer client.CloseIdleConnections()
			answer := fmt.Sprint(response.StatusCode)
			if to, err := response.Location(); err == nil {
				answer += " " + to.Query().Get("why")
			}
			for _, cookie := range response.Cookies() {
				if cookie.Name == ui.LoopbackSessionCookie && cookie.MaxAge >= 0 && cookie.Value != "" {
					answer += "session"
				}
			}
			mu.Lock()
			answers[answer]++
			mu.Unlock()
		})
	}
	close(gate)
	all.Wait()
	return answers
}

// Both ways to use many connections: each with a request of its own, and streams.
func TestFiveHundredAddressesGetNoMoreGuessesAtAnAccountThanOne(t *testing.T) {
	t.Parallel()
	for _, major := range []int{1, 2} {
		t.Run(fmt.Sprint("h", major), func(t *testing.T) {
			t.Parallel()
			// A code allows ten tries, so two flows would allow twenty between them.
			s := newLiveSite(t, `{
	stepgate {
		store memory
		email inbox
		code {
			tries 10
		}
	}
}
`+guarded(`respond "hello"`))
			s.signUp(s.browser(t), dana, "/")
			s.clock.advance(24 * time.Hour)
			var attackers []*browser
			var places []string
			for range 2 {
				b := s.browser(t)
				p := b.post("/.auth/sign-in", url.Values{"email": {dana}, "way": {"email_code"}})
				if p.StatusCode != http.StatusSeeOther || !strings.Contains(p.location, "/code?") {
					t.Fatalf("signing in: %d to %q", p.StatusCode, p.location)
				}
				attackers, places = append(attackers, b), append(places, p.location)
			}
			wrong := 0
			s.message(t, dana)
			for _, m := range s.app.live.Load().rt.inbox.Messages(dana) {
				if m.Code == fmt.Sprintf("%06d", wrong) {
					wrong++
				}
			}
			answers := s.burst(t, major, 500, fmt.Sprintf("%06d", wrong), attackers, places)
			judged := answers["303 code_wrong"]
			if answers["303 code_spent"] > 0 {
				judged++ // one flow got all ten, and the last of them ended its code
			}
			if judged != 10 {
				t.Errorf("%d guesses were judged, want the account's ten: %v", judged, answers)
			}
			total := 0
			for answer, n := range answers {
				total += n
				if strings.Contains(answer, "session") || strings.HasPrefix(answer, "5") {
					t.Errorf("%d answers %q", n, answer)
				}
			}
			if total != 500 {
				t.Errorf("%d answers: %v", total, answers)
			}
			b := s.browser(t)
			p := b.post("/.auth/sign-in", url.Values{"email": {dana}, "way": {"email_code"}})
			if p = b.here(p, url.Values{"code": {s.message(t, dana).Code}}); p.StatusCode != http.StatusTooManyRequests {
				t.Errorf("the right code of a new device afterwards: %d", p.StatusCode)
			}
		})
	}
}

func TestOfAHundredRightCodesFromAHundredAddressesOneOpensASession(t *testing.T) {
	t.Parallel()
	for _, major := range []int{1, 2} {
		t.Run(fmt.Sprint("h", major), func(t *testing.T) {
			t.Parallel()
			s := newLiveSite(t, guarded(`respond "hello"`))
			s.signUp(s.browser(t), dana, "/")
			s.clock.advance(24 * time.Hour)
			b := s.browser(t)
			p := b.post("/.auth/sign-in", url.Values{"email": {dana}, "way": {"email_code"}})
			answers := s.burst(t, major, 100, s.message(t, dana).Code, []*browser{b}, []string{p.location})
			opened := 0
			for answer, n := range answers {
				if strings.Contains(answer, "session") {
					opened += n
				}
			}
			if opened != 1 {
				t.Errorf("%d sessions were opened by one code: %v", opened, answers)
			}
		})
	}
}
