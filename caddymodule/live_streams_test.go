package caddymodule

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	goruntime "runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/websocket"
	"google.golang.org/grpc/metadata"
)

// A streamer is an application whose answers begin, and go on until the other side is gone.
type streamer struct {
	*upstream
	mu   sync.Mutex
	gone []chan struct{} // by the number of the stream
}

func newStreamer(t testing.TB) *streamer {
	t.Helper()
	a := new(streamer)
	a.upstream = newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil {
			return
		}
		defer close(a.goneOf(n))
		if r.Header.Get("Upgrade") != "" {
			websocket.Server{Handler: func(conn *websocket.Conn) {
				if websocket.Message.Send(conn, "first") == nil {
					_, _ = conn.Read(make([]byte, 1)) // nothing comes
				}
			}}.ServeHTTP(w, r)
			return
		}
		if r.Method == http.MethodPost {
			_, _ = io.ReadAll(r.Body)
		}
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		fmt.Fprint(w, "first\n")
		w.(http.Flusher).Flush()
		flood := strings.Repeat("x", 1<<16)
		for r.URL.Query().Has("flood") {
			if _, err := io.WriteString(w, flood); err != nil {
				return
			}
		}
		<-r.Context().Done()
	}))
	return a
}

func (a *streamer) goneOf(n int) chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.gone[n]
}

func (a *streamer) number() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone = append(a.gone, make(chan struct{}))
	return len(a.gone) - 1
}

// An openStream is one that has begun.
type openStream struct {
	over chan error    // why its client has read no more; nil: it reads nothing
	gone chan struct{} // the application has learned of the end
}

func (o *openStream) await(t testing.TB) {
	t.Helper()
	if o.over != nil {
		await(t, o.over, "the stream to end for its client")
	}
	await(t, o.gone, "the application to learn of it")
}

// A streamKind is a way to open one.
type streamKind struct {
	major  int // version of HTTP
	method string
	// asks says that the request tells what it is, and not only the answer.
	asks   bool
	answer string // media type; empty: a websocket
	unread bool   // the client stops reading, and the application does not stop writing
}

func (k streamKind) String() string {
	return strings.Join(strings.Fields(fmt.Sprintf("HTTP/%d %s %s asks=%v unread=%v", k.major, k.method, k.answer, k.asks, k.unread)), " ")
}

var streamKinds = []streamKind{
	{major: 1, method: "GET", asks: true},
	{major: 1, method: "GET", asks: true, answer: "text/event-stream"},
	{major: 2, method: "GET", asks: true, answer: "text/event-stream"},
	{major: 1, method: "GET", answer: "text/event-stream"},
	{major: 2, method: "GET", answer: "Text/Event-Stream; charset=utf-8"},
	{major: 1, method: "POST", answer: "text/event-stream"},
	{major: 2, method: "POST", answer: "application/grpc-web+proto"},
	{major: 1, method: "GET", answer: "application/x-ndjson"},
	{major: 2, method: "GET", answer: "multipart/x-mixed-replace;boundary=x"},
	{major: 1, method: "GET", asks: true, answer: "text/event-stream", unread: true},
	{major: 2, method: "GET", asks: true, answer: "text/event-stream", unread: true},
	{major: 1, method: "GET", answer: "application/x-ndjson", unread: true},
	{major: 2, method: "GET", answer: "application/x-ndjson", unread: true},
}

