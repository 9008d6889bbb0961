package nativeapi_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store/storetest"
)

// volatile are the parts of answers that are never the same twice.
var volatile = regexp.MustCompile(`"(continuation_token|trace_id|correlation_id|timestamp)":"[^"]*"`)

// outside is an answer as somebody sees it who compares two: with the lengths of tokens,
// and without what is random.
func (a *answer) outside() string {
	body := volatile.ReplaceAllStringFunc(a.Body, func(member string) string {
		name, value, _ := strings.Cut(member, ":")
		return name + ":" + strconv.Itoa(len(value))
	})
	header := a.Header.Clone()
	header.Del("Client-Request-Id")
	header.Del("X-Ms-Request-Id")
	var lines strings.Builder
	_ = header.Write(&lines)
	return strconv.Itoa(a.Status) + "\n" + lines.String() + body
}

// TestNobodyLearnsWhetherAnAddressHasAnAccount walks with an address that has one and
// one that has none, as far as somebody gets who cannot read the mail, and compares
// every answer, what was written to the store, and the number of letters and of hashes.
func TestNobodyLearnsWhetherAnAddressHasAnAccount(t *testing.T) {
	t.Parallel()
	// Both have as many characters, so that labels and lengths are alike.
	const real, phantom = "dana@example.com", "dora@example.com"
	guess := func(a *app, at *answer, path, email string, pairs ...string) (all []*answer) {
		for i := range 7 { // as many as a code allows, and more
			all = append(all, a.with(at, path, append([]string{"oob", strconv.Itoa(100000 + i)}, pairs...)...))
		}
		return all
	}
	walks := map[string]func(a *app, email string) []*answer{
		"sign-in by code": func(a *app, email string) []*answer {
			begun := a.begin(initiate, email)
			asked := a.with(begun, "/oauth2/v2.0/challenge", "challenge_type", a.types)
			again := a.with(asked, "/oauth2/v2.0/challenge")
			return append([]*answer{begun, asked, again, a.with(asked, "/oauth2/v2.0/introspect")},
				guess(a, asked, "/oauth2/v2.0/token", email, "grant_type", "oob")...)
		},
		"sign-in by password": func(a *app, email string) []*answer {
			a.types = "password redirect"
			begun := a.begin(initiate, email)
			asked := a.with(begun, "/oauth2/v2.0/challenge", "challenge_type", a.types)
			all := []*answer{begun, asked}
			for range 12 { // more than the budget
				all = append(all, a.tokens(asked, "password", "password", "not this one, I fear", "scope", "payroll.write"))
			}
			return append(all, a.with(asked, "/oauth2/v2.0/challenge"))
		},
		"reset": func(a *app, email string) []*answer {
			begun := a.begin("/resetpassword/v1.0/start", email)
			asked := a.with(begun, "/resetpassword/v1.0/challenge")
			all := append([]*answer{begun, asked}, guess(a, asked, "/resetpassword/v1.0/continue", email, "grant_type", "oob")...)
			return append(all, a.with(asked, "/resetpassword/v1.0/submit", "new_password", longSecret))
		},
		"sign-up": func(a *app, email string) []*answer {
			a.types = "oob password redirect"
			begun := a.begin("/signup/v1.0/start", email, "password", longSecret, "attributes", `{"age":"1"}`)
			asked := a.with(begun, "/signup/v1.0/challenge")
			return append([]*answer{begun, asked}, guess(a, asked, "/signup/v1.0/continue", email, "grant_type", "oob")...)
		},
	}
	signUps := map[string]func(*world, string){
		"code":     func(w *world, email string) { w.signedUpWithCode(email) },
		"password": func(w *world, email string) { w.signedUpWithPassword(email) },
	}
	for name, walk := range walks {
		for kind, signedUp := range signUps {
			for _, tell := range []flows.TellUnknown{flows.TellNever, flows.TellSignIn, flows.TellAlways} {
				w := newWorld(t)
				w.site.TellUnknown = tell
				signedUp(w, real)
				w.wait(2 * time.Hour)
				trace := &storetest.Trace{Store: w.engine.Store}
				w.engine.Store = trace
				see := func(email string) []string {
					posted, hashes := w.posted(), w.engine.Hasher.Made()
					var seen []string
					for _, a := range walk(w.codeApp(), email) {
						seen = append(seen, a.outside())
					}
					seen = append(seen, trace.Taken()...)
					return append(seen, fmt.Sprintf("%d letters, %d hashes", w.posted()-posted, w.engine.Hasher.Made()-hashes))
				}
				one, two := see(real), see(phantom)
				for i := range min(len(one), len(two)) {
					if one[i] != two[i] {
						t.Fatalf("%s of an account with a %s can be told from nobody's (%s):\n%s\n%s", name, kind, tell, one[i], two[i])
					}
				}
				if len(one) != len(two) {
					t.Errorf("%s of an account with a %s takes more or less than nobody's (%s): %d and %d", name, kind, tell, len(one), len(two))
				}
			}
		}
	}
}

// An application that can do both is told one of them for a phantom, always the same.
func TestAPhantomHasOneMethodForGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kinds := make(map[string]int)
	for i := range 40 {
		email := "nobody" + strconv.Itoa(i) + "@example.com"
		first := w.app().challenged(email).text("challenge_type")
		if again := w.app().challenged(email).text("challenge_type"); again != first {
			t.Fatalf("%s is asked for %s, and then for %s", email, first, again)
		}
		kinds[first]++
	}
	if kinds["password"] < 5 || kinds["oob"] < 5 {
		t.Errorf("phantoms are all alike: %v", kinds)
	}
}

func TestAClientThatMayKnowIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithCode(dana)
	a := w.app()
	a.id = revealID
	a.begin(initiate, "nobody@example.com").refused("user_not_found", "", "50034")
	a.begin("/resetpassword/v1.0/start", "nobody@example.com").refused("user_not_found", "", "50034")
	a.begin("/resetpassword/v1.0/start", dana).refused("invalid_request", "", "500222")
	a.begin("/signup/v1.0/start", dana).refused("user_already_exists", "", "1003037")
	a.types = "password redirect"
	a.begin(initiate, dana).redirected()
	a.types = "oob redirect"
	w.wait(later)
	if got := a.byCode(dana).gotTokens(); got.number("expires_in") != 3600 {
		t.Errorf("tokens: %s", got.Body)
	}
}

func TestAnAddressWithAnAccountWalksThroughASignUpAndIsSignedIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithPassword(dana)
	w.wait(later)
	a := w.app()
	done := a.signUpCode(a.begin("/signup/v1.0/start", dana, "password", "another one entirely 99"), dana).says("continuation_token")
	a.tokens(done, "continuation_token", "username", dana).gotTokens()
	letters := w.purposes(dana)
	if last := letters[len(letters)-2:]; last[0] != flows.CodeHaveAccount || last[1] != flows.NoticeNewDevice {
		t.Errorf("the letters were %s", last)
	}
	a.byPassword(dana).gotTokens() // with the old one
}
