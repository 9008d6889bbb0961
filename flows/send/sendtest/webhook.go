package sendtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// WebhookSecret is the secret of every [WebhookReceiver].
const WebhookSecret = "whsec_bm90IGEgc2VjcmV0LCBmb3IgdGVzdHMgb25seQ=="

// Posted is a message as a [WebhookReceiver] read it.
type Posted struct {
	ID      string    `json:"id"`
	Medium  string    `json:"medium"`
	To      string    `json:"to"`
	Purpose string    `json:"purpose"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	Lang    string    `json:"lang"`
	Code    string    `json:"code"`
	Expires time.Time `json:"expires"`

	Header http.Header `json:"-"`
}

// A WebhookReceiver takes signed messages as the contract of package webhook says:
// 401 for a wrong signature, 409 for an ID that it has, 204 for what it takes.
type WebhookReceiver struct {
	URL string

	// Answer, if set, answers a POST itself after its signature was verified; returning
	// false leaves it to the receiver. Set it before the first request.
	Answer func(w http.ResponseWriter, r *http.Request, p Posted) bool

	http   *httpServer
	mu     sync.Mutex
	fault  Fault
	checks int
	seen   map[string]bool
	posts  box[Posted]
	taken  box[Posted]
}

// Webhook starts a receiver that ends with the test.
func Webhook(t testing.TB) *WebhookReceiver {
	h := &WebhookReceiver{seen: map[string]bool{}}
	h.http = newHTTPServer(t, h)
	h.URL = h.http.url + "/send"
	return h
}

// Break makes the receiver fail from now on; with [NoFault] it works again. Refuse takes
// an HTTP status, such as Refuse("503"). The lies are those of a [VonageServer].
func (h *WebhookReceiver) Break(f Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = f
}

// Posts are the messages with a right signature, refused ones included, oldest first.
func (h *WebhookReceiver) Posts() []Posted { return h.posts.all() }

// Taken are the messages that the receiver may deliver, oldest first: all that were read
// to the end and not refused, whether or not it was said. One ID is taken once.
func (h *WebhookReceiver) Taken() []Posted { return h.taken.all() }

// WaitFor waits for n taken messages and returns all.
func (h *WebhookReceiver) WaitFor(t testing.TB, n int) []Posted {
	t.Helper()
	return h.taken.wait(t, "messages", func(got []Posted) bool { return len(got) >= n })
}

// Checks is how many signed HEADs came.
func (h *WebhookReceiver) Checks() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.checks
}

func (h *WebhookReceiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	fault := h.fault
	h.mu.Unlock()
	if fault == HangUnread {
		h.http.play(w, Hang)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil || !verified(r.Header, body, time.Now()) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var p Posted
	if r.Method == http.MethodPost {
		if err := json.Unmarshal(body, &p); err != nil || p.ID != r.Header.Get("webhook-id") ||
			r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		p.Header = r.Header
		h.posts.put(p)
		if h.Answer != nil && h.Answer(w, r, p) {
			return
		}
	}
	if code, ok := strings.CutPrefix(string(fault), "refuse "); ok {
		n, _ := strconv.Atoi(code)
		http.Error(w, "refused for "+p.To+": "+p.Text, n)
		return
	}
	again := h.take(r.Method, p)
	switch {
	case lies[fault] != "":
		_, _ = w.Write([]byte(lies[fault]))
	case fault != NoFault:
		h.http.play(w, fault)
	case again:
		w.WriteHeader(http.StatusConflict)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// take keeps what is new and reports whether the message is not.
func (h *WebhookReceiver) take(method string, p Posted) (again bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if method == http.MethodHead {
		h.checks++
		return false
	}
	if h.seen[p.ID] {
		return true
	}
	h.seen[p.ID] = true
	h.taken.put(p)
	return false
}

// verified follows the Standard Webhooks specification, with the secret of tests.
func verified(header http.Header, body []byte, now time.Time) bool {
	id, at := header.Get("webhook-id"), header.Get("webhook-timestamp")
	sec, err := strconv.ParseInt(at, 10, 64)
	if err != nil || math.Abs(now.Sub(time.Unix(sec, 0)).Seconds()) > 300 {
		return false
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(WebhookSecret, "whsec_"))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, id+"."+at+"."+string(body))
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, got := range strings.Fields(header.Get("webhook-signature")) {
		if hmac.Equal([]byte(got), []byte(want)) {
			return true
		}
	}
	return false
}