// open begins a stream, and reads its first word.
func (a *streamer) open(t testing.TB, s *liveSite, client *http.Client, kind streamKind, cookie *http.Cookie) *openStream {
	t.Helper()
	n := a.number()
	stream := &openStream{gone: a.goneOf(n)}
	if kind.answer == "" {
		stream.over = a.openSocket(t, s, n, cookie)
		return stream
	}
	query := url.Values{"n": {strconv.Itoa(n)}, "type": {kind.answer}}
	if kind.unread {
		query.Set("flood", "1")
	}
	r, err := http.NewRequestWithContext(t.Context(), kind.method, "http://localhost/stream?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if kind.method == http.MethodPost {
		r.Body = io.NopCloser(strings.NewReader(`{"method":"tools/call"}`))
	}
	if kind.asks {
		r.Header.Set("Accept", "application/json, "+kind.answer+";q=0.9")
	}
	if cookie != nil {
		r.AddCookie(cookie)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(response.Body)
	if line, err := lines.ReadString('\n'); response.StatusCode != 200 || line != "first\n" {
		t.Fatalf("%v: %d, %q, %v", kind, response.StatusCode, line, err)
	}
	if kind.unread {
		t.Cleanup(func() { response.Body.Close() })
		return stream
	}
	stream.over = make(chan error, 1)
	go func() {
		defer response.Body.Close()
		_, err := lines.ReadString('\n')
		stream.over <- err
	}()
	return stream
}

func (a *streamer) openSocket(t testing.TB, s *liveSite, n int, cookie *http.Cookie) chan error {
	t.Helper()
	config, err := websocket.NewConfig(fmt.Sprintf("ws://localhost/stream?n=%d", n), "http://localhost")
	if err != nil {
		t.Fatal(err)
	}
	config.Header = make(http.Header)
	if cookie != nil {
		config.Header.Set("Cookie", cookie.String())
	}
	conn, err := websocket.NewClient(config, s.dial(t))
	if err != nil {
		t.Fatal(err)
	}
	var message string
	if err := websocket.Message.Receive(conn, &message); err != nil || message != "first" {
		t.Fatalf("%q, %v", message, err)
	}
	over := make(chan error, 1)
	go func() { over <- websocket.Message.Receive(conn, &message) }()
	return over
}

func lock(t *testing.T, s *liveSite, b *browser) {
	engine := s.app.live.Load().engine
	live, err := engine.Authenticate(t.Context(), s.origin, b.session().Value)
	if err == nil {
		err = engine.SetDisabled(t.Context(), live.User, true)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestStreamsEndWithTheirSession(t *testing.T) {
	t.Parallel()
	for how, end := range map[string]func(t *testing.T, s *liveSite, b *browser){
		"sign-out":         func(_ *testing.T, _ *liveSite, b *browser) { b.post("/.auth/sign-out", nil) },
		"a lock":           lock,
		"its absolute end": func(_ *testing.T, s *liveSite, _ *browser) { s.clock.advance(12*time.Hour - 59*time.Minute) },
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			app := newStreamer(t)
			s := newLiveSite(t, proxied(app.addr, "public on /stream"))
			b := s.browser(t)
			s.signUp(b, dana, "/")
			other := s.signIn(t, "kim@example.com")
			var mine, rest []*openStream
			clients := []*http.Client{nil, s.client(t, 1), s.client(t, 2)}
			for _, kind := range streamKinds {
				mine = append(mine, app.open(t, s, clients[kind.major], kind, b.session()))
				rest = append(rest, app.open(t, s, clients[kind.major], kind, nil))
				if how != "its absolute end" {
					rest = append(rest, app.open(t, s, clients[kind.major], kind, other))
				}
			}
			s.clock.advance(59 * time.Minute) // long without use, and not too long
			end(t, s, b)
			for i, stream := range mine {
				t.Log(streamKinds[i])
				stream.await(t)
			}
			for _, stream := range rest {
				if len(stream.over) != 0 || isClosed(stream.gone) {
					t.Error("the stream of somebody else ended")
				}
			}
			// What shared a connection with them works.
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/stream", nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, client := range clients[1:] {
				response, err := client.Do(r)
				if err != nil || response.StatusCode != 200 {
					t.Fatalf("afterwards: %v, %v", response, err)
				}
				response.Body.Close()
			}
		})
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestAGRPCStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	calls := make(chan metadata.MD, 8)
	s := newLiveSite(t, proxied("h2c://"+ledger(t, calls)))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	stream := s.follow(t, metadata.Pairs("cookie", b.session().String()))
	entry, answer := "one", ""
	if err := stream.SendMsg(&entry); err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(&answer); err != nil || answer != "booked one" {
		t.Fatalf("%q, %v", answer, err)
	}
	over := make(chan error, 1)
	go func() { over <- stream.RecvMsg(&answer) }()
	b.post("/.auth/sign-out", nil)
	if err := await(t, over, "the stream to end"); err == nil || err == io.EOF {
		t.Errorf("it ended as if all were well: %v", err)
	}
}

func TestAStreamOfATokenEndsWithTheToken(t *testing.T) {
	t.Parallel()
	app := newStreamer(t)
	s := newLiveSite(t, proxied(app.addr, "client "+spa))
	native := s.native(t, spa)
	access := native.tokens(native.signUp(dana)).Access
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		fmt.Sprintf("http://localhost/stream?n=%d&type=text/event-stream", app.number()), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+access)
	response, err := s.client(t, 2).Do(r)
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("%v, %v", response, err)
	}
	defer response.Body.Close()
	s.clock.advance(time.Hour) // a token lives for less
	await(t, app.goneOf(0), "the application to learn of it")
}

