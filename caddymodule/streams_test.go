package caddymodule

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/websocket"
)

// echoSocket greets, and then sends everything back, until the other side is gone.
func echoSocket(gone chan<- struct{}) http.Handler {
	return websocket.Server{Handler: func(conn *websocket.Conn) {
		defer close(gone)
		if websocket.Message.Send(conn, "welcome") != nil {
			return
		}
		for {
			var message []byte
			if websocket.Message.Receive(conn, &message) != nil || websocket.Message.Send(conn, message) != nil {
				return
			}
		}
	}}
}

// socket opens a websocket at the site.
func (s *liveSite) socket(t testing.TB, header http.Header) (*websocket.Conn, error) {
	t.Helper()
	config, err := websocket.NewConfig("ws://localhost/ws", "http://localhost")
	if err != nil {
		t.Fatal(err)
	}
	config.Header = header
	return websocket.NewClient(config, s.dial(t))
}

func TestAWebsocketCarriesMessagesBothWaysAndEndsOnBothSides(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	app := newUpstream(t, echoSocket(gone))
	s := newLiveSite(t, proxied(app.addr))

	if conn, err := s.socket(t, nil); err == nil {
		conn.Close()
		t.Fatal("a websocket opened without a session")
	}
	if seen := app.take(); len(seen) != 0 {
		t.Fatalf("the handshake reached the application: %v", seen)
	}
	cookie := s.signIn(t, dana)
	conn, err := s.socket(t, http.Header{
		"Cookie": {"theme=dark; " + cookie.String()}, "X-Id-Token": {"forged"}, "X-Access-Token": {"forged"},
	})
	if err != nil {
		t.Fatal(err)
	}
	checkIdentity(t, app.one(t), "theme=dark")
	var greeting string
	if err := websocket.Message.Receive(conn, &greeting); err != nil || greeting != "welcome" {
		t.Fatalf("the application's first word: %q, %v", greeting, err)
	}
	for _, size := range []int{0, 1, 125, 126, 70_000, 1 << 20} {
		sent := bytes.Repeat([]byte("x"), size)
		var received []byte
		if err := websocket.Message.Send(conn, sent); err != nil {
			t.Fatal(err)
		}
		if err := websocket.Message.Receive(conn, &received); err != nil || !bytes.Equal(sent, received) {
			t.Fatalf("a message of %d bytes came back with %d, %v", size, len(received), err)
		}
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, gone, "the application to learn that the browser has gone")
}

// checkIdentity checks what the application was told of who is there: once, by us, and
// with no cookie but its own.
func checkIdentity(t testing.TB, header http.Header, cookie string) {
	t.Helper()
	for _, name := range []string{defaultIDTokenHeader, defaultAccessTokenHeader} {
		if tokens := header[name]; len(tokens) != 1 || strings.Count(tokens[0], ".") != 2 || !strings.HasPrefix(tokens[0], "eyJ") {
			t.Errorf("%s: %.40q", name, tokens)
		}
	}
	if got := strings.Join(header["Cookie"], "; "); got != cookie {
		t.Errorf("the application got the cookies %q, want %q", got, cookie)
	}
}

func TestEventsArriveWhileTheApplicationIsStillSending(t *testing.T) {
	t.Parallel()
	for _, major := range []int{1, 2} {
		t.Run(fmt.Sprintf("HTTP/%d", major), func(t *testing.T) {
			t.Parallel()
			next, gone := make(chan struct{}), make(chan struct{})
			app := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(gone)
				w.Header().Set("Content-Type", "text/event-stream")
				for i := 0; ; i++ {
					fmt.Fprintf(w, "id: %d\ndata: event %d\n\n", i, i)
					w.(http.Flusher).Flush()
					select {
					case <-next: // not before the client has the one before
					case <-r.Context().Done():
						return
					}
				}
			}))
			s := newLiveSite(t, proxied(app.addr))
			client := s.client(t, major)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			events, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/events", nil)
			if err != nil {
				t.Fatal(err)
			}
			events.Header.Set("Accept", "text/event-stream")
			refused(t, client, events, app)

			events.AddCookie(s.signIn(t, dana))
			response, err := client.Do(events)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			checkIdentity(t, app.one(t), "")
			if got := response.Header.Get("Content-Type"); response.StatusCode != 200 || got != "text/event-stream" {
				t.Fatalf("status %d, %s", response.StatusCode, got)
			}
			lines := bufio.NewScanner(response.Body)
			for i := range 5 {
				for _, want := range []string{fmt.Sprintf("id: %d", i), fmt.Sprintf("data: event %d", i), ""} {
					if !lines.Scan() || lines.Text() != want {
						t.Fatalf("event %d: %q, want %q (%v)", i, lines.Text(), want, lines.Err())
					}
				}
				if i < 4 {
					next <- struct{}{}
				}
			}
			leave()
			await(t, gone, "the application to learn that the browser has gone")
		})
	}
}

