package flows_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/token"
	"github.com/stepgate/stepgate/policy"
)

func isRefusal(err error, code flows.RefusalCode) bool {
	var r *flows.Refusal
	return errors.As(err, &r) && r.Code == code
}

// signedInApp is a client's sign-in with a password.
func signedInApp(t *testing.T, changes ...func(*flows.Config)) *browser {
	w := newWorld(t, changes...)
	return w.native().signUpNatively(dana, flows.Identify{Password: longSecret}).at(flows.Ready).
		submit(flows.Redeem{}).at(flows.Done)
}

// refresh trades a token in, and wants a newer one.
func (b *browser) refresh(text string) string {
	b.t.Helper()
	opened, err := b.engine.Refresh(b.t.Context(), b.caller(), text)
	if err != nil {
		b.t.Fatal(err)
	}
	if opened.Session.SID != b.opened.Session.SID || opened.ID != "" {
		b.t.Fatalf("refreshed into %+v", opened)
	}
	return opened.Refresh
}

func (b *browser) refuses(text string, code flows.RefusalCode) {
	b.t.Helper()
	if _, err := b.engine.Refresh(b.t.Context(), b.caller(), text); !isRefusal(err, code) {
		b.t.Fatalf("not refused with %s: %v", code, err)
	}
}

func TestRefreshTokensRotate(t *testing.T) {
	t.Parallel()
	b := signedInApp(t)
	first := b.opened.Refresh
	second := b.refresh(first)
	b.wait(time.Minute)
	third := b.refresh(second)
	if first == second || second == third {
		t.Fatal("a token came back")
	}
}

func TestASpentRefreshTokenEndsItsFamily(t *testing.T) {
	t.Parallel()
	b := signedInApp(t)
	first := b.opened.Refresh
	second := b.refresh(first)
	b.wait(31 * time.Second)
	b.refuses(first, flows.RefreshInvalid)
	b.refuses(second, flows.RefreshInvalid)
}

func TestATokenTwoGenerationsOldIsSpentAtOnce(t *testing.T) {
	t.Parallel()
	b := signedInApp(t)
	first := b.opened.Refresh
	third := b.refresh(b.refresh(first))
	b.refuses(first, flows.RefreshInvalid)
	b.refuses(third, flows.RefreshInvalid)
}

func TestALostAnswerIsGivenOnceMore(t *testing.T) {
	t.Parallel()
	b := signedInApp(t)
	first := b.opened.Refresh
	b.refresh(first)
	b.wait(29 * time.Second)
	again := b.refresh(first)
	b.wait(time.Minute)
	b.refresh(again)
}

func TestARefreshTokenIsGoodForItsClientAndSiteOnly(t *testing.T) {
	t.Parallel()
	b := signedInApp(t)
	other := b.native()
	other.client = &flows.Client{ID: "other"}
	other.refuses(b.opened.Refresh, flows.RefreshInvalid)
	here := *b.site
	there := here
	there.Origin = "https://other.example.com"
	b.site = &there
	b.refuses(b.opened.Refresh, flows.RefreshInvalid)
	b.site = &here
	for _, bad := range []string{"", "x", b.opened.Refresh + "x", b.opened.Refresh[1:], b.opened.Refresh + "\n", b.opened.Refresh + "="} {
		b.refuses(bad, flows.RefreshInvalid)
	}
	b.client = nil
	b.refuses(b.opened.Refresh, flows.RefreshInvalid)
	b.client = &flows.Client{ID: "app"}
	b.refresh(b.opened.Refresh)
}

func TestAPolicyThatWantsMoreRefusesToRefresh(t *testing.T) {
	t.Parallel()
	b := signedInApp(t)
	b.world.demand = otp
	b.refuses(b.opened.Refresh, flows.ProofNeeded)
	b.world.demand = policy.Need(policy.Session, 15*time.Minute)
	next := b.refresh(b.opened.Refresh)
	b.wait(16 * time.Minute)
	b.refuses(next, flows.ProofNeeded) // a refresh proves nothing
	b.world.demand = policy.Demand{}
	b.refresh(next)
}

func TestARefreshTokenDiesWithItsSignIn(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*browser) error{
		"disabled":      func(b *browser) error { return b.engine.SetDisabled(b.t.Context(), b.opened.Session.User, true) },
		"sessions over": func(b *browser) error { return b.engine.EndSessions(b.t.Context(), b.opened.Session.User, "") },
		"signed out":    func(b *browser) error { return b.engine.SignOut(b.t.Context(), b.opened.Session) },
		"idle":          func(b *browser) error { b.wait(time.Hour + time.Second); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := signedInApp(t)
			b.t = t
			if err := end(b); err != nil {
				t.Fatal(err)
			}
			b.refuses(b.opened.Refresh, flows.RefreshInvalid)
		})
	}
}

func TestAClientHasLivesOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.native()
	b.client.SessionIdle, b.client.SessionLife = 48*time.Hour, 50*time.Hour
	b.signUpNatively(dana, flows.Identify{Password: longSecret}).submit(flows.Redeem{}).at(flows.Done)
	w.wait(47 * time.Hour)
	next := b.refresh(b.opened.Refresh)
	w.wait(4 * time.Hour)
	b.refuses(next, flows.RefreshInvalid)
}

// access is what a verified token of the sign-in would say.
func (b *browser) access() token.Access {
	s := b.opened.Session
	return token.Access{User: s.User, SID: s.SID, ClientID: s.Client, Proof: s.Proof, Expires: b.clock().Add(15 * time.Minute)}
}

func (b *browser) bearer(raw string, access token.Access, err error) *flows.Live {
	b.t.Helper()
	live, failed := b.engine.AuthenticateBearer(b.t.Context(), b.site.Origin, raw,
		func(context.Context, string) (token.Access, error) { return access, err })
	if failed != nil {
		b.t.Fatal(failed)
	}
	return live
}

func TestABearerTokenIsItsSignIn(t *testing.T) {
	t.Parallel()
	b := signedInApp(t)
	live := b.bearer("raw", b.access(), nil)
	if live == nil || live.User != b.opened.Session.User || live.Email != dana || !live.Ends.Equal(b.clock().Add(15*time.Minute)) {
		t.Fatalf("found %+v", live)
	}
	if warm := b.bearer("raw", token.Access{}, errors.New("asked again")); warm != live {
		t.Error("a warm token was looked at again")
	}
	b.wait(15*time.Minute + time.Second)
	if b.bearer("raw", token.Access{}, errors.New("expired")) != nil {
		t.Error("a token outlived itself")
	}
}

func TestABearerTokenThatIsNotOursIsNobody(t *testing.T) {
	t.Parallel()
	b := signedInApp(t)
	cookie := b.world.browser().signInWithPassword(dana, longSecret).at(flows.Done)
	for name, change := range map[string]func(*token.Access){
		"another client":      func(a *token.Access) { a.ClientID = "other" },
		"no client":           func(a *token.Access) { a.ClientID = "" },
		"another person":      func(a *token.Access) { a.User = "somebody" },
		"a browser's session": func(a *token.Access) { a.SID = cookie.session().SID },
		"no session":          func(a *token.Access) { a.SID = "nothing" },
		"over":                func(a *token.Access) { a.Expires = b.clock() },
	} {
		access := b.access()
		change(&access)
		if b.bearer(name, access, nil) != nil {
			t.Errorf("%s: it opens", name)
		}
	}
	if b.bearer("not verified", b.access(), errors.New("forged")) != nil {
		t.Error("a forged token opens")
	}
	if _, err := b.engine.AuthenticateBearer(t.Context(), b.site.Origin, "down",
		func(context.Context, string) (token.Access, error) { return token.Access{}, store.ErrUnavailable }); err == nil {
		t.Error("what could not be found out passed")
	}
	other := *b.site
	other.Origin = "https://other.example.com"
	b.bearer("warm", b.access(), nil)
	b.site = &other
	if b.bearer("warm", b.access(), nil) != nil || b.bearer("cold", b.access(), nil) != nil {
		t.Error("a token opens another site")
	}
}

func TestABearerTokenSaysNoMoreThanItsSignInHasProved(t *testing.T) {
	t.Parallel()
	b := signedInApp(t)
	access := b.access()
	access.Proof = access.Proof.With(policy.SMSCode, b.clock()).With(policy.EmailCode, b.clock().Add(time.Hour))
	live := b.bearer("raw", access, nil)
	if live == nil || live.Proof != b.opened.Session.Proof {
		t.Fatalf("proof is %+v, want %+v", live.Proof, b.opened.Session.Proof)
	}
}

func TestARevokedSignInEndsItsBearerTokensAtOnce(t *testing.T) {
	t.Parallel()
	b := signedInApp(t)
	stream := watchFor(b.bearer("raw", b.access(), nil))
	if err := b.engine.SignOut(t.Context(), b.opened.Session); err != nil {
		t.Fatal(err)
	}
	if b.bearer("raw", b.access(), nil) != nil {
		t.Fatal("a warm token outlived its sign-in")
	}
	stream.await(t, "signed out")
}

