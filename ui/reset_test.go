package ui

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
)

const newWords = "another four words of mine"

// forgets goes as far as the page for the new password.
func (b *person) forgets(email, returnTo string) *person {
	b.t.Helper()
	b.visits("/reset?return_to="+url.QueryEscape(returnTo)).fills("email", email).isAt("/.auth/code").page.says("Your password has not been changed yet.")
	return b.fills("code", b.code(email)).isAt("/.auth/new-password")
}

func TestAForgottenPasswordIsReplaced(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	old := p.person().signsUp()
	p.person().wait(time.Minute)
	b := p.person()
	b.visits("/sign-in?return_to=%2Freports%3Fq%3D1").fills("email", dana, "way", "password").isAt("/.auth/password")
	b.fills("email", dana, "password", "wrong words").page.says("reset your password</a>, or ask for a code by email instead", "Forgot your password?")
	link, _, _ := strings.Cut(b.page.body[strings.Index(b.page.body, "/.auth/reset?"):], `"`)
	before := p.sent
	b.send("GET", strings.ReplaceAll(link, "&amp;", "&"), nil).isAt("/.auth/reset").page.says(`value="dana@harbour.example"`)
	if p.sent != before {
		t.Error("looking at the page sent something")
	}
	b.fills("email", dana).isAt("/.auth/code")
	if got := p.mail[dana].Purpose; got != string(flows.CodeReset) {
		t.Fatalf("the letter is a %s", got)
	}
	at := b.at
	b.fills("code", "000000").isAt("/.auth/code").page.says("That code isn’t right", "has not been changed yet")
	b.fills("do", "resend").page.says("Wait 30 seconds")
	b.wait(31*time.Second).fills("do", "resend").page.says("We’ve sent another code")
	b.fills("code", b.code(dana)).isAt("/.auth/new-password").page.says(
		"Choose a new password", `autocomplete="username" value="dana@harbour.example" hidden`, "signs you out on all other devices").saysNot("Go on without")
	b.send("POST", b.at, url.Values{"do": {"skip"}}).isAt("/.auth/new-password")
	b.fills("new_password", "short").page.says("characters or more")
	b.send("GET", at, nil).isAt("/.auth/new-password") // back
	chosen := b.at
	b.fills("new_password", newWords).isAt("/reports")
	if b.at != "/reports?q=1" || b.jar[SessionCookie] == "" {
		t.Errorf("ended at %s", b.at)
	}
	b.send("POST", chosen, url.Values{"new_password": {newWords}}).isAt("/reports") // twice
	b.send("GET", chosen, nil).isAt("/reports")
	if got := p.mail[dana].Purpose; got != string(flows.NoticePasswordReset) {
		t.Errorf("the owner was told %s", got)
	}
	old.visits("/sign-out").page.says("You’ve signed out") // on another device
	c := p.person()
	c.visits("/sign-in").fills("email", dana, "way", "password").fills("email", dana, "password", newWords).isAt("/")
}

func TestWhatAResetCannotOpenSaysUntilWhen(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.person().signsUp()
	p.person().wait(time.Minute)
	b := p.person()
	b.forgets(dana, "/admin").fills("new_password", newWords).isAt("/admin") // the gateway sends them on
	b.visits("/step-up?return_to=%2Fadmin").page.says("Your password was set with a code by email.", "Wednesday 5 August 2026", "in about 24 hours",
		"dana@<wbr>harbour.example", `<a class="btn" href="/">Go to Payroll</a>`, `<a href="/.auth/sign-out">Sign out</a>`)
	b.visits("/enrol").fills().isAt("/.auth/stuck").page.says("Your password was set with a code by email.")
	b.wait(25 * time.Hour).visits("/step-up?return_to=%2Fadmin").isAt("/.auth/sign-in")
}

func TestAResetStillOwesTheSecondFactorAndSaysSo(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	first := p.person().signsUp()
	first.visits("/step-up?return_to=%2Fadmin").fills("way", "password")
	first.fills("password", "three words and one more").isAt("/admin")
	first.visits("/enrol").fills().isAt("/.auth/phone").fills("tel", "07700 900123").fills("code", first.code(danasPhone))
	first.wait(time.Hour)

	b := p.person()
	b.forgets(dana, "/admin/x").fills("new_password", newWords).isAt("/.auth/code").page.says(
		"Your password has been changed. Payroll also needs a second way", "Check your phone", "You’re signing in to").saysNot("not been changed yet")
	if b.jar[SessionCookie] != "" {
		t.Error("a session before the second factor")
	}
	b.fills("code", b.code(danasPhone)).isAt("/admin/x")
}

