package ui

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store/storetest"
)

// Addresses of the same length: one with a password, one without, and one of nobody.
const knownFull, knownBare, unknown = "dana@harbour.example", "kims@harbour.example", "nils@harbour.example"

// outsider is a browser whose every request is written down, as anybody sees it who can
// look at the answer and at how much was done for it.
type outsider struct {
	*person
	trace *storetest.Trace
	posts int
	email string
	seen  []string
}

// outside is a place with accounts, and a browser that belongs to nobody.
func outside(t *testing.T, email string, change func(*flows.Site)) *outsider {
	t.Helper()
	p := newPlace(t)
	change(p.pages.Site)
	for i, known := range []string{knownFull, knownBare} {
		b := p.person()
		b.visits("/sign-up").fills("email", known)
		if b.fills("code", b.code(known)); i == 0 {
			b.fills("new_password", "three words and one more").isAt("/")
		} else {
			b.fills("do", "skip").isAt("/")
		}
	}
	o := &outsider{person: p.person(), email: email}
	o.wait(48 * time.Hour)
	o.trace = &storetest.Trace{Store: p.engine.Store}
	post := p.engine.Post
	p.engine.Store = o.trace
	p.engine.Post = func(l flows.Letter) error { o.posts++; return post(l) }
	return o
}

var (
	flowID = regexp.MustCompile(`f=[A-Za-z0-9_-]{20,}`)
	secret = regexp.MustCompile(`((?:__Host-)?stepgate[a-z-]*=)[^;]+|typed=[A-Za-z0-9_-]+`)
)

// mask takes out what is random, and the address itself, and keeps how long each is.
func (o *outsider) mask(s string) string {
	local, domain, _ := strings.Cut(o.email, "@")
	s = strings.NewReplacer(o.email, "EMAIL", url.QueryEscape(o.email), "EMAIL", local+"@<wbr>"+domain, "EMAIL").Replace(s)
	s = flowID.ReplaceAllStringFunc(s, func(m string) string { return fmt.Sprintf("f=%d", len(m)) })
	return secret.ReplaceAllStringFunc(s, func(m string) string {
		name, value, _ := strings.Cut(m, "=")
		return fmt.Sprintf("%s=%d", name, len(value))
	})
}

// note writes down what the last request came to.
func (o *outsider) note(what string) {
	o.t.Helper()
	var all strings.Builder
	fmt.Fprintf(&all, "%s: %d at %s, %d hashes, %d posts\n", o.mask(what), o.page.StatusCode, o.mask(o.at), o.engine.Hasher.Made(), o.posts)
	for _, name := range slices.Sorted(maps.Keys(o.page.Header)) {
		fmt.Fprintf(&all, "%s: %s\n", name, o.mask(strings.Join(o.page.Header[name], ", ")))
	}
	fmt.Fprintf(&all, "store: %s\n%s", strings.Join(o.trace.Taken(), "; "), o.mask(o.page.body))
	o.seen = append(o.seen, all.String())
}

// does fills the page's form, if it has one, and says what that came to.
func (o *outsider) does(fields ...string) *outsider {
	o.t.Helper()
	if o.page.StatusCode != http.StatusTooManyRequests || strings.Contains(o.page.body, `name="`+fields[0]+`"`) {
		o.fills(fields...)
		o.note(strings.Join(fields[:min(len(fields), 2)], "="))
	}
	return o
}

// begins sends the first form of a flow.
func (o *outsider) begins(path string, more ...string) *outsider {
	o.t.Helper()
	o.visits(path).fills(append([]string{"email", o.email}, more...)...)
	o.note(path)
	return o
}

func (o *outsider) waits(d time.Duration) *outsider { o.wait(d); return o }