// forge seals what we never gave out.
func (b *browser) forge(sid string, generation int, bond string) string {
	b.t.Helper()
	sealed, err := b.engine.Keys.Seal("refresh token", fmt.Appendf(nil, `{"sid":%q,"gen":%d}`, sid, generation), bond)
	if err != nil {
		b.t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// The seal alone keeps these out; should it ever not, the record does.
func TestASealedRefreshTokenMustAgreeWithItsSignIn(t *testing.T) {
	t.Parallel()
	b := signedInApp(t)
	sid := b.opened.Session.SID
	b.refuses(b.forge(sid, 2, b.site.Origin+" app"), flows.RefreshInvalid)
	other := b.native()
	other.client = &flows.Client{ID: "other"}
	other.refuses(b.forge(sid, 1, b.site.Origin+" other"), flows.RefreshInvalid)
	b.refresh(b.forge(sid, 1, b.site.Origin+" app"))
}

func TestASignInOfAnOlderEpochIsOver(t *testing.T) {
	t.Parallel()
	b := signedInApp(t)
	key := "1/user/" + b.opened.Session.User
	err := b.engine.Store.Update(t.Context(), func(tx store.Tx) error {
		data, err := tx.Get(key)
		if err != nil {
			return err
		}
		return tx.Set(key, bytes.Replace(data, []byte(`"epoch":0`), []byte(`"epoch":1`), 1), 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	b.refuses(b.opened.Refresh, flows.RefreshInvalid)
	if b.bearer("raw", b.access(), nil) != nil {
		t.Error("an access token lives on")
	}
}

// Cookies and tokens are kept warm in one place.
func TestTheNameOfAWarmTokenIsNoCookie(t *testing.T) {
	t.Parallel()
	b := signedInApp(t)
	if b.bearer("raw", b.access(), nil) == nil {
		t.Fatal("the token is worth nothing")
	}
	sum := sha256.Sum256([]byte("raw"))
	cookie := "bearer " + hex.EncodeToString(sum[:])
	live, err := b.engine.Authenticate(t.Context(), b.site.Origin, cookie)
	if live != nil || err != nil {
		t.Fatalf("a cookie opens a client's sign-in: %v", err)
	}
	if b.bearer("raw", token.Access{}, errors.New("no longer warm")) == nil {
		t.Error("and took the token out of the cache")
	}
}

func TestATokenThatSaysLessThanItsSignInIsBelieved(t *testing.T) {
	t.Parallel()
	b := signedInApp(t)
	access := b.access()
	earlier := b.clock().Add(-time.Minute)
	access.Proof = policy.Proof{}.With(policy.EmailCode, earlier)
	live := b.bearer("raw", access, nil)
	if at, _ := live.Proof.At(policy.EmailCode); !at.Equal(earlier) {
		t.Fatalf("proved at %v", at)
	}
}

func TestARefreshKnowsTheAccountOfNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.site.Attributes = []flows.Attribute{{Name: "displayName", Label: "Name", Type: flows.AttributeText}}
	b := w.native().signUpNatively(dana, flows.Identify{Password: longSecret, Attributes: map[string]string{"displayName": "Dana"}})
	b.submit(flows.Redeem{}).at(flows.Done)
	opened, err := b.engine.Refresh(t.Context(), b.caller(), b.opened.Refresh)
	if err != nil || opened.Session.Attributes["displayName"] != "Dana" || opened.Session.Email != dana {
		t.Fatalf("refreshed into %+v, %v", opened, err)
	}
}

// One sign-in with many tokens must not crowd out everybody else.
func TestOneSignInKeepsOnlySoMuchWarm(t *testing.T) {
	t.Parallel()
	b := signedInApp(t)
	other := b.world.browser().signInWithPassword(dana, longSecret).at(flows.Done)
	other.session()
	for i := range 300 {
		if b.bearer(fmt.Sprint("token ", i), b.access(), nil) == nil {
			t.Fatal("a token is worth nothing")
		}
	}
	if n := b.engine.Cache.Len(); n > 17 {
		t.Fatalf("%d are warm", n)
	}
	if err := b.engine.SignOut(t.Context(), b.opened.Session); err != nil {
		t.Fatal(err)
	}
	if n := b.engine.Cache.Len(); n != 1 {
		t.Fatalf("%d are warm after the sign-out", n)
	}
}

func TestAGraceDoesNotLastWhileTheClockIsBehind(t *testing.T) {
	t.Parallel()
	b := signedInApp(t)
	first := b.opened.Refresh
	b.refresh(first)
	b.wait(-10 * time.Minute)
	b.refuses(first, flows.RefreshInvalid)
}
