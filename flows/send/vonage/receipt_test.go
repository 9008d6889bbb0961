package vonage

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/sendtest"
)

const signatureSecret = "my0super0secret0for0testing0signatures"

var receiptTime = time.Unix(1582650446, 0)

// signed is a sender that believes receipts of receiptTime.
func signed(t testing.TB, method string) *Sender {
	t.Helper()
	s, err := New(Config{APIKey: sendtest.VonageKey, APISecret: sendtest.VonageSecret, From: "Example",
		SignatureSecret: signatureSecret, SignatureMethod: method})
	if err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return receiptTime }
	return s
}

func receipt(status, code string) url.Values {
	return sendtest.VonageReceipt(url.Values{"to": {"447700900123"}, "from": {"Example"}, "api_key": {sendtest.VonageKey},
		"client-ref": {"m-1"}}, status, code, receiptTime)
}

func get(q url.Values) *http.Request {
	return httptest.NewRequest(http.MethodGet, "https://id.example.com/.auth/receipts/vonage?"+q.Encode(), nil)
}

func post(kind, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://id.example.com/.auth/receipts/vonage", strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	return r
}

func asJSON(t testing.TB, q url.Values) string {
	t.Helper()
	flat := map[string]any{}
	for name := range q {
		flat[name] = q.Get(name)
	}
	flat["timestamp"] = json.Number(q.Get("timestamp"))
	b, err := json.Marshal(flat)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSignaturesAreThoseOfTheGuide(t *testing.T) {
	t.Parallel()
	// Worked out by hand with openssl from "&akey=v_a_l&bkey=value".
	params := map[string]string{"bkey": "value", "akey": "v&a=l"}
	for method, want := range map[string]string{
		MD5Hash: "a54b7c079a08dc62fad0db2db20a36e0", MD5: "0b1c8fffe08dacd4babaff13e93ae3f6", SHA1: "da70b0570ceef8945544e36d2c313b100f60c853", SHA256: "926c7957ee633b0002a7992dee363eb9f9c8978ad2617c470b93f97f2474cf89", SHA512: "81da7933ce65df48b6d5cb906668a16f8e9ee96ce91f6b9a4c180c62b82ca6f0a855357b0d19a77fe98821607e40a75fc738aedd4acd8911f949078d6ec5f8a8",
	} {
		if !genuine(method, "secret", want, params) || !genuine(method, "secret", strings.ToUpper(want), params) {
			t.Errorf("%s: %s is refused", method, want)
		}
		if genuine(method, "Secret", want, params) || genuine(method, "secret", want[2:], params) || genuine(method, "secret", "", params) {
			t.Errorf("%s: another secret, half a signature or none is believed", method)
		}
	}
}

func TestASignedReceiptIsReadHoweverItComes(t *testing.T) {
	t.Parallel()
	for _, method := range []string{MD5Hash, MD5, SHA1, SHA256, SHA512, ""} {
		s := signed(t, method)
		q := sendtest.SignVonage(s.cfg.SignatureMethod, signatureSecret, receipt("delivered", "0"))
		for how, r := range map[string]*http.Request{
			"GET": get(q), "form": post("application/x-www-form-urlencoded; charset=utf-8", q.Encode()),
			"JSON": post("application/json", asJSON(t, q)),
		} {
			got, err := s.ReadReceipt(r)
			if want := (send.Receipt{ID: "m-1", Status: send.ReceiptDelivered, Reason: "0"}); err != nil || got != want {
				t.Errorf("%q by %s: %+v, %v", method, how, got, err)
			}
		}
	}
}

func TestEveryDocumentedOutcomeHasItsMeaning(t *testing.T) {
	t.Parallel()
	s := signed(t, SHA256)
	for status, want := range map[string]send.ReceiptStatus{
		"delivered": send.ReceiptDelivered, "accepted": send.ReceiptPending, "buffered": send.ReceiptPending,
		"unknown": send.ReceiptPending, "expired": send.ReceiptRefused, "failed": send.ReceiptRefused,
		"rejected": send.ReceiptRefused,
	} {
		got, err := s.ReadReceipt(get(sendtest.SignVonage(SHA256, signatureSecret, receipt(status, "4"))))
		if err != nil || got.Status != want || got.Reason != "4" {
			t.Errorf("%s: %+v, %v", status, got, err)
		}
	}
}

func TestAReceiptThatCannotBeBelievedIsRefusedWithoutQuotingIt(t *testing.T) {
	t.Parallel()
	sign := func(change func(url.Values)) url.Values {
		q := receipt("delivered", "0")
		change(q)
		return sendtest.SignVonage(SHA256, signatureSecret, q)
	}
	after := func(change func(url.Values)) url.Values {
		q := sign(func(url.Values) {})
		change(q)
		return q
	}
	at := func(d time.Duration) url.Values {
		return sendtest.SignVonage(SHA256, signatureSecret,
			sendtest.VonageReceipt(url.Values{"client-ref": {"m-1"}}, "delivered", "0", receiptTime.Add(d)))
	}
	good := sign(func(url.Values) {})
	const evil = "evil7700900123"
	form := "application/x-www-form-urlencoded"
	tests := map[string]struct {
		r    *http.Request
		want string
	}{
		"no signature":       {get(receipt("delivered", "0")), "not signed"},
		"another's":          {get(sendtest.SignVonage(SHA256, "another", receipt("delivered", "0"))), "signature"},
		"another method":     {get(sendtest.SignVonage(SHA512, signatureSecret, receipt("delivered", "0"))), "signature"},
		"a changed value":    {get(after(func(q url.Values) { q.Set("status", "failed") })), "signature"},
		"an added one":       {get(after(func(q url.Values) { q.Set(evil, evil) })), "signature"},
		"a missing one":      {get(after(func(q url.Values) { q.Del("price") })), "signature"},
		"merged ones":        {get(after(func(q url.Values) { q.Del("nonce"); q.Del("msisdn"); q.Set("msisdn=447700900123&network-code", "1") })), "impossible"},
		"one twice":          {get(after(func(q url.Values) { q.Add("status", "failed") })), "twice"},
		"sig twice":          {get(after(func(q url.Values) { q.Add("sig", "00") })), "twice"},
		"sig is no hex":      {get(after(func(q url.Values) { q.Set("sig", evil) })), "signature"},
		"too old":            {get(at(-15*time.Minute - time.Second)), "15 minutes"},
		"too new":            {get(at(15*time.Minute + time.Second)), "15 minutes"},
		"no time":            {get(sign(func(q url.Values) { q.Del("timestamp") })), "timestamp"},
		"an absurd time":     {get(sign(func(q url.Values) { q.Set("timestamp", "-"+evil) })), "timestamp"},
		"a huge time":        {get(sign(func(q url.Values) { q.Set("timestamp", "99999999999") })), "15 minutes"},
		"no reference":       {get(sign(func(q url.Values) { q.Del("client-ref") })), "message"},
		"an odd reference":   {get(sign(func(q url.Values) { q.Set("client-ref", evil+"\r\n") })), "message"},
		"a long reference":   {get(sign(func(q url.Values) { q.Set("client-ref", strings.Repeat("a", 41)) })), "message"},
		"an unknown status":  {get(sign(func(q url.Values) { q.Set("status", evil) })), "status"},
		"no status":          {get(sign(func(q url.Values) { q.Del("status") })), "status"},
		"an odd code":        {get(sign(func(q url.Values) { q.Set("err-code", evil) })), "err-code"},
		"too many":           {get(sign(func(q url.Values) { many(q) })), "too many"},
		"too long a query":   {get(sign(func(q url.Values) { q.Set("x", strings.Repeat("a", maxReceipt)) })), "too long"},
		"too long a body":    {post(form, good.Encode()+"&x="+strings.Repeat("a", maxReceipt)), "too long"},
		"no encoding":        {post(form, good.Encode()+"&"+evil+"=%zz"), "URL-encoded"},
		"semicolons":         {post(form, good.Encode()+";"+evil+"=1"), "URL-encoded"},
		"another type":       {post("text/plain", good.Encode()), "content type"},
		"no type":            {post("", good.Encode()), "content type"},
		"a query, too":       {withQuery(post(form, good.Encode())), "query"},
		"another verb":       {httptest.NewRequest(http.MethodPut, "/?"+good.Encode(), nil), "GET nor POST"},
		"JSON twice":         {post("application/json", strings.Replace(asJSON(t, good), "{", `{"status":"failed",`, 1)), "twice"},
		"nested JSON":        {post("application/json", strings.Replace(asJSON(t, good), "{", `{"a":{"b":"`+evil+`"},`, 1)), "flat"},
		"JSON of an array":   {post("application/json", "["+asJSON(t, good)+"]"), "flat"},
		"JSON null":          {post("application/json", strings.Replace(asJSON(t, good), "{", `{"a":null,`, 1)), "flat"},
		"JSON and more":      {post("application/json", asJSON(t, good)+"{}"), "flat"},
		"half of JSON":       {post("application/json", strings.TrimSuffix(asJSON(t, good), "}")), "flat"},
		"an empty JSON body": {post("application/json", ""), "flat"},
		"a broken body":      {broken(), "broke off"},
	}
	s := signed(t, SHA256)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := s.ReadReceipt(tt.r)
			if err == nil || got != (send.Receipt{}) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%+v, %v; want an error about %s", got, err, tt.want)
			}
			if strings.Contains(err.Error(), "evil") || strings.Contains(err.Error(), "7700900123") {
				t.Errorf("the error quotes the request: %v", err)
			}
		})
	}
	for _, edge := range []time.Duration{-15 * time.Minute, 15 * time.Minute} {
		if _, err := s.ReadReceipt(get(at(edge))); err != nil {
			t.Errorf("at %v: %v", edge, err)
		}
	}
	none, err := New(Config{APIKey: sendtest.VonageKey, APISecret: "s", From: "Example"})
	if err != nil {
		t.Fatal(err)
	}
	none.now = s.now
	if _, err := none.ReadReceipt(get(sendtest.SignVonage(SHA256, "", receipt("delivered", "0")))); err == nil {
		t.Error("without a secret, a receipt signed with none is believed")
	}
}

