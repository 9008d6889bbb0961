package nativeapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/nativeapi"
)

// BenchmarkCalls measures what one call costs with the memory store, without hashing a
// password. The rate that is reported is that of all processors together.
func BenchmarkCalls(b *testing.B) {
	generous := limit.Rate{Burst: 1000, Every: time.Second}
	w := newWorld(b, func(c *flows.Config, face *nativeapi.Config) {
		c.SendBudget, c.AccountSendBudget = generous, generous
		face.Network = func(*http.Request) string { return "" } // no network's budget ends it
	})
	w.signedUpWithPassword(dana)
	w.wait(later)
	app := w.app()
	asked := app.challenged(dana)
	required := app.byPassword(dana, "scope", "payroll.write")
	for name, call := range map[string]struct {
		path  string
		pairs []string
	}{
		"initiate":   {initiate, []string{"username", dana, "challenge_type", "oob password redirect"}},
		"challenge":  {"/oauth2/v2.0/challenge", []string{"continuation_token", asked.token()}},
		"introspect": {"/oauth2/v2.0/introspect", []string{"continuation_token", required.token()}},
	} {
		b.Run(name, func(b *testing.B) {
			form := url.Values{"client_id": {appID}}
			for i := 0; i < len(call.pairs); i += 2 {
				form.Set(call.pairs[i], call.pairs[i+1])
			}
			body := form.Encode()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					rec := httptest.NewRecorder()
					if w.face.ServeHTTP(rec, w.request(call.path, body)); rec.Code != http.StatusOK {
						b.Errorf("%d %s", rec.Code, rec.Body)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}