// One after the other, as no other test must bring goroutines meanwhile.
func TestStreamsThatEndedLeaveNothingBehind(t *testing.T) {
	app := newStreamer(t)
	s := newLiveSite(t, proxied(app.addr))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	clients := []*http.Client{nil, s.client(t, 1), s.client(t, 2)}
	before := goruntime.NumGoroutine()
	var all []*openStream
	for range 10 {
		for _, kind := range streamKinds {
			if !kind.unread {
				all = append(all, app.open(t, s, clients[kind.major], kind, b.session()))
			}
		}
	}
	cache := s.app.live.Load().engine.Cache
	if n := cache.Watched(); n != len(all) {
		t.Errorf("%d of %d streams are watched", n, len(all))
	}
	b.post("/.auth/sign-out", nil)
	for _, stream := range all {
		stream.await(t)
	}
	if n := cache.Watched(); n != 0 {
		t.Errorf("%d are still watched", n)
	}
	// What remains are connections that are kept for the next request: to the application,
	// and one to the site.
	end := time.After(patience)
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for n := 0; ; {
		if n = goruntime.NumGoroutine() - before; n <= 20 {
			break
		}
		select {
		case <-poll.C:
		case <-end:
			t.Fatalf("%d streams left %d goroutines behind", len(all), n)
		}
	}
}

func TestOrdinaryRequestsAreAttendedForNothing(t *testing.T) {
	s := newSite(t, payrollSite()) // not parallel: allocations are counted
	b := s.browser(t)
	s.signUp(b, dana, "/")
	session, err := s.app.live.Load().engine.Authenticate(t.Context(), s.origin, b.session().Value)
	if err != nil || session == nil {
		t.Fatal(session, err)
	}
	site := s.handlers[0].sites[0]
	for _, accept := range []string{"text/html,application/xhtml+xml,*/*;q=0.8", "application/json, text/plain, */*", ""} {
		r := visitor("/report", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		guard := site.hygiene.GuardResponse(w)
		n := testing.AllocsPerRun(100, func() {
			attended, release := site.attend(guard, r, session)
			if attended != r {
				t.Error("an ordinary request was given another context")
			}
			release()
		})
		if n != 0 {
			t.Errorf("Accept: %s costs %v allocations", accept, n)
		}
		guard.Done()
	}
}

func TestStreamsAreToldByWhatRequestsAskFor(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		method, header, value string
		want                  bool
	}{
		{"GET", "Accept", "*/*", false},
		{"GET", "Accept", "text/html", false},
		{"GET", "Accept", "text/event-streams, xtext/event-stream", false},
		{"GET", "Accept", "text/event-stream", true},
		{"POST", "Accept", "application/json,\tTEXT/EVENT-STREAM ; q=0.5", true},
		{"GET", "Upgrade", "websocket", true},
		{"CONNECT", ":protocol", "websocket", true},
		{"POST", "Content-Type", "application/grpc", true},
		{"POST", "Content-Type", "Application/GRPC-web+proto", true},
		{"POST", "Content-Type", "application/json", false},
		{"POST", "Content-Type", "", false},
	} {
		r := &http.Request{Method: row.method, Header: http.Header{row.header: {row.value}}}
		if got := wantsStream(r); got != row.want {
			t.Errorf("%s, %s: %s: %v", row.method, row.header, row.value, got)
		}
	}
}

// Between finding the session and attending to its stream it may have been revoked.
func TestAStreamOfASessionThatHasEndedDoesNotBegin(t *testing.T) {
	t.Parallel()
	s := newLiveSite(t, guarded("respond ok"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	session, err := s.app.live.Load().engine.Authenticate(t.Context(), s.origin, b.session().Value)
	if err != nil || session == nil {
		t.Fatal(session, err)
	}
	site := s.handlers[0].sites[0]
	r := visitor("/events", nil)
	r.Header.Set("Accept", "text/event-stream")
	guard := site.hygiene.GuardResponse(httptest.NewRecorder())

	cache := s.app.live.Load().engine.Cache
	_, release := site.attend(guard, r, session)
	if n := cache.Watched(); n != 1 {
		t.Errorf("%d streams are watched", n)
	}
	if release(); cache.Watched() != 0 {
		t.Error("a stream that is over is still watched")
	}

	b.post("/.auth/sign-out", nil)
	attended, release := site.attend(guard, r, session)
	defer release()
	await(t, attended.Context().Done(), "the request to be cancelled")
	for end := time.Now().Add(patience); ; goruntime.Gosched() { // the guard is told next
		if _, err := guard.Write([]byte("event")); err != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the stream goes on")
		}
	}
}
