package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// reloads is a real Caddy in this process, on a port of loopback.
type reloads struct {
	t      *testing.T
	site   *testSite
	listen string
}

func newReloads(t *testing.T) *reloads {
	t.Helper()
	forgetCounts(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() // Caddy's from now on
	listen := listener.Addr().String()
	return &reloads{t: t, site: &testSite{logs: newTestLog(t), origin: "http://" + listen}, listen: listen}
}

// config is a whole configuration with the members given laid over the app's and the
// handler's, and more servers beside srv0.
func (r *reloads) config(app, handler, servers string) []byte {
	return r.site.hermetic(r.t, []byte(`{"apps": {
		"stepgate": {
			"store": {"module": "counted", "name": "`+r.t.Name()+`"},
			"secret": "`+testSecret+`",
			"email": [{"module": "inbox"}]`+app+`
		},
		"http": {"servers": {"srv0": {
			"listen": ["`+r.listen+`"],
			"routes": [{"handle": [
				{"handler": "stepgate", "origins": ["`+r.site.origin+`"], "rules": [{"verb": "public", "match": [{"path": ["/open"]}]}]`+handler+`},
				{"handler": "static_response", "body": "hello {http.auth.user.email}"}
			]}]
		}`+servers+`}}
	}}`))
}

// openRuntimeOf finds what is open at a place.
func openRuntimeOf(place string) (found *runtime) {
	pool.Range(func(key, value any) bool {
		if key == place {
			found = value.(*runtime)
		}
		return found == nil
	})
	return found
}

func TestReloadsGoodAndBrokenLoseNoRequestAndNoSession(t *testing.T) {
	const rounds = 100
	r := newReloads(t)
	counts := countsOf(t.Name())
	if err := caddy.Load(r.config("", "", ""), true); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			if err := caddy.Stop(); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	rt := openRuntimeOf("counted " + t.Name())
	if rt == nil {
		t.Fatal("nothing is open")
	}
	r.site.app = new(App)
	r.site.app.live.Store(&live{rt: rt})
	person := r.site.browser(t)
	person.client.Transport = http.DefaultTransport
	if p := r.site.signUp(person, dana, "/"); p.location != "/" {
		t.Fatalf("signing up: %d to %q\n%s", p.StatusCode, p.location, p.body)
	}

	done := make(chan struct{})
	var requests atomic.Int64
	var all sync.WaitGroup
	for i := range 4 {
		// Half of them make a new connection each time.
		transport := &http.Transport{DisableKeepAlives: i%2 == 0}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport, Jar: person.client.Jar}
		path, want := "/open", "hello dana@example.com"
		if i >= 2 {
			path = "/"
		}
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := expect(client, r.site.origin+path, want); err != nil {
					t.Error(err)
					return
				}
				requests.Add(1)
			}
		})
	}

	occupied, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer occupied.Close()
	broken := []struct{ app, handler, servers string }{
		{`, "stroe": {}`, "", ""},
		{"", `, "prefix": "no slash"`, ""},
		{"", `, "sensitivities": {"unused": {"match": [{"path": ["/x"]}]}}`, ""},
		{`, "sms": [{"module": "vonage"}]`, "", ""},
		{`, "store": {"module": "counted", "name": "` + t.Name() + `", "opt": "changed"}`, "", ""},
		{`, "secret": "` + strings.Repeat("b3RoZXIx", 8) + `"`, "", ""},
		// This one fails when the servers start, perhaps after our app did.
		{"", "", `, "srv1": {"listen": ["` + occupied.Addr().String() + `"]}`},
	}
	for i := range rounds {
		if i%2 == 0 {
			mistake := broken[i/2%len(broken)]
			if err := caddy.Load(r.config(mistake.app, mistake.handler, mistake.servers), true); err == nil {
				t.Errorf("round %d: accepted %v", i, mistake)
			}
			continue
		}
		if err := caddy.Load(r.config("", fmt.Sprintf(`, "name": "Round %d"`, i), ""), true); err != nil {
			t.Errorf("round %d: %v", i, err)
		}
	}
	close(done)
	all.Wait()

	if requests.Load() < rounds {
		t.Errorf("only %d requests were made", requests.Load())
	}
	if opened, closed := counts.opened.Load(), counts.closed.Load(); opened != 1 || closed != 0 {
		t.Errorf("opened %d times, closed %d times", opened, closed)
	}
	if n := len(rt.senders.stack); n != 1 {
		t.Errorf("the senders of %d configurations are kept", n)
	}
	stop()
	if closed := counts.closed.Load(); closed != 1 {
		t.Errorf("stopping closed the store %d times", closed)
	}
	if openRuntimeOf("counted "+t.Name()) != nil {
		t.Error("something is still open")
	}
}

// expect asks for a page. A connection that is closed without an answer is tried again,
// as RFC 9112, 9.3.1 has it: net/http closes connections whose request it has just read
// when its server begins to shut down, and Linux resets those that wait for an accept.
// No handler hears of either. An answer that came and is wrong is never tried again.
func expect(client *http.Client, url, want string) error {
	var response *http.Response
	var err error
	for range 10 {
		response, err = client.Get(url)
		if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			break
		}
	}
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || string(body) != want {
		return fmt.Errorf("%s: %d %s (%v)", url, response.StatusCode, body, err)
	}
	return nil
}

func TestValidatingBesideARunningConfigurationTouchesNothing(t *testing.T) {
	r := newReloads(t)
	counts := countsOf(t.Name())
	if err := caddy.Load(r.config("", "", ""), true); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	}()
	for _, handler := range []string{"", `, "prefix": "no slash"`} {
		config := new(caddy.Config)
		if err := caddy.StrictUnmarshalJSON(r.config("", handler, ""), config); err != nil {
			t.Fatal(err)
		}
		if err := caddy.Validate(config); (err == nil) != (handler == "") {
			t.Errorf("validating %q: %v", handler, err)
		}
	}
	if opened, closed := counts.opened.Load(), counts.closed.Load(); opened != 1 || closed != 0 {
		t.Errorf("opened %d times, closed %d times", opened, closed)
	}
	if err := expect(http.DefaultClient, r.site.origin+"/open", "hello "); err != nil {
		t.Error(err)
	}
}

func TestRemovingTheSiteClosesTheStore(t *testing.T) {
	r := newReloads(t)
	counts := countsOf(t.Name())
	if err := caddy.Load(r.config("", "", ""), true); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(r.site.hermetic(t, []byte(`{"apps": {}}`)), true); err != nil {
		t.Fatal(err)
	}
	if opened, closed := counts.opened.Load(), counts.closed.Load(); opened != 1 || closed != 1 {
		t.Errorf("opened %d times, closed %d times", opened, closed)
	}
	if err := caddy.Stop(); err != nil {
		t.Error(err)
	}
}