func many(q url.Values) {
	for i := range maxParams {
		q.Set("p"+strings.Repeat("x", i), "1")
	}
}

func withQuery(r *http.Request) *http.Request {
	r.URL.RawQuery = "a=1"
	return r
}

func broken() *http.Request {
	r := post("application/json", "")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), failing{}))
	return r
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("evil") }

func TestReceiptsAreAskedForOnlyWhereTheyCanBeBelieved(t *testing.T) {
	t.Parallel()
	srv := sendtest.Vonage(t)
	with := func(c *Config) { c.SignatureSecret = signatureSecret }
	for _, tt := range []struct {
		cfg            func(*Config)
		id, receipts   string
		callback, want string
	}{
		{with, "m-1", "https://id.example.com/.auth/receipts", "https://id.example.com/.auth/receipts/vonage", "m-1"},
		{with, "m-1", "https://id.example.com/.auth/receipts/", "https://id.example.com/.auth/receipts/vonage", "m-1"},
		{with, "m-1", "http://127.0.0.1:8080/receipts", "http://127.0.0.1:8080/receipts/vonage", "m-1"},
		{with, "m-1", "http://id.example.com/.auth/receipts", "", "m-1"},
		{with, "m-1", "https://id.example.com/?a=1", "", "m-1"},
		{with, "m-1", "://", "", "m-1"},
		{with, "m-1", "", "", "m-1"},
		{with, "m=1", "https://id.example.com/.auth/receipts", "", ""},
		{with, strings.Repeat("m", 41), "https://id.example.com/.auth/receipts", "", ""},
		{nil, "m-1", "https://id.example.com/.auth/receipts", "", "m-1"},
	} {
		m := text()
		m.ID, m.Receipts = tt.id, tt.receipts
		if err := to(t, srv, tt.cfg).Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		all := srv.Requests()
		got := all[len(all)-1]
		if got.Get("callback") != tt.callback || got.Get("client-ref") != tt.want || got.Has("status-report-req") != (tt.callback != "") {
			t.Errorf("%s, %q: callback %q, client-ref %q", tt.id, tt.receipts, got.Get("callback"), got.Get("client-ref"))
		}
	}
}

func FuzzReadReceipt(f *testing.F) {
	s := signed(f, SHA256)
	q := sendtest.SignVonage(SHA256, signatureSecret, receipt("delivered", "0"))
	good := q.Encode()
	f.Add("GET", "", good, "")
	f.Add("POST", "application/json", "", asJSON(f, q))
	f.Add("POST", "application/x-www-form-urlencoded", "", good)
	f.Add("POST", "application/json", "", `{"a":"\u0000","a":1e400}`)
	f.Fuzz(func(t *testing.T, method, kind, query, body string) {
		r := post(kind, body)
		r.Method = method
		r.URL.RawQuery = query
		got, err := s.ReadReceipt(r)
		if err != nil {
			if got != (send.Receipt{}) || len(err.Error()) > 120 {
				t.Errorf("%+v with %v", got, err)
			}
			return
		}
		// Nothing but the one signed set of values is ever believed.
		if got != (send.Receipt{ID: "m-1", Status: send.ReceiptDelivered, Reason: "0"}) {
			t.Errorf("believed %+v", got)
		}
	})
}
