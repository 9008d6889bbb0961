package sendtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stepgate/stepgate/flows/send"
)

// Credentials that a [VonageServer] accepts.
const (
	VonageKey    = "abcd1234"
	VonageSecret = "aaaa-not-a-real-secret"
)

// Faults that only an endpoint of the web has. All but HangUnread come after the request
// was read, so that it may have been obeyed.
const (
	HangUnread Fault = "hang unread" // takes the connection and never reads what comes
	LiePage    Fault = "lie page"    // 200 with a page, as a proxy answers
	LieEmpty   Fault = "lie empty"   // 200 with no messages
	LieJSON    Fault = "lie json"    // 200 with JSON of another make
	LieHalf    Fault = "lie half"    // 200 with half of what it should be
)

var lies = map[Fault]string{
	LiePage: "<!doctype html><title>Please log in</title>", LieEmpty: `{"message-count":"0","messages":[]}`,
	LieJSON: `{"messages":"0","status":0}`, LieHalf: `{"message-count":"1","messages":[{"stat`,
}

// A VonageServer answers POST /sms/json as Vonage's SMS API does: always 200, one entry
// per part of the text, each with its own status; and GET /account/get-balance.
type VonageServer struct {
	URL string // base URL: what the sender appends "/json" to

	// Answer, if set, answers a request itself; returning false leaves it to the server.
	Answer func(w http.ResponseWriter, r *http.Request, form url.Values) bool

	http     *httpServer
	mu       sync.Mutex
	fault    Fault
	balance  string
	statuses []string
	requests box[url.Values]
	taken    box[url.Values]
	calls    int
}

// Vonage starts a [VonageServer] that ends with the test. Set Answer before using it.
func Vonage(t testing.TB) *VonageServer {
	v := &VonageServer{balance: "3.14159265"}
	v.http = newHTTPServer(t, v)
	v.URL = v.http.url + "/sms"
	return v
}

// Break makes both endpoints fail from now on; with [NoFault] they work again. Refuse
// takes an HTTP status, such as Refuse("429"); for refusals of the API see Statuses.
func (v *VonageServer) Break(f Fault) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fault = f
}

// SetBalance sets the account's balance, a JSON number.
func (v *VonageServer) SetBalance(number string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.balance = number
}

// Taken are the forms of the texts that may be delivered, oldest first: all that were
// read to the end and of which not every part was refused, whether or not it was said.
func (v *VonageServer) Taken() []url.Values { return v.taken.all() }

// Calls is how many requests began, those that were never read included.
func (v *VonageServer) Calls() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.calls
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
	v.mu.Lock()
	v.calls++
	fault := v.fault
	v.mu.Unlock()
	if fault == HangUnread {
		v.http.play(w, Hang)
		return
	}
	text := r.URL.Path == "/sms/json" && r.Method == http.MethodPost
	if !text && (r.URL.Path != "/account/get-balance" || r.Method != http.MethodGet) {
		http.NotFound(w, r)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if text {
		v.requests.put(r.PostForm)
		if v.Answer != nil && v.Answer(w, r, r.PostForm) {
			return
		}
	}
	refused := strings.HasPrefix(string(fault), "refuse ")
	if text && fault != NoFault && !refused {
		v.taken.put(r.PostForm)
	}
	switch {
	case refused:
		code, _ := strconv.Atoi(strings.TrimPrefix(string(fault), "refuse "))
		http.Error(w, "refused for "+r.Form.Get("to")+" "+r.Form.Get("api_secret"), code)
	case lies[fault] != "":
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(lies[fault]))
	case fault != NoFault:
		v.http.play(w, fault)
	case text:
		v.reply(w, r.PostForm)
	default:
		v.replyBalance(w, r.Form)
	}
}

func (v *VonageServer) replyBalance(w http.ResponseWriter, form url.Values) {
	w.Header().Set("Content-Type", "application/json")
	if form.Get("api_key") != VonageKey || form.Get("api_secret") != VonageSecret {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error-code":"401","error-code-label":"authentication failed"}`))
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	_, _ = fmt.Fprintf(w, `{"value":%s,"autoReload":false}`, v.balance)
}

func (v *VonageServer) reply(w http.ResponseWriter, form url.Values) {
	_, _, parts := send.Segments(form.Get("text"))
	messages := make([]map[string]string, 0, parts)
	taken := false
	for i := range parts {
		status := v.status(form, i)
		m := map[string]string{"to": form.Get("to"), "status": status}
		if status == "0" {
			taken = true
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
	if taken {
		v.taken.put(form)
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
