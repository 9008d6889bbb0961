package sendtest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/smtp"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
)

func TestARecorderWaitsForMessagesThatComeLater(t *testing.T) {
	t.Parallel()
	var r Recorder
	go func() {
		for _, to := range []string{"a@example.org", "b@example.org", "a@example.org"} {
			_ = r.Send(context.Background(), send.Message{ID: to[:1], To: to})
		}
	}()
	if got := r.WaitFor(t, 3); len(got) != 3 || got[1].ID != "b" {
		t.Errorf("got %v", got)
	}
	if got := r.WaitTo(t, "b@example.org"); got.ID != "b" {
		t.Errorf("got %v", got)
	}
	r.Reset()
	if n := len(r.Messages()); n != 0 || r.Calls() != 3 {
		t.Errorf("%d messages after Reset, %d calls", n, r.Calls())
	}
}

func TestWaitToReturnsTheNewest(t *testing.T) {
	t.Parallel()
	var r Recorder
	for _, id := range []string{"1", "2", "3"} {
		_ = r.Send(t.Context(), send.Message{ID: id, To: map[bool]string{true: "a", false: "b"}[id < "3"]})
	}
	if got := r.WaitTo(t, "a"); got.ID != "2" {
		t.Errorf("got %v, want message 2", got)
	}
}

func TestARecorderRefusesAsTold(t *testing.T) {
	t.Parallel()
	no := errors.New("no")
	r := Recorder{Answer: func(_ context.Context, n int, _ send.Message) error {
		if n == 1 {
			return no
		}
		return nil
	}}
	if err := r.Send(t.Context(), send.Message{}); !errors.Is(err, no) {
		t.Errorf("first: %v", err)
	}
	if err := r.Send(t.Context(), send.Message{}); err != nil || len(r.Messages()) != 1 {
		t.Errorf("second: %v, %d recorded", err, len(r.Messages()))
	}
}

// The standard library's client stands for anybody's.
func TestTheSMTPServerIsARealOne(t *testing.T) {
	t.Parallel()
	srv := SMTP(t, SMTPOptions{Plain: true, Username: "u", Password: "p"})
	data := []byte("Subject: =?utf-8?q?gr=C3=BCn?=\r\nContent-Type: text/plain; charset=utf-8\r\n" +
		"Content-Transfer-Encoding: quoted-printable\r\n\r\nL=C3=B6hne\r\n..dot\r\n")
	mail := func(password string) error {
		return smtp.SendMail(srv.Addr(), smtp.PlainAuth("", "u", password, srv.Host), "a@example.com",
			[]string{"b@example.org"}, data)
	}
	if err := mail("wrong"); err == nil || !strings.Contains(err.Error(), "535") {
		t.Errorf("a wrong password: %v", err)
	}
	if err := mail("p"); err != nil {
		t.Fatal(err)
	}
	got := srv.WaitFor(t, 1)
	if len(got) != 1 || got[0].User != "u" || got[0].TLS || got[0].Subject != "grün" || got[0].Text != "Löhne\n..dot\n" {
		t.Errorf("got %+v", got)
	}
}

func TestTheFakeAnswersAsTheAPIDoes(t *testing.T) {
	t.Parallel()
	v := Vonage(t)
	post := func(change func(url.Values)) string {
		form := url.Values{"api_key": {VonageKey}, "api_secret": {VonageSecret}, "from": {"Example"},
			"to": {"447700900123"}, "text": {"hello"}}
		change(form)
		resp, err := http.PostForm(v.URL+"/json", form)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%d, %v", resp.StatusCode, err)
		}
		return string(b)
	}
	for name, tt := range map[string]struct {
		change func(url.Values)
		want   []string
	}{
		"accepted":     {func(url.Values) {}, []string{`"message-count":"1"`, `"status":"0"`, `"message-id":"`, `"to":"447700900123"`}},
		"two parts":    {func(f url.Values) { f.Set("text", strings.Repeat("a", 161)) }, []string{`"message-count":"2"`}},
		"wrong secret": {func(f url.Values) { f.Set("api_secret", "x") }, []string{`"status":"4"`, `"error-text":"Bad Credentials`}},
		"no sender":    {func(f url.Values) { f.Del("from") }, []string{`"status":"2"`}},
	} {
		got := post(tt.change)
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %s lacks %s", name, got, want)
			}
		}
	}
	v.Statuses("0", "1")
	if got := post(func(f url.Values) { f.Set("text", strings.Repeat("a", 161)) }); strings.Count(got, `"status":"0"`) != 1 ||
		strings.Count(got, `"status":"1"`) != 1 {
		t.Errorf("second part refused: %s", got)
	}
	if n := len(v.WaitFor(t, 5)); n != 5 {
		t.Errorf("%d requests", n)
	}
}

func TestAReceiverTakesOnlyWhatIsSignedAndOnce(t *testing.T) {
	t.Parallel()
	h := Webhook(t)
	const body = `{"id":"m-1","medium":"sms","to":"+447700900123","text":"a"}`
	post := func(change func(http.Header)) int {
		req, err := http.NewRequest(http.MethodPost, h.URL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		at := strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte("not a secret, for tests only"))
		_, _ = io.WriteString(mac, "m-1."+at+"."+body)
		req.Header.Set("webhook-id", "m-1")
		req.Header.Set("webhook-timestamp", at)
		req.Header.Set("webhook-signature", "v1a,other v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		req.Header.Set("Content-Type", "application/json")
		change(req.Header)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for name, change := range map[string]func(http.Header){
		"no signature":   func(h http.Header) { h.Del("webhook-signature") },
		"another ID":     func(h http.Header) { h.Set("webhook-id", "m-2") },
		"another time":   func(h http.Header) { h.Set("webhook-timestamp", "1") },
		"no time at all": func(h http.Header) { h.Set("webhook-timestamp", "now") },
	} {
		if code := post(change); code != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, code)
		}
	}
	same := func(http.Header) {}
	if a, b := post(same), post(same); a != http.StatusNoContent || b != http.StatusConflict || len(h.Taken()) != 1 {
		t.Errorf("%d and %d, %d taken", a, b, len(h.Taken()))
	}
}