// Everything that somebody can do with an address whose mail they cannot read.
var outsideWalks = map[string]func(o *outsider){
	"sign-in by code": func(o *outsider) {
		o.begins("/sign-in?return_to=%2Fadmin")
		for i := range 6 {
			o.does("code", fmt.Sprintf("%06d", i))
		}
		for range 7 { // more than may be sent
			o.waits(31*time.Second).does("do", "resend")
		}
		o.does("code", "1").does("code", "")
	},
	"sign-in by password": func(o *outsider) {
		o.begins("/sign-in", "way", "password").does("email", o.email, "password", "")
		for range 12 { // more than may be tried
			o.does("email", o.email, "password", "not the right words")
		}
		o.begins("/sign-in", "way", "password").does("email", o.email, "password", "not the right words")
		o.begins("/sign-in").does("code", "000000")
	},
	"one way and the other": func(o *outsider) {
		o.begins("/sign-in").does("do", "switch").does("email", o.email, "password", "not the right words")
		o.does("do", "switch").waits(time.Minute).does("do", "switch").does("do", "switch").does("do", "resend")
	},
	"sign-up": func(o *outsider) {
		o.begins("/sign-up")
		for i := range 6 {
			o.does("code", fmt.Sprintf("%06d", i))
		}
		for range 7 {
			o.waits(31*time.Second).does("do", "resend")
		}
	},
	"reset": func(o *outsider) {
		o.begins("/reset?return_to=%2Fadmin")
		for i := range 6 {
			o.does("code", fmt.Sprintf("%06d", i))
		}
		for range 7 {
			o.waits(31*time.Second).does("do", "resend")
		}
	},
	"guessing until nothing is left": func(o *outsider) {
		for i := range 4 {
			o.begins("/sign-in").waits(time.Minute)
			for j := range 5 {
				o.does("code", fmt.Sprintf("%06d", 10*i+j))
			}
		}
	},
	"beginning until nothing is left": func(o *outsider) {
		for _, path := range []string{"/sign-in", "/sign-up", "/reset", "/sign-in", "/reset", "/sign-up", "/sign-in"} {
			o.begins(path)
		}
	},
}

func TestNobodyLearnsFromAPageWhetherAnAddressHasAnAccount(t *testing.T) {
	t.Parallel()
	tells := []flows.TellUnknown{flows.TellNever, flows.TellSignIn, flows.TellAlways}
	changes := map[string]func(*flows.Site){
		"both ways": func(*flows.Site) {}, "passwords only": func(s *flows.Site) { s.EmailCode = false }, "codes only": func(s *flows.Site) { s.Password = false },
	}
	for name, walk := range outsideWalks {
		for of, change := range changes {
			if !possible(name, of) {
				continue
			}
			for _, tell := range tells {
				t.Run(name+"/"+of+"/"+string(tell), func(t *testing.T) {
					t.Parallel()
					play := func(email string) *outsider {
						o := outside(t, email, func(s *flows.Site) { s.TellUnknown = tell })
						change(o.pages.Site)
						walk(o)
						return o
					}
					nobody := play(unknown)
					for _, email := range []string{knownFull, knownBare} {
						compare(t, email, play(email).seen, nobody.seen)
					}
				})
			}
		}
	}
}

// possible reports whether a walk can be walked at a site with such ways to sign in.
func possible(walk, site string) bool {
	switch site {
	case "passwords only":
		return walk == "sign-up" || walk == "reset"
	case "codes only":
		return walk == "sign-in by code" || walk == "sign-up" || walk == "guessing until nothing is left"
	}
	return true
}

func compare(t *testing.T, email string, known, unknown []string) {
	t.Helper()
	if len(known) != len(unknown) || len(known) == 0 {
		t.Fatalf("%s: %d steps, and %d for nobody", email, len(known), len(unknown))
	}
	for i := range known {
		if known[i] == unknown[i] {
			continue
		}
		a, b := strings.Split(known[i], "\n"), strings.Split(unknown[i], "\n")
		for j := range min(len(a), len(b)) {
			if a[j] != b[j] {
				t.Fatalf("%s can be told from nobody in step %d, %s:\n%s\n%s", email, i, a[0], a[j], b[j])
			}
		}
		t.Fatalf("%s can be told from nobody in step %d, %s: the one page is longer", email, i, a[0])
	}
}
