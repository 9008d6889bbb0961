package caddymodule

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	goruntime "runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// hinted makes a request that keeps the informational answers (1xx) to it.
func hinted(t testing.TB, url string) (*http.Request, *[]http.Header) {
	t.Helper()
	hints := new([]http.Header)
	trace := &httptrace.ClientTrace{Got1xxResponse: func(_ int, header textproto.MIMEHeader) error {
		*hints = append(*hints, http.Header(header))
		return nil
	}}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r, hints
}

// upload is a body that goes on after its first part only when it is let.
type upload struct {
	size, first int64
	goOn        <-chan struct{}
	sent        atomic.Int64
	sum         hash.Hash // of what was sent; to be read when all was
}

func (u *upload) Read(p []byte) (int, error) {
	sent := u.sent.Load()
	if sent == u.size {
		return 0, io.EOF
	}
	end := u.size
	if sent < u.first {
		end = u.first
	} else if sent == u.first {
		select {
		case <-u.goOn:
		case <-time.After(patience):
			return 0, errors.New("the application has not seen the first part")
		}
	}
	p = p[:min(int64(len(p)), end-sent)]
	for i := range p {
		p[i] = byte((sent + int64(i)) >> 10)
	}
	u.sum.Write(p)
	u.sent.Add(int64(len(p)))
	return len(p), nil
}

// heap is the number of bytes in use.
func heap() uint64 {
	goruntime.GC()
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Not parallel: it measures the memory of the whole process.
func TestALargeUploadArrivesAsItIsSent(t *testing.T) {
	const step = 16 << 20
	var peak uint64
	begun := make(chan struct{}, 1)
	app := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum, total := sha256.New(), 0
		for buf := make([]byte, 64<<10); ; {
			n, err := r.Body.Read(buf)
			if n > 0 && total == 0 {
				begun <- struct{}{}
			}
			if (total+n)/step > total/step {
				peak = max(peak, heap())
			}
			sum.Write(buf[:n])
			total += n
			if err == io.EOF {
				break
			} else if err != nil {
				return
			}
		}
		fmt.Fprintf(w, "%d %x", total, sum.Sum(nil))
	}))
	s := newLiveSite(t, proxied(app.addr))
	for _, major := range []int{1, 2} {
		body := &upload{size: 64 << 20, sum: sha256.New(), goOn: begun}
		begun <- struct{}{} // the application will never say so
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://localhost/file", io.NopCloser(body))
		if err != nil {
			t.Fatal(err)
		}
		// The answer may be lost when the gateway hangs up on what it will not take.
		response, err := s.client(t, major).Do(r)
		if err == nil {
			response.Body.Close()
		}
		if err == nil && response.StatusCode != 401 || body.sent.Load() == body.size || len(app.take()) != 0 {
			t.Errorf("HTTP/%d: %v, %v after %d MiB without a session", major, response, err, body.sent.Load()>>20)
		}
	}
	cookie := s.signIn(t, dana)
	for _, row := range []struct {
		major  int
		length int64 // as the client says it
		size   int64
	}{
		{1, 64 << 20, 64 << 20}, {1, -1, 4 << 20}, {2, -1, 20 << 20},
	} {
		body := &upload{size: row.size, first: 1 << 20, goOn: begun, sum: sha256.New()}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://localhost/file", io.NopCloser(body))
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = row.length
		r.AddCookie(cookie)
		before := heap()
		peak = 0
		response, err := s.client(t, row.major).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		response.Body.Close()
		if want := fmt.Sprintf("%d %x", row.size, body.sum.Sum(nil)); err != nil || string(got) != want {
			t.Errorf("HTTP/%d: the application got %s (%v), want %s", row.major, got, err, want)
		}
		if grown := int64(peak) - int64(before); grown > 8<<20 {
			t.Errorf("HTTP/%d: an upload of %d MiB took %d MiB of memory", row.major, row.size>>20, grown>>20)
		}
	}
}

// unread is a body that must not be asked for.
type unread struct{ t testing.TB }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was sent")
	return 0, io.EOF
}

