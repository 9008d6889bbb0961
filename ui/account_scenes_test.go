package ui

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/stepgate/stepgate/flows"
)

// atHome is somebody with a profile, at their account.
func atHome(t *testing.T, p flows.Profile) *world {
	w := newWorld(t).signedIn()
	w.engine.profile = p
	return w
}

var changePaths = map[string]flows.Changing{
	"/account/password": flows.ChangePassword, "/account/phone": flows.ChangePhone,
	"/account/remove-phone": flows.RemovePhone, "/account/email": flows.ChangeEmail,
}

// accountNames are the scenes of the account that show a page of it to its owner.
func accountNames() (names []string) {
	for _, s := range accountScenes() {
		if s.name != "account-gone" && s.name != "account-profile-too-often" {
			names = append(names, s.name)
		}
	}
	return names
}

func TestLookingAtTheAccountChangesNothing(t *testing.T) {
	t.Parallel()
	w := atHome(t, aProfile())
	w.pages.Site.Attributes = someAttributes()
	for _, path := range []string{"/account", "/account?do=end&sid=s2", "/account?do=end_others", "/account?done=password", "/account/profile?attribute_age=7"} {
		w.get(path).status(http.StatusOK)
	}
	for path := range changePaths {
		w.get(path).status(http.StatusOK)
	}
	if changed := w.engine.changed(); len(changed) > 0 {
		t.Errorf("looking did %v", changed)
	}
}

func TestWithoutASessionNothingOfAnAccountIsShownOrChanged(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/account", "/account/password", "/account/phone", "/account/remove-phone", "/account/email", "/account/profile"} {
		w := newWorld(t)
		w.engine.profile = aProfile()
		want := "/.auth/sign-in?account=1"
		if below := strings.TrimPrefix(path, "/account"); below != "" {
			want += "&return_to=" + strings.ReplaceAll(below, "/", "%2F")
		}
		w.get(path).leadsTo(want)
		w.post(path, "do", "end_others", "sid", "s2").leadsTo(want)
		if len(w.engine.asked) > 0 {
			t.Errorf("%s: the engine was asked %v", path, w.engine.asked)
		}
		// The session ended between the gateway's look at it and the engine's.
		w.signedIn().engine.lost = refused(flows.SignInFirst, -1)
		w.engine.err = refused(flows.SignInFirst, -1)
		w.get(path).leadsTo(want)
		w.post(path, "do", "end_others").leadsTo(want)
	}
}

func TestTheAccountSaysOnlyWhatItKnowsWasDone(t *testing.T) {
	t.Parallel()
	w := atHome(t, aProfile())
	seen := map[string]bool{}
	for done, key := range accountDone {
		said := text(parsePage(t, w.get("/account?done="+done).body).id("problem"))
		if said == "" || seen[said] || !strings.Contains(said, must(w.pages.lang.Text(key))) {
			t.Errorf("%s says %q", done, said)
		}
		seen[said] = true
	}
	for _, done := range []string{"", "nothing", "account.title", "<b>x</b>", "password&done=email"} {
		if a := w.get("/account?done=" + done); a.StatusCode == http.StatusOK {
			a.saysNot(`id="problem"`, "<b>x</b>")
		}
	}
}

func TestAPressBeginsTheChangeThatWasPressed(t *testing.T) {
	t.Parallel()
	for path, what := range changePaths {
		w := atHome(t, aProfile())
		w.engine.now = changeView(what, flows.Confirm)
		w.post(path).leadsTo("/.auth/step-up?account=1&f=f8Q2k")
		if w.engine.kind != flows.Change || w.engine.input != (flows.Open{Changing: what}) || w.engine.goal != accountTarget() {
			t.Errorf("%s begins %s %#v for %+v", path, w.engine.kind, w.engine.input, w.engine.goal)
		}
		w.engine.now = changeView(what, flows.Done) // proved a moment ago, and nothing more to ask
		w.post(path).leadsTo("/.auth/account?done=" + string(what))
	}
	w := atHome(t, aSmallProfile())
	w.engine.now = with(changeView("", flows.AskPhone), func(v *flows.View) { v.Kind = flows.Enrol })
	w.post("/account/phone").leadsTo("/.auth/phone?account=1&f=f8Q2k")
	if w.engine.kind != flows.Enrol || w.engine.goal != accountTarget() {
		t.Errorf("a first number begins %s for %+v", w.engine.kind, w.engine.goal)
	}
}

