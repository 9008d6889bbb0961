package sendtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/stepgate/stepgate/flows/send"
)

// Credentials that a [VonageServer] accepts.
const (
	VonageKey    = "abcd1234"
	VonageSecret = "aaaa-not-a-real-secret"
)

// A VonageServer answers POST /sms/json as Vonage's SMS API does: always 200, one entry
// per part of the text, each with its own status.
type VonageServer struct {
	URL string // base URL: what the sender appends "/json" to

	// Answer, if set, answers a request itself; returning false leaves it to the server.
	Answer func(w http.ResponseWriter, r *http.Request, form url.Values) bool

	mu       sync.Mutex
	statuses []string
	requests box[url.Values]
}

// Vonage starts a [VonageServer] that ends with the test. Set Answer before using it.
func Vonage(t testing.TB) *VonageServer {
	v := &VonageServer{}
	srv := httptest.NewServer(v)
	t.Cleanup(srv.Close)
	v.URL = srv.URL + "/sms"
	return v
}

// Statuses sets the status of each part of the coming messages, the last one for all
// further parts: Statuses("0", "9") accepts the first part and refuses the second.
func (v *VonageServer) Statuses(s ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.statuses = s
}

// Requests are the forms posted so far, credentials included, oldest first.
func (v *VonageServer) Requests() []url.Values { return v.requests.all() }

// WaitFor waits for n requests and returns all.
func (v *VonageServer) WaitFor(t testing.TB, n int) []url.Values {
	t.Helper()
	return v.requests.wait(t, "requests", func(got []url.Values) bool { return len(got) >= n })
}

func (v *VonageServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/sms/json" || r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	v.requests.put(r.PostForm)
	if v.Answer != nil && v.Answer(w, r, r.PostForm) {
		return
	}
	v.reply(w, r.PostForm)
}

func (v *VonageServer) reply(w http.ResponseWriter, form url.Values) {
	_, _, parts := send.Segments(form.Get("text"))
	messages := make([]map[string]string, 0, parts)
	for i := range parts {
		status := v.status(form, i)
		m := map[string]string{"to": form.Get("to"), "status": status}
		if status == "0" {
			m["message-id"] = fmt.Sprintf("0A00000001234ABC%d", i)
			m["remaining-balance"], m["message-price"], m["network"] = "3.14159265", "0.03330000", "23410"
		} else {
			m["error-text"] = vonageTexts[status] + " - rejected for " + form.Get("to")
		}
		messages = append(messages, m)
		if status == "4" || status == "2" {
			break // refused before the text was ever looked at
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"message-count": strconv.Itoa(len(messages)), "messages": messages,
	})
}

func (v *VonageServer) status(form url.Values, part int) string {
	for _, k := range []string{"api_key", "api_secret", "from", "to", "text"} {
		if form.Get(k) == "" {
			return "2"
		}
	}
	if form.Get("api_key") != VonageKey || form.Get("api_secret") != VonageSecret {
		return "4"
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.statuses) == 0 {
		return "0"
	}
	return v.statuses[min(part, len(v.statuses)-1)]
}

var vonageTexts = map[string]string{
	"1": "Throughput Rate Exceeded", "2": "Missing Parameters", "3": "Invalid Parameters",
	"4": "Bad Credentials", "5": "Internal Error", "7": "Number barred", "9": "Quota Exceeded",
	"29": "Non White-listed Destination",
}
