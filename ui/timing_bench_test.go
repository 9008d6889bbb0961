package ui

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/password"
	"github.com/stepgate/stepgate/flows/send"
)

var (
	turns     = flag.Int("turns", 2000, "how often each page is timed for each kind of address")
	fullHash  = flag.Bool("full-hash", false, "time pages with passwords hashed as in production")
	timedPool = 50 // addresses of each kind
)

// kolmogorovSmirnov returns the greatest difference between the distributions of two
// samples, and the probability of one as great if both are from the same.
func kolmogorovSmirnov(a, b []float64) (d, p float64) {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	for i, j := 0, 0; i < len(a) && j < len(b); {
		at := min(a[i], b[j])
		for i < len(a) && a[i] == at {
			i++
		}
		for j < len(b) && b[j] == at {
			j++
		}
		d = max(d, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	n := math.Sqrt(float64(len(a)) * float64(len(b)) / float64(len(a)+len(b)))
	lambda := (n + 0.12 + 0.11/n) * d // Stephens' approximation
	if lambda < 0.2 {
		return d, 1 // where the series converges too slowly to be of use
	}
	for k := 1.0; k <= 100; k++ {
		p += 2 * math.Pow(-1, k-1) * math.Exp(-2*k*k*lambda*lambda)
	}
	return d, min(max(p, 0), 1)
}

func TestDistributionsAreToldApartWhereTheyDiffer(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	sample := func(n int, shift float64) (all []float64) {
		for range n {
			all = append(all, random.NormFloat64()+shift)
		}
		return all
	}
	for _, c := range []struct {
		a, b        []float64
		d           float64 // negative: whatever it is
		least, most float64 // of p
	}{
		{[]float64{1, 2, 3, 4}, []float64{1, 2, 3, 4}, 0, 1, 1},
		{[]float64{1, 2, 3, 4}, []float64{5, 6, 7, 8}, 1, 0, 0.04},
		{[]float64{1, 1, 2, 2}, []float64{1, 2, 2, 2}, 0.25, 0.9, 1},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, []float64{4, 5, 6, 7, 8, 9, 10, 11, 12, 13}, 0.3, 0.6, 0.8},
		{sample(2000, 0), sample(2000, 0), -1, 0.01, 1},
		{sample(2000, 0), sample(2000, 0.2), -1, 0, 0.001},
		{sample(2000, 0), sample(500, 0), -1, 0.01, 1},
	} {
		d, p := kolmogorovSmirnov(c.a, c.b)
		if c.d >= 0 && math.Abs(d-c.d) > 1e-9 || p < c.least || p > c.most {
			t.Errorf("%d and %d values: D %.4f, p %.4f; want D %.4f, p from %.4f to %.4f", len(c.a), len(c.b), d, p, c.d, c.least, c.most)
		}
	}
	// With 2,000 values each, 1.6276 sqrt(2/2000) is met by chance once in a hundred times.
	a, b := make([]float64, 2000), make([]float64, 2000)
	for i := range a {
		a[i], b[i] = float64(i), float64(i)+103 // D = 103/2000
	}
	if d, p := kolmogorovSmirnov(a, b); math.Abs(d-0.0515) > 1e-9 || math.Abs(p-0.01) > 0.001 {
		t.Errorf("D %.4f has p %.4f", d, p)
	}
}

// timed is pages that can be timed: the outbox composes and sends in the background, to
// nobody, and time passes between two turns, so that no budget is ever spent.
type timed struct {
	*place
	outbox *send.Outbox
}

// nowhere is a sender that accepts everything and keeps nothing.
type nowhere struct{}

func (nowhere) Send(context.Context, send.Message) error { return nil }

func newTimed(b *testing.B) *timed {
	b.Helper()
	x := &timed{place: newPlace(b)}
	if *fullHash {
		x.engine.Hasher = password.New(password.Options{Pepper: testKeys().Pepper()})
	}
	for i := range timedPool {
		p := x.person()
		p.visits("/sign-up").fills("email", addressOf(true, i))
		p.fills("code", p.code(addressOf(true, i))).fills("new_password", "three words and one more").isAt("/")
		p.wait(time.Hour)
	}
	x.outbox = send.NewOutbox(send.OutboxOptions{Now: x.engine.Now})
	x.outbox.Use(map[send.Medium][]send.Named{send.Email: {{Name: "nowhere", Sender: nowhere{}}}})
	b.Cleanup(func() { _ = x.outbox.Close(b.Context()) })
	x.engine.Post = func(l flows.Letter) error {
		return x.outbox.PostDraft(send.Draft{
			ID: l.ID, Series: l.Series, Medium: l.Medium, Purpose: string(l.Purpose), Expires: l.Expires, Mute: l.Mute,
			Compose: func() (send.Message, error) { return Compose(l, plain) },
		})
	}
	return x
}

// addressOf is an address, with an account or without one.
func addressOf(known bool, i int) string {
	if known {
		return fmt.Sprintf("dana%03d@harbour.example", i%timedPool)
	}
	return fmt.Sprintf("nils%03d@harbour.example", i%timedPool)
}

// posts sends one form of a browser and returns where it leads, and how long that took.
func (x *timed) posts(b *testing.B, cookies *[]*http.Cookie, to string, pairs ...string) (string, time.Duration) {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, x.pages.Site.Origin+to, strings.NewReader(form.Encode()))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range *cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	began := time.Now()
	x.pages.ServeHTTP(w, r)
	took := time.Since(began)
	if w.Code != http.StatusSeeOther {
		b.Fatalf("%s: %d\n%s", to, w.Code, w.Body)
	}
	*cookies = append(*cookies, w.Result().Cookies()...)
	return w.Header().Get("Location"), took
}