// refused sends a request without a session, and checks that it gets no further than
// the gateway.
func refused(t testing.TB, client *http.Client, r *http.Request, app *upstream) {
	t.Helper()
	response, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %s without a session: %v", r.Method, r.URL, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized || response.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("%s %s without a session: %d", r.Method, r.URL, response.StatusCode)
	}
	if seen := app.take(); len(seen) != 0 {
		t.Errorf("%s %s without a session reached the application: %v", r.Method, r.URL, seen)
	}
}

func TestTrailersAndInformationOfTheApplicationArrive(t *testing.T) {
	t.Parallel()
	app := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Link", "</app.css>; rel=preload")
		h.Set("Set-Cookie", "stepgate=planted")
		w.WriteHeader(http.StatusEarlyHints)
		h.Set("Trailer", "X-Checksum")
		fmt.Fprint(w, "body")
		w.(http.Flusher).Flush()
		h.Set("X-Checksum", "abc")
		h.Set(http.TrailerPrefix+"X-Unannounced", "def")
		h.Set(http.TrailerPrefix+defaultIDTokenHeader, r.Header.Get(defaultIDTokenHeader))
		h.Set(http.TrailerPrefix+"Set-Cookie", "stepgate=planted")
	}))
	s := newLiveSite(t, proxied(app.addr))
	cookie := s.signIn(t, dana)
	for _, major := range []int{1, 2} {
		r, hints := hinted(t, "http://localhost/x")
		refused(t, s.client(t, major), r, app)
		r.AddCookie(cookie)
		r.Header.Set("TE", "trailers")
		response, err := s.client(t, major).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || string(body) != "body" || response.StatusCode != 200 {
			t.Errorf("HTTP/%d: %d %q, %v", major, response.StatusCode, body, err)
		}
		if len(*hints) != 1 || (*hints)[0].Get("Link") != "</app.css>; rel=preload" || (*hints)[0].Get("Set-Cookie") != "" {
			t.Errorf("HTTP/%d: early hints %v", major, *hints)
		}
		if got := response.Trailer; got.Get("X-Checksum") != "abc" || got.Get("X-Unannounced") != "def" ||
			got.Get("Set-Cookie") != "" || got.Get(defaultIDTokenHeader) != "" {
			t.Errorf("HTTP/%d: trailer %v", major, got)
		}
		if got := response.Header.Values("Set-Cookie"); len(got) != 0 {
			t.Errorf("HTTP/%d: the application set %q", major, got)
		}
		header := app.one(t)
		checkIdentity(t, header, "")
		if header.Get("TE") != "trailers" { // without it an application may leave trailers out
			t.Errorf("HTTP/%d: the application was not told that trailers are welcome: %v", major, header)
		}
	}
}

func TestTheApplicationCanNeitherSetNorClearWhatIsOurs(t *testing.T) {
	t.Parallel()
	app := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for _, value := range []string{
			"app=1; Path=/", "stepgate=planted; Path=/", "stepgate-browser=planted", "__Host-stepgate=planted; Secure; Path=/", "STEPGATE=planted",
		} {
			h.Add("Set-Cookie", value)
		}
		h.Set("Clear-Site-Data", `"cache", "cookies"`)
		h.Set(defaultIDTokenHeader, r.Header.Get(defaultIDTokenHeader))
		h.Set(defaultAccessTokenHeader, "x")
		if r.Header.Get("Upgrade") == "" {
			fmt.Fprint(w, "page")
			return
		}
		h.Set("Connection", "Upgrade")
		h.Set("Upgrade", "websocket")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			conn.Close()
		}
	}))
	s := newLiveSite(t, proxied(app.addr))
	cookie := s.signIn(t, dana)
	for name, more := range map[string]string{
		"a page":      "",
		"a websocket": "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
	} {
		conn := s.dial(t)
		fmt.Fprintf(conn, "GET /x HTTP/1.1\r\nHost: localhost\r\nCookie: %s; app=0\r\n"+
			"X-Id-Token: forged\r\nX-Id-Token: forged\r\nX_Id_Token: forged\r\n%s\r\n", cookie, more)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if want := 200; more == "" && response.StatusCode != want || more != "" && response.StatusCode != 101 {
			t.Errorf("%s: %d", name, response.StatusCode)
		}
		if got := response.Header["Set-Cookie"]; len(got) != 1 || got[0] != "app=1; Path=/" {
			t.Errorf("%s: cookies %q", name, got)
		}
		if got := response.Header.Get("Clear-Site-Data"); got != `"cache"` {
			t.Errorf("%s: Clear-Site-Data %s", name, got)
		}
		if id, access := response.Header[defaultIDTokenHeader], response.Header[defaultAccessTokenHeader]; id != nil || access != nil {
			t.Errorf("%s: tokens went back to the browser: %.40q, %q", name, id, access)
		}
		checkIdentity(t, app.one(t), "app=0")
	}
}