func TestSomebodyWhoIsSignedInMayResetAPassword(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.person().signsUp()
	b.wait(time.Minute)
	old := b.jar[SessionCookie]
	b.visits("/reset?return_to=%2Freports").page.says("You’re signed in as", `value="dana@harbour.example"`, `<a href="/">Go to Payroll</a>`).saysNot("Remembered it?")
	b.forgets(dana, "/reports").page.saysNot("In this browser")
	b.fills("new_password", newWords).isAt("/reports")
	if b.jar[SessionCookie] == old || b.jar[SessionCookie] == "" {
		t.Error("no new session")
	}
}

// A flow that was begun for another address names that one, not the session's.
func TestAResetGoesOnWithTheAddressItWasBegunFor(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.person().signsUp()
	b.wait(time.Minute)
	b.visits("/reset").fills("email", "ana@harbour.example").isAt("/.auth/code")
	flow := b.at[strings.Index(b.at, "f="):]
	b.visits("/reset?" + flow).page.says(`value="ana@harbour.example"`)
}

// One tab resets, another signs somebody else in: the first says whose password it is,
// and that it signs the other one out.
func TestAResetBesideAnotherPersonsSessionSaysWhoseItIs(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.person().signsUp()
	p.person().wait(time.Minute)
	b := p.person()
	b.forgets(dana, "/reports")
	tab := b.at
	const ana = "ana@harbour.example"
	b.visits("/sign-up").fills("email", ana)
	b.fills("code", b.code(ana)).fills("do", "skip").isAt("/")
	b.send("GET", tab, nil).isAt("/.auth/new-password").page.says("In this browser, <bdi dir=\"ltr\">ana@", "signed in as <bdi dir=\"ltr\">dana@")
	b.fills("new_password", newWords).isAt("/reports")
	b.visits("/sign-out").page.says("dana@<wbr>harbour.example").saysNot("ana@harbour.example\"")
}

// For reset as for sign-in, what is seen says nothing about who has an account, nor about
// who has a password; also where no more is sent.
func TestAResetLooksTheSameForEverybody(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.pages.Site.TellUnknown = flows.TellAlways
	p.person().signsUp()
	const codeOnly = "kim@harbour.example"
	kim := p.person()
	kim.visits("/sign-up").fills("email", codeOnly)
	kim.fills("code", kim.code(codeOnly)).fills("do", "skip").isAt("/")
	kim.wait(24 * time.Hour)
	walk := func(email string) string {
		var seen strings.Builder
		b := p.person()
		note := func() {
			local, domain, _ := strings.Cut(email, "@")
			flow := "none"
			if _, rest, ok := strings.Cut(b.at, "f="); ok {
				flow, _, _ = strings.Cut(rest, "&")
			}
			for _, name := range slices.Sorted(maps.Keys(b.page.Header)) {
				if name != "Content-Length" && name != "Set-Cookie" {
					seen.WriteString(name + strings.Join(b.page.Header[name], ",") + "\n")
				}
			}
			seen.WriteString(strings.NewReplacer(email, "EMAIL", url.QueryEscape(email), "EMAIL", local+"@<wbr>"+domain, "EMAIL", flow, "FLOW").Replace(b.page.body))
		}
		for range 6 { // the last ones are throttled
			b.visits("/reset?return_to=%2Fadmin").fills("email", email)
			note()
			if b.page.StatusCode == 429 {
				break
			}
			b.fills("code", "000000")
			note()
			b.fills("code", "1")
			note()
			b.fills("do", "resend")
			note()
		}
		if !strings.Contains(seen.String(), "More codes were asked for") {
			t.Fatal("nothing was throttled")
		}
		return seen.String()
	}
	known, unknown, without := walk(dana), walk("nobody@harbour.example"), walk(codeOnly)
	if known != unknown || known != without {
		t.Errorf("they differ:\n%s\n---\n%s\n---\n%s", known, unknown, without)
	}
	for email, want := range map[string]flows.Purpose{dana: flows.CodeReset, "nobody@harbour.example": flows.NoticeNoAccount, codeOnly: flows.NoticeNoPassword} {
		if got := p.mail[email].Purpose; got != string(want) {
			t.Errorf("%s was sent %s", email, got)
		}
	}
}