// timedPages are what is timed, each the last form of a walk.
var timedPages = []struct {
	name string
	walk func(x *timed, b *testing.B, email string) time.Duration
}{
	{"sign-in", func(x *timed, b *testing.B, email string) time.Duration {
		_, took := x.posts(b, new([]*http.Cookie), "/.auth/sign-in", "email", email)
		return took
	}},
	{"sign-up", func(x *timed, b *testing.B, email string) time.Duration {
		_, took := x.posts(b, new([]*http.Cookie), "/.auth/sign-up", "email", email)
		return took
	}},
	{"reset", func(x *timed, b *testing.B, email string) time.Duration {
		_, took := x.posts(b, new([]*http.Cookie), "/.auth/reset", "email", email)
		return took
	}},
	{"resend", func(x *timed, b *testing.B, email string) time.Duration {
		jar := new([]*http.Cookie)
		at, _ := x.posts(b, jar, "/.auth/sign-in", "email", email)
		x.passes(31 * time.Second)
		_, took := x.posts(b, jar, at, "do", "resend")
		return took
	}},
	{"code", func(x *timed, b *testing.B, email string) time.Duration {
		jar := new([]*http.Cookie)
		at, _ := x.posts(b, jar, "/.auth/sign-in", "email", email)
		_, took := x.posts(b, jar, at, "code", "1234 56")
		return took
	}},
	{"password", func(x *timed, b *testing.B, email string) time.Duration {
		jar := new([]*http.Cookie)
		at, _ := x.posts(b, jar, "/.auth/sign-in", "email", email, "way", "password")
		_, took := x.posts(b, jar, at, "email", email, "password", "not the right words")
		return took
	}},
}

func (x *timed) passes(d time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.now = x.now.Add(d)
}

// How long each page takes for an address with an account and for one without, in turns
// and in changing order: the medians, and the Kolmogorov-Smirnov statistic with its p. A
// p below 0.01 says that somebody could tell them apart by 4,000 requests to this very
// process. Run it with -benchtime=1x; -full-hash has passwords hashed as in production.
func BenchmarkEnumerationByTime(b *testing.B) {
	for _, page := range timedPages {
		b.Run(page.name, func(b *testing.B) {
			x := newTimed(b)
			for b.Loop() {
				samples := map[bool][]float64{}
				for i := range *turns {
					first := rand.IntN(2) == 0
					for _, known := range []bool{first, !first} {
						took := page.walk(x, b, addressOf(known, i))
						samples[known] = append(samples[known], float64(took.Nanoseconds())/1000)
					}
					x.passes(2 * time.Hour)
				}
				d, p := kolmogorovSmirnov(samples[true], samples[false])
				b.ReportMetric(median(samples[true]), "us-known")
				b.ReportMetric(median(samples[false]), "us-unknown")
				b.ReportMetric(d, "KS")
				b.ReportMetric(p, "p")
			}
		})
	}
}

func median(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