// What an old page offers may be gone: whoever presses it sees how things are now.
func TestWhatCannotBeChangedIsNeitherOfferedNorBegun(t *testing.T) {
	t.Parallel()
	w := atHome(t, flows.Profile{Email: exampleEmail, Sessions: aProfile().Sessions[:1]})
	for path := range changePaths {
		w.get(path).leadsTo("/.auth/account")
		w.post(path).leadsTo("/.auth/account")
	}
	w.get("/account/profile").leadsTo("/.auth/account")
	if changed := w.engine.changed(); len(changed) > 0 {
		t.Errorf("the engine was asked %v", changed)
	}
	w.get("/account").saysNot("Change", ">Add", "Remove", "Mobile number", "About you", "Sign out everywhere else")
	seen(t, "account-fixed-email").says("Email address").saysNot("/account/email")
	seen(t, "account-locked").says("Reset <span class=\"vh\">password</span>", `href="/.auth/reset?account=1"`).saysNot("/account/password")
}

func TestEndingASignInNamesItAndNoOther(t *testing.T) {
	t.Parallel()
	w := atHome(t, aProfile())
	w.post("/account", "do", "end", "sid", "s3").leadsTo("/.auth/account?done=ended_one")
	if w.engine.sid != "s3" {
		t.Errorf("%q was ended", w.engine.sid)
	}
	w.post("/account", "do", "end_others").leadsTo("/.auth/account?done=ended_others")
	w.post("/account", "do", "end", "sid", "s1").leadsTo("/.auth/sign-out")
	w.post("/account", "do", "all").leadsTo("/.auth/account")
	w.post("/account").leadsTo("/.auth/account")
	if got := strings.Join(w.engine.changed(), " "); got != "EndSession EndOtherSessions" {
		t.Errorf("the engine was asked %s", got)
	}
	w.engine.err = errBoom
	w.post("/account", "do", "end_others").status(http.StatusInternalServerError).saysNot("boom", "signed out")
}

func TestAChangedProfileIsHandedInAsAWhole(t *testing.T) {
	t.Parallel()
	w := atHome(t, aProfile())
	w.pages.Site.Attributes = someAttributes()
	w.post("/account/profile", "attribute_givenName", "Dan", "attribute_unknown", "x", "email", "x@y.example").leadsTo("/.auth/account?done=profile")
	if len(w.engine.given) != len(someAttributes()) || w.engine.given["givenName"] != "Dan" || w.engine.given["surname"] != "" {
		t.Errorf("the engine got %v", w.engine.given)
	}
	seen(t, "account-profile-missing").says(`value="7"`, "Fill in “First name”", "Fill in “Last name”")
}

// One person may have several accounts, and the wrong one is changed quickly.
func TestEveryPageOfAnAccountSaysWhose(t *testing.T) {
	t.Parallel()
	for _, name := range accountNames() {
		d := parsePage(t, seen(t, name).body)
		if !strings.Contains(text(d.one(atom.Main)), exampleEmail) {
			t.Errorf("%s does not say who is signed in", name)
		}
	}
}

func TestEveryPageOfAChangeLeadsBackToTheAccount(t *testing.T) {
	t.Parallel()
	for _, name := range accountNames() {
		if a := seen(t, name); strings.HasPrefix(name, "change-") || strings.HasPrefix(name, "account-ask") {
			a.says(`href="/.auth/account"`)
		}
	}
	seen(t, "account-gone").says(`href="/.auth/sign-in?account=1"`)
	w := newWorld(t).signedIn()
	w.get("/sign-in?account=1").leadsTo("/.auth/account")
	for _, elsewhere := range []string{"%2Fpassword%2F", "%2Fassets", "%2F..%2Fx", "%2Freports", "https%3A%2F%2Fevil.example"} {
		w.get("/sign-in?account=1&return_to=" + elsewhere).leadsTo("/.auth/account")
	}
}

