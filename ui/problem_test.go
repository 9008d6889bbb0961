package ui

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

func (w *world) problem(r *http.Request, status int) *answer {
	rec := httptest.NewRecorder()
	w.pages.Problem(rec, r, status)
	return &answer{w.t, rec.Result(), rec.Body.String()}
}

func TestProblemsArePagesForPeopleAndJSONForPrograms(t *testing.T) {
	t.Parallel()
	w := newWorld(t).signedIn()
	for status, kind := range map[int]string{
		400: "bad_target", 403: "denied", 404: "not_found", 405: "method", 429: "too_many", 500: "fault", 503: "unavailable", 418: "fault",
	} {
		r := httptest.NewRequest("GET", "https://payroll.harbour.example/admin?x=1", nil)
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		a := w.problem(r, status).status(status).says("<h1>")
		if a.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%d is no page", status)
		}
		parsePage(t, a.body).checkSkeleton()

		r.Header.Set("Sec-Fetch-Mode", "cors")
		a = w.problem(r, status).status(status)
		var got problemJSON
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Error != kind || got.Reason == "" {
			t.Errorf("%d for a program: %s, %v", status, a.body, err)
		}
	}
}

func TestNavigationsAreToldFromFetches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode, accept string
		want         bool
	}{
		{"navigate", "", true}, {"cors", "text/html", false}, {"no-cors", "text/html", false}, {"websocket", "", false},
		{"", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", true}, {"", "*/*", false}, {"", "application/json", false},
		{"", "", false}, {"", "text/html;q=0", false}, {"", "text/htmlx", false}, {"", "application/json, text/html; q=0.5", true},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		if c.mode != "" {
			r.Header.Set("Sec-Fetch-Mode", c.mode)
		}
		r.Header.Set("Accept", c.accept)
		if got := navigation(r); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestADeniedPersonMayComeBackAsAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t).signedIn()
	r := httptest.NewRequest("GET", "https://payroll.harbour.example/admin?x=1", nil)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	w.problem(r, 403).says("dana.okafor@<wbr>harbour.example", `action="/.auth/sign-out?return_to=%2Fadmin%3Fx%3D1"`)
	r.Method = "POST"
	w.problem(r, 403).says(`action="/.auth/sign-out"`)
	w.session = nil
	w.problem(r, 403).says("Signing in doesn’t change that").saysNot("dana")
	r.Method = "HEAD"
	if a := w.problem(r, 403); a.body != "" {
		t.Error("HEAD has a body")
	}
}