func TestABodyIsAskedForOnlyWhenItMayCome(t *testing.T) {
	t.Parallel()
	app := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(w, r.Body); err != nil {
			t.Error(err)
		}
	}))
	s := newLiveSite(t, proxied(app.addr))
	client := s.client(t, 1)
	ask := func(body io.Reader) (*http.Request, *[]http.Header) {
		r, hints := hinted(t, "http://localhost/form")
		r.Method, r.Body, r.ContentLength = http.MethodPost, io.NopCloser(body), 5
		r.Header.Set("Expect", "100-continue")
		return r, hints
	}
	r, hints := ask(unread{t})
	refused(t, client, r, app)
	if len(*hints) != 0 {
		t.Error("an anonymous client was told to go on")
	}
	r, hints = ask(strings.NewReader("hello"))
	r.AddCookie(s.signIn(t, dana))
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	// The gateway says so, and what the application says is passed on.
	if err != nil || string(body) != "hello" || len(*hints) == 0 || response.Close {
		t.Errorf("%q, %v, after %d times 100 Continue; closed: %t", body, err, len(*hints), response.Close)
	}
	checkIdentity(t, app.one(t), "")
}

func TestDownloadsKeepRangesConditionsAndLengths(t *testing.T) {
	t.Parallel()
	content := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(content) // never fails
	app := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		http.ServeContent(w, r, "report.bin", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), bytes.NewReader(content))
	}))
	s := newLiveSite(t, proxied(app.addr))
	cookie := s.signIn(t, dana)
	for _, major := range []int{1, 2} {
		client := s.client(t, major)
		for name, row := range map[string]struct {
			method string
			header http.Header
			status int
			length int64 // as it is declared
			body   []byte
			has    http.Header // of the answer
		}{
			"all of it":      {"GET", nil, 200, 1 << 20, content, http.Header{"Accept-Ranges": {"bytes"}}},
			"a range":        {"GET", http.Header{"Range": {"bytes=1000-1999"}}, 206, 1000, content[1000:2000], http.Header{"Content-Range": {"bytes 1000-1999/1048576"}}},
			"the end":        {"GET", http.Header{"Range": {"bytes=-10"}}, 206, 10, content[1<<20-10:], http.Header{"Content-Range": {"bytes 1048566-1048575/1048576"}}},
			"beyond the end": {"GET", http.Header{"Range": {"bytes=2000000-"}}, 416, 33, []byte("invalid range: failed to overlap\n"), http.Header{"Content-Range": {"bytes */1048576"}}},
			"what changed":   {"GET", http.Header{"Range": {"bytes=0-9"}, "If-Range": {`"v0"`}}, 200, 1 << 20, content, nil},
			"what did not":   {"GET", http.Header{"Range": {"bytes=0-9"}, "If-Range": {`"v1"`}}, 206, 10, content[:10], nil},
			"nothing new":    {"GET", http.Header{"If-None-Match": {`"v1"`}}, 304, 0, nil, http.Header{"Etag": {`"v1"`}}},
			"not modified":   {"GET", http.Header{"If-Modified-Since": {"Thu, 01 Jan 2026 00:00:00 GMT"}}, 304, 0, nil, nil},
			"the head":       {"HEAD", nil, 200, 1 << 20, nil, http.Header{"Etag": {`"v1"`}, "Accept-Ranges": {"bytes"}}},
		} {
			r, err := http.NewRequestWithContext(t.Context(), row.method, "http://localhost/report.bin", nil)
			if err != nil {
				t.Fatal(err)
			}
			if row.header != nil {
				r.Header = row.header
			}
			refused(t, client, r, app)
			r.AddCookie(cookie)
			response, err := client.Do(r)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil || response.StatusCode != row.status || !bytes.Equal(body, row.body) {
				t.Errorf("HTTP/%d, %s: %d with %d bytes, %v; want %d with %d", major, name, response.StatusCode, len(body), err, row.status, len(row.body))
			}
			if got := max(response.ContentLength, 0); got != row.length {
				t.Errorf("HTTP/%d, %s: a length of %d, want %d", major, name, got, row.length)
			}
			for name, want := range row.has {
				if got := response.Header.Get(name); got != want[0] {
					t.Errorf("HTTP/%d, %s: %s: %s, want %s", major, name, name, got, want[0])
				}
			}
			checkIdentity(t, app.one(t), "")
		}
	}
}