func TestAResetIsOfferedOnlyWhereThereArePasswords(t *testing.T) {
	t.Parallel()
	const link = `<a href="/.auth/reset?f=f8Q2k&amp;return_to=`
	for _, name := range []string{"password", "password-step-up", "password-also"} {
		seen(t, name).says(link, ">Forgot your password?</a>")
	}
	for name, says := range map[string]string{
		"password-pair-wrong": "don’t match. Check both, " + link, "password-step-up-wrong": "Check it and try again, or " + link,
	} {
		if a := seen(t, name).says(says); strings.Count(a.body, link) != 2 {
			t.Errorf("%s has %d links to it", name, strings.Count(a.body, link))
		}
	}
	w := newWorld(t, func(c *Config) { c.Site.Password = false })
	w.engine.now = viewOf(flows.SignIn, flows.AskCode)
	for _, a := range []*answer{w.get("/sign-in"), w.get("/code?f=f8Q2k"), w.get("/sign-up")} {
		a.saysNot("/reset")
	}
	w.get("/reset").status(404)
	w.post("/reset", "email", dana).status(404)
	if changed := w.engine.changed(); changed != nil {
		t.Errorf("called %v", changed)
	}
}

func TestTheAddressOfAResetCanBeChanged(t *testing.T) {
	t.Parallel()
	seen(t, "reset-code").says("If there is a password to reset for", `(<a href="/.auth/reset?f=f8Q2k&amp;return_to=%2Freports%3Fyear%3D2026">change</a>)`,
		"If the message holds no code")
	seen(t, "reset-begun").says(`value="dana.okafor@harbour.example"`, `<a href="/.auth/sign-in?f=f8Q2k&amp;return_to=%2Freports">Sign in</a>`)
	seen(t, "reset-malformed").says(`value="dana@"`)
	seen(t, "reset-new-password").says(`<a href="/.auth/sign-in?return_to=%2Freports%3Fyear%3D2026">Keep the old password</a>`)
}

// The strip says what is going on: once the password is replaced, it is a sign-in.
func TestAResetSaysHowFarItIs(t *testing.T) {
	t.Parallel()
	const doing, done = "You’re resetting your password for", "Your password has been changed."
	for _, name := range []string{"reset", "reset-signed-in", "reset-code", "reset-code-wrong", "reset-new-password"} {
		seen(t, name).says(doing).saysNot(done, "You’re signing in to")
	}
	for _, name := range []string{"reset-then-sms", "reset-then-choose"} {
		seen(t, name).says(done, "You’re signing in to").saysNot(doing, "not been changed")
	}
	if n := parsePage(t, seen(t, "reset-then-sms").body).id("code"); !has(n, "autofocus") {
		t.Error("the code field has no focus, although there is nothing to read first")
	}
	for _, name := range []string{"reset-code-another", "reset-new-password-another"} {
		seen(t, name).says("In this browser, ", "dana.okafor@<wbr>harbour.example</bdi> is signed in")
	}
	seen(t, "reset-code-own").saysNot("In this browser")
}

func TestASpentMailboxLeavesAWayOn(t *testing.T) {
	t.Parallel()
	const on, out = `<a class="btn" href="/">Go to Payroll</a>`, `<a href="/.auth/sign-out">Sign out</a>`
	spent := seen(t, "stuck-mailbox-spent").says(`<time datetime="2026-08-05T13:20:00Z">Wednesday 5 August 2026, 13:20 UTC</time>`, "in about 23 hours", "prove the same mailbox again", "the rest of Payroll", on, out)
	spent.saysNot("Use another account", "none that would do")
	seen(t, "step-up-mailbox-spent").says("in about 23 hours", on, out)
	seen(t, "stuck-mailbox-spent-long").says("Thursday 3 September 2026", "in about 30 days")
	seen(t, "stuck-mailbox-spent-front").says("in about 23 hours", out).saysNot(on, "the rest of")
	seen(t, "stuck-mailbox-back").says("That time is over.", `<a class="btn" href="/reports?year=2026">Try again</a>`)
}

// What only clients are told would give somebody away here.
func TestWhatClientsAreToldIsNotSaidOnPages(t *testing.T) {
	t.Parallel()
	bodies := map[string]bool{}
	for _, code := range []flows.RefusalCode{flows.UserUnknown, flows.UserExists, flows.NoPassword, flows.NeedsBrowser, flows.RefreshInvalid, flows.ProofNeeded} {
		w := newWorld(t)
		w.engine.err = refused(code, -1)
		a := w.post("/reset?return_to=%2Freports", "email", dana).status(410)
		bodies[a.body] = true
		if !strings.Contains(w.log.String(), string(code)) {
			t.Errorf("the log does not say %s", code)
		}
	}
	if len(bodies) != 1 {
		t.Errorf("%d different pages", len(bodies))
	}
}