// Who hears the buttons one after another, without their rows, can tell them apart.
func TestEveryActionOfTheAccountHasANameOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, scene := range []string{"account", "account-small", "account-locked"} {
		names := map[string]bool{}
		d := parsePage(t, seen(t, scene).body)
		for _, n := range d.tags(atom.A, atom.Button) {
			if name := text(n); names[name] {
				t.Errorf("%s has two things called %q", scene, name)
			} else {
				names[name] = true
			}
		}
	}
}

func isUsername(n *html.Node) bool { return attr(n, "autocomplete") == "username" }

func TestAnAccountsFieldsHaveTheAttributesThatBrowsersGoBy(t *testing.T) {
	t.Parallel()
	email := parsePage(t, seen(t, "change-email-new").body).id("email")
	for key, want := range map[string]string{
		"name": "email", "type": "email", "inputmode": "email", "autocomplete": "email", "autocapitalize": "none",
		"spellcheck": "false", "enterkeyhint": "go", "dir": "ltr", "required": "",
	} {
		if !has(email, key) || attr(email, key) != want {
			t.Errorf("the new address has %s=%q, want %q", key, attr(email, key), want)
		}
	}
	for _, name := range []string{"change-password-new", "change-password-new-first", "change-password"} {
		d := parsePage(t, seen(t, name).body)
		if n := d.all(isUsername); len(n) != 1 || attr(n[0], "value") != exampleEmail || !has(n[0], "hidden") {
			t.Errorf("%s does not say whose password it is", name)
		}
	}
	seen(t, "change-phone-new").says(`autocomplete="tel"`, `value=""`)
	seen(t, "account-profile").says(`autocomplete="given-name"`)
}

func TestOurPagesLeadToTheAccountOfWhoeverIsSignedIn(t *testing.T) {
	t.Parallel()
	const link = `href="/.auth/account"`
	for _, name := range []string{"step-up", "sign-out", "change-code-email", "reset-signed-in"} {
		seen(t, name).says(link)
	}
	for _, name := range []string{"sign-in", "code", "signed-out", "account"} {
		seen(t, name).saysNot(link)
	}
	w := newWorld(t).signedIn()
	w.engine.now = confirmView()
	w.get("/step-up?return_to=%2Fbank&window=1").saysNot(link) // somebody waits for it
}

// The page names what is at stake, in the words of that change and of no other.
func TestEachChangeIsNamedOnItsPages(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{
		"change-confirm-password": "Before you change your password", "change-confirm-password-first": "Before you add a password",
		"change-confirm-phone": "Before you change your mobile number", "change-confirm-remove-phone": "Before you remove your mobile number",
		"change-confirm-email": "Before you change your email address", "change-confirm-add-phone": "Before you add a mobile number",
		"change-code-password": "Enter the code to change your password", "change-code-password-first": "<h1>Check your email",
		"change-code-phone": "Enter the code to change your mobile number", "change-code-remove-phone": "Enter the code to remove your mobile number",
		"change-code-email": "Enter the code to change your email address", "change-email-new-code": "<h1>Check your email",
		"change-phone-new-code": "<h1>Check your phone", "change-password-new": "Choose a new password", "change-password-new-first": "<h1>Choose a password",
		"change-phone-new": "Enter your new mobile number", "change-phone-add": "Add your mobile number",
	} {
		seen(t, name).says(says).saysNot("straight to", "You’re opening", "Sensitive page")
	}
}

func TestTheNetworkOfThisComputerIsNoPlace(t *testing.T) {
	t.Parallel()
	p := aProfile()
	for network, shown := range map[string]bool{"::/64": false, "127.0.0.0/24": false, "198.51.100.0/24": true, "2001:db8::/64": true, "": false} {
		for i := range p.Sessions {
			p.Sessions[i].Network = network
		}
		if got := strings.Contains(atHome(t, p).get("/account").body, "From "); got != shown {
			t.Errorf("%q is shown: %v", network, got)
		}
	}
}
