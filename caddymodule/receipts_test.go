package caddymodule

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows/send"
)

func init() { caddy.RegisterModule(reportingSender{}) }

// reportingSender is a sender of text messages that are all accepted, with a provider
// that signs what it reports with a word.
type reportingSender struct {
	Word string `json:"word"`
}

func (reportingSender) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "stepgate.senders.reporting", New: func() caddy.Module { return new(reportingSender) }}
}
func (reportingSender) Carries(m send.Medium) bool                      { return m == send.SMS }
func (s *reportingSender) Sender(*slog.Logger) (send.Sender, error)     { return s, nil }
func (reportingSender) AllowedCountries() []string                      { return []string{"GB"} }
func (s *reportingSender) Send(_ context.Context, _ send.Message) error { return nil }

func (s *reportingSender) ReadReceipt(r *http.Request) (send.Receipt, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.URL.Query().Get("sig")+string(body) != s.Word {
		return send.Receipt{}, errors.New("not signed")
	}
	return send.Receipt{ID: r.URL.Query().Get("id"), Status: send.ReceiptStatus(r.URL.Query().Get("status"))}, nil
}

// receiptSite has two senders that report, and an account that waits for a text: at
// the code page of the step-up, in its browser.
func receiptSite(t *testing.T) (s *testSite, b *browser, code *page, id string) {
	s = newEditedSite(t, payrollSite("require otp sms on /admin/*"), func(apps map[string]any) {
		apps["stepgate"].(map[string]any)["sms"] = []map[string]any{{"module": "reporting", "word": "first"}, {"module": "reporting", "word": "second"}, {"module": "inbox"}}
	})
	b = s.browser(t)
	s.signUp(b, dana, "/")
	b.follow(b.get("/admin/x")) // the page of the step-up
	p := b.here(b.post("/.auth/step-up?return_to=%2Fadmin%2Fx", url.Values{}), url.Values{"tel": {danaPhone}})
	if p.StatusCode != http.StatusSeeOther || !strings.Contains(p.location, "/.auth/code?") {
		t.Fatalf("not at the code page: %d to %q\n%s", p.StatusCode, p.location, p.body)
	}
	s.settle(t)
	for _, line := range strings.Split(s.logs.String(), "\n") {
		if strings.Contains(line, `"message sent"`) && strings.Contains(line, `"code.enrol"`) {
			_, id, _ = strings.Cut(line, `"id":"`)
			id, _, _ = strings.Cut(id, `"`)
		}
	}
	if id == "" {
		t.Fatal("no text was sent")
	}
	return s, b, p, id
}

func TestAProvidersWordGetsOntoTheCodePage(t *testing.T) {
	t.Parallel()
	s, b, code, id := receiptSite(t)
	if p := b.follow(code); strings.Contains(p.body, "didn’t deliver") {
		t.Fatal("it is there before anybody said so")
	}
	provider := s.browser(t) // without cookies
	for what, try := range map[string]func() *page{
		"an unsigned one":     func() *page { return provider.get("/.auth/receipts/reporting?status=refused&id=" + id) },
		"a wrong signature":   func() *page { return provider.get("/.auth/receipts/reporting?status=refused&sig=third&id=" + id) },
		"another kind":        func() *page { return provider.get("/.auth/receipts/inbox?status=refused&sig=first&id=" + id) },
		"an unknown kind":     func() *page { return provider.get("/.auth/receipts/pigeon?status=refused&sig=first&id=" + id) },
		"a kind within":       func() *page { return provider.get("/.auth/receipts/reporting/x?status=refused&sig=first&id=" + id) },
		"no kind":             func() *page { return provider.get("/.auth/receipts/?status=refused&sig=first&id=" + id) },
		"somebody signed in":  func() *page { return b.get("/.auth/receipts/reporting?status=refused&sig=no&id=" + id) },
		"no status":           func() *page { return provider.get("/.auth/receipts/reporting?sig=first&id=" + id) },
		"an unknown status":   func() *page { return provider.get("/.auth/receipts/reporting?status=lost&sig=first&id=" + id) },
		"an unknown spelling": func() *page { return provider.get("/.auth/receipts/Reporting?status=refused&sig=first&id=" + id) },
	} {
		if p := try(); p.StatusCode != http.StatusForbidden || p.body != "" || len(p.Cookies()) != 0 {
			t.Errorf("%s: %d, %v\n%s", what, p.StatusCode, p.Header, p.body)
		}
	}
	if p := b.follow(code); strings.Contains(p.body, "didn’t deliver") {
		t.Fatal("an unsigned word was believed")
	}
	for what, p := range map[string]*page{
		"of the second sender, by POST": provider.do(post(provider, "/.auth/receipts/reporting?status=refused&id="+id, "second")),
		"of nothing final":              provider.get("/.auth/receipts/reporting?status=pending&sig=first&id=" + id),
		"of a message that is unknown":  provider.get("/.auth/receipts/reporting?status=refused&sig=first&id=0123456789abcdef"),
		"once more":                     provider.get("/.auth/receipts/reporting?status=refused&sig=first&id=" + id),
	} {
		if p.StatusCode != http.StatusNoContent || p.body != "" || len(p.Cookies()) != 0 || p.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d, %v\n%s", what, p.StatusCode, p.Header, p.body)
		}
	}
	p := b.follow(code)
	if !strings.Contains(p.body, "Your phone company didn’t deliver the text message with your code.") {
		t.Errorf("the page does not say it\n%s", p.body)
	}
	// Another code may be asked for at once.
	if p := b.here(code, url.Values{"do": {"resend"}}); !strings.Contains(p.location, "sent=1") {
		t.Errorf("%d to %q", p.StatusCode, p.location)
	}
	counts := s.app.live.Load().rt
	if _, receipts, _ := counts.counts.read(); receipts[receiptLabels{"reporting", send.ReceiptRefused}] == 0 || receipts[receiptLabels{"reporting 2", send.ReceiptRefused}] != 1 || receipts[receiptLabels{"reporting", badReceipt}] != 5 || len(receipts) != 4 {
		t.Errorf("counted %v", receipts)
	}
	if n := strings.Count(s.logs.String(), "a report about a message was not believed"); n != 1 {
		t.Errorf("the log tells %d times of reports that were not believed", n)
	}
}

func post(b *browser, path, body string) *http.Request {
	return b.request(http.MethodPost, path, strings.NewReader(body))
}

func TestAReceiptIsBoundedAndOfTwoMethods(t *testing.T) {
	t.Parallel()
	s := newEditedSite(t, payrollSite(), func(apps map[string]any) {
		apps["stepgate"].(map[string]any)["sms"] = []map[string]any{{"module": "reporting", "word": strings.Repeat("w", maxReceipt)}}
	})
	b := s.browser(t)
	const path = "/.auth/receipts/reporting"
	if p := b.do(post(b, path+"?status=delivered", strings.Repeat("w", maxReceipt))); p.StatusCode != http.StatusNoContent {
		t.Errorf("the greatest: %d", p.StatusCode)
	}
	if p := b.do(post(b, path, strings.Repeat("w", maxReceipt+1))); p.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a greater one: %d", p.StatusCode)
	}
	for _, method := range []string{"PUT", "DELETE", "HEAD", "OPTIONS", "PROPFIND"} {
		if p := b.do(b.request(method, path, nil)); p.StatusCode != http.StatusMethodNotAllowed || strings.Contains(p.body, "app path") {
			t.Errorf("%s: %d %s", method, p.StatusCode, p.body)
		}
	}
}
