package ui

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html/atom"

	"github.com/stepgate/stepgate/flows"
)

const oldWords = "three words and one more"

// presses sends the form of the button whose whole text this is, what is hidden included.
func (b *person) presses(words string) *person {
	b.t.Helper()
	for _, f := range parsePage(b.t, b.page.body).tags(atom.Form) {
		form, found := url.Values{}, false
		for n := range f.Descendants() {
			if n.DataAtom == atom.Input && attr(n, "type") == "hidden" {
				form.Set(attr(n, "name"), attr(n, "value"))
			}
			if n.DataAtom == atom.Button && text(n) == words && !found {
				if found = true; attr(n, "name") != "" {
					form.Set(attr(n, "name"), attr(n, "value"))
				}
			}
		}
		if found {
			return b.send("POST", attr(f, "action"), form)
		}
	}
	b.t.Fatalf("no button %q on\n%s", words, b.page.body)
	return b
}

// follows goes where the link leads whose whole text this is.
func (b *person) follows(words string) *person {
	b.t.Helper()
	for _, n := range parsePage(b.t, b.page.body).tags(atom.A) {
		if text(n) == words {
			return b.send("GET", attr(n, "href"), nil)
		}
	}
	b.t.Fatalf("no link %q on\n%s", words, b.page.body)
	return b
}

// proves gives what the account has, until something else is asked for.
func (b *person) proves(email, password, phone string) *person {
	b.t.Helper()
	for range 6 {
		switch at, _, _ := strings.Cut(b.at, "?"); at {
		case "/.auth/step-up":
			b.page.says("Signed in as", `<a href="/.auth/account">Back to your account</a>`)
			button := parsePage(b.t, b.page.body).tags(atom.Button)[0]
			b.fills("way", attr(button, "value"))
		case "/.auth/password":
			b.fills("password", password)
		case "/.auth/code":
			if strings.Contains(b.page.body, "data-webotp") {
				b.fills("code", b.code(phone))
			} else {
				b.fills("code", b.code(email))
			}
		default:
			return b
		}
	}
	b.t.Fatalf("proved without end, at %s", b.at)
	return b
}

// addsPhone goes from the account's page until there is a number.
func (b *person) addsPhone() *person {
	b.t.Helper()
	b.visits("/account").presses("Add a mobile number").proves(dana, oldWords, "").isAt("/.auth/phone")
	b.page.says("You’re adding a phone number", "Signed in as", "Back to your account")
	b.fills("tel", "07700 900123").isAt("/.auth/code").fills("code", b.code(danasPhone))
	return b.isAt("/.auth/account")
}

// told is what was sent last, by address.
func (b *person) wasTold(to string, purpose flows.Purpose) *person {
	b.t.Helper()
	if got := b.mail[to].Purpose; got != string(purpose) {
		b.t.Errorf("%s was told %s, not %s", to, got, purpose)
	}
	return b
}

func TestAPasswordIsChangedOnTheAccountsPage(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b, other := p.person().signsUp(), p.person()
	other.visits("/sign-in").fills("email", dana, "way", "password").fills("email", dana, "password", oldWords).isAt("/")
	b.wait(10 * time.Minute)
	old, sent := b.jar[SessionCookie], p.sent
	b.visits("/account").page.says("Your account", "dana@<wbr>harbour.example", "You have one", "This device").saysNot("class=\"dest\"")
	b.presses("Change password").isAt("/.auth/step-up").page.says(
		"Before you change your password, we check that it’s you.", "You’re changing", "Your password", "Your account for")
	first := b.at
	b.visits("/account").presses("Change password") // twice
	if p.sent != sent {
		t.Error("pressing the button sent something")
	}
	b.send("GET", first, nil).isAt("/.auth/step-up").page.says("Nothing changes before the last step.")
	b.presses("Use my password").isAt("/.auth/password").fills("password", "wrong words").page.says("That password isn’t right")
	b.fills("password", oldWords).isAt("/.auth/code").page.says("Enter the code to change your password")
	b.fills("code", "000000").isAt("/.auth/code").page.says("That code isn’t right")
	b.proves(dana, oldWords, "").isAt("/.auth/new-password").page.says("Choose a new password", "signs you out on all other devices",
		`autocomplete="username" value="dana@harbour.example" hidden`, "Change password", "Back to your account", "Signed in as").saysNot("Keep the old", "Create account")
	form := b.at
	b.fills("new_password", "short").isAt("/.auth/new-password").page.says("characters or more")
	b.fills("new_password", newWords).isAt("/.auth/account").page.says("Your password is changed. All other devices are signed out.", "Your account")
	if b.at != "/.auth/account?done=password" || b.jar[SessionCookie] == old {
		t.Errorf("ended at %s", b.at)
	}
	b.wasTold(dana, flows.NoticePasswordChanged)
	b.send("POST", form, url.Values{"new_password": {"and once more, some words"}}).isAt("/.auth/account") // pressed twice
	b.send("GET", form, nil).isAt("/.auth/account")                                                        // back
	b.send("GET", first, nil).isAt("/.auth/account")                                                       // further back
	b.send("GET", "/.auth/account?done=password", nil).page.says("Your password is changed.")              // and reloaded
	other.visits("/account").isAt("/.auth/sign-in")
	for words, at := range map[string]string{newWords: "/", oldWords: "/.auth/password", "and once more, some words": "/.auth/password"} {
		p.person().visits("/sign-in").fills("email", dana, "way", "password").fills("email", dana, "password", words).isAt(at)
	}
}

func TestAPasswordIsAddedToAnAccountWithoutOne(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.person()
	b.visits("/sign-up").fills("email", dana)
	b.fills("code", b.code(dana)).fills("do", "skip").isAt("/")
	b.wait(10 * time.Minute).visits("/account").page.says("None: you sign in with a code")
	b.presses("Add a password").isAt("/.auth/step-up").page.says("Before you add a password, we check that it’s you.")
	b.presses("Email me a code").isAt("/.auth/code").page.says("Check your email").saysNot("change your password")
	b.proves(dana, "", "").isAt("/.auth/new-password").page.says("Choose a password", "Save").saysNot("Choose a new", "Change password")
	b.fills("new_password", newWords).isAt("/.auth/account").page.says("Your password is added. All other devices are signed out.", "You have one")
	b.wasTold(dana, flows.NoticePasswordAdded)
	// Whoever holds nothing but the mailbox has not become two factors.
	b.presses("Change password").page.says("Your password was set with a code by email.", "Back to your account", "dana@<wbr>harbour.example")
	p.person().visits("/sign-in").fills("email", dana, "way", "password").fills("email", dana, "password", newWords).isAt("/")
}

func TestANumberIsAddedChangedAndRemoved(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.person().signsUp()
	b.wait(10 * time.Minute)
	b.visits("/account").page.says("<div>Mobile number", "None").saysNot("Remove")
	b.addsPhone().page.says("Your mobile number is added.", "A number ending in", ">23<")
	b.wasTold(dana, flows.NoticePhoneAdded)

	b.wait(10 * time.Minute).visits("/account").presses("Change mobile number").page.says("Before you change your mobile number")
	b.proves(dana, oldWords, danasPhone).isAt("/.auth/phone").page.says("Enter your new mobile number", "your present number stays", "by a text to the old number", "Back to your account")
	b.fills("tel", "07700").page.status(200).says(`value="07700"`)
	const newPhone = "+447700900456"
	b.fills("tel", "07700 900456").isAt("/.auth/code").page.says("Check your phone", "07700 900456")
	b.follows("change").isAt("/.auth/phone").page.says(`value="07700 900456"`)
	b.wait(time.Minute).fills("tel", "07700 900456").fills("code", "000000").page.says("That code isn’t right")
	b.fills("code", b.code(newPhone)).isAt("/.auth/account").page.says("Your mobile number is changed. All other devices are signed out.", ">56<")
	b.wasTold(dana, flows.NoticePhoneChanged).wasTold(danasPhone, flows.NoticePhoneChanged)

	b.wait(10*time.Minute).visits("/account").follows("Remove mobile number").isAt("/.auth/account/remove-phone").page.says(
		"Remove your mobile number?", "ending in", ">56<", "Keep it")
	b.presses("Remove the number").isAt("/.auth/step-up").page.says("Before you remove your mobile number")
	b.proves(dana, oldWords, newPhone).isAt("/.auth/account").page.says("Your mobile number is removed. All other devices are signed out.", "Add")
	b.wasTold(dana, flows.NoticePhoneRemoved)
	b.visits("/account/remove-phone").isAt("/.auth/account").page.saysNot("Remove") // an old page
}

func TestAnAddressIsChangedOnceItsCodeIsGiven(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	const quay = "dana@quay.example"
	b, ana := p.person().signsUp(), p.person()
	ana.visits("/sign-up").fills("email", "kim@harbour.example")
	ana.fills("code", ana.code("kim@harbour.example")).fills("do", "skip").isAt("/")
	b.wait(10*time.Minute).visits("/account").presses("Change email address").proves(dana, oldWords, "").isAt("/.auth/email")
	b.page.says("Enter your new email address", `autocomplete="email"`, "New email address", "your present address stays", "We tell both addresses", "Signed in as")
	b.fills("email", "dana@").page.status(200).says("correct format", `value="dana@"`)
	b.fills("email", "Dana@HARBOUR.example").page.status(200).says("That is your email address already.")
	sent := p.sent
	b.fills("email", "kim@harbour.example").isAt("/.auth/code").page.says("Until you enter it, your present address stays.", "kim@<wbr>harbour.example")
	taken := strings.ReplaceAll(b.page.body, "kim@<wbr>harbour", "NEW")
	if p.mail["kim@harbour.example"].Purpose != string(flows.NoticeEmailTaken) || p.sent != sent+1 {
		t.Errorf("whoever has the address was told %s", p.mail["kim@harbour.example"].Purpose)
	}
	b.fills("code", "000000").page.says("That code isn’t right")
	b.follows("change").isAt("/.auth/email").page.says(`value="kim@harbour.example"`)
	b.wait(time.Minute).fills("email", quay).isAt("/.auth/code")
	if free := strings.ReplaceAll(b.page.body, "dana@<wbr>quay", "NEW"); taken != free {
		t.Errorf("an address that is taken looks otherwise:\n%s\n---\n%s", taken, free)
	}
	b.visits("/account").page.says("dana@<wbr>harbour.example").saysNot("quay")                                                // in another tab
	b.presses("Change email address").proves(dana, oldWords, "").isAt("/.auth/email").fills("email", quay).isAt("/.auth/code") // which begins once more
	b.fills("code", b.code(quay)).isAt("/.auth/account").page.says("Your email address is changed. All other devices are signed out.", "dana@<wbr>quay.example").saysNot("dana@<wbr>harbour")
	b.wasTold(dana, flows.NoticeEmailChanged).wasTold(quay, flows.NoticeEmailChanged)
	c := p.person()
	c.visits("/sign-in").fills("email", quay, "way", "password").fills("email", quay, "password", oldWords).isAt("/")
	c = p.person()
	c.visits("/sign-in").fills("email", dana, "way", "password").fills("email", dana, "password", oldWords).isAt("/.auth/password")
}

func TestWhatPeopleSayOfThemselvesIsMended(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.person().signsUp()
	b.visits("/account").page.saysNot("About you")
	b.visits("/account/profile").isAt("/.auth/account")
	p.pages.Site.Attributes = someAttributes()
	b.visits("/account").page.says("About you", "First name", "Not given")
	b.follows("Change what we know about you").isAt("/.auth/account/profile").page.says("About you", "You’re signed in as", "Save", "Back to your account").saysNot("Create account")
	b.fills("attribute_givenName", "Dana", "attribute_age", "forty", "attribute_agree", "true").page.status(200).says(`value="forty"`, "in digits only", "Fill in “Last name”")
	b.fills("attribute_givenName", "Dana", "attribute_surname", "<b>Okafor</b>", "attribute_agree", "true", "attribute_age", "40").isAt("/.auth/account")
	b.page.says("What you changed is saved.", "&lt;b&gt;Okafor", "Yes", "40", "Not given")
	b.visits("/account/profile").page.says(`value="Dana"`, `value="40"`)
}

func TestSignInsAreEndedOneByOneAndAllAtOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.person().signsUp()
	b.visits("/account").page.saysNot("Sign out everywhere else", "If one of these")
	signsIn := func() *person {
		c := p.person()
		return c.visits("/sign-in").fills("email", dana, "way", "password").fills("email", dana, "password", oldWords).isAt("/")
	}
	one, two := signsIn(), signsIn()
	b.wait(30 * time.Minute).visits("/account")
	const last = "Sign out Unknown device, Last active 30 minutes ago"
	b.page.says("If one of these isn’t you, sign it out, and change your password.", "Active now")
	stale := b.page.body
	b.presses(last).isAt("/.auth/account").page.says("That device is signed out.", last[:8])
	ended := 0
	for _, c := range []*person{one, two} {
		if c.visits("/account"); strings.HasPrefix(c.at, "/.auth/sign-in") {
			ended++
		}
	}
	if ended != 1 {
		t.Errorf("%d sign-ins were ended, not one", ended)
	}
	b.page.body = stale
	b.presses(last).isAt("/.auth/account").page.says("That device is signed out.") // an old page
	signsIn()
	b.visits("/account").presses("Sign out everywhere else").page.says("All other devices are signed out.").saysNot("Sign out everywhere else")
	one.visits("/account").isAt("/.auth/sign-in")
	two.visits("/account").isAt("/.auth/sign-in")
	b.follows("Sign out").isAt("/.auth/sign-out").page.says("Sign out of Payroll?")
}

// Whoever is not signed in, or not any more, comes back to where they wanted to go.
func TestTheAccountsPagesLeadThroughTheSignInAndBack(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.person().signsUp()
	for _, path := range []string{"", "/password", "/phone", "/email", "/profile"} {
		b := p.person()
		b.visits("/account"+path).isAt("/.auth/sign-in").fills("email", dana, "way", "password")
		b.fills("email", dana, "password", oldWords).isAt(map[bool]string{true: "/.auth/account", false: "/.auth/account" + path}[path == "/profile"])
		b.visits("/sign-in?account=1&return_to=" + url.QueryEscape(firstNonEmpty(path, "/"))).isAt(strings.Replace("/.auth/account"+path, "/profile", "", 1))
		b.visits("/sign-in?account=1&return_to=%2Freports").isAt("/.auth/account") // no page of the account's
	}
}

// A session may end, and a flow with it, while its pages are open.
func TestChangesThatCannotGoOnBeginAgain(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b, thief := p.person().signsUp(), p.person()
	b.wait(10 * time.Minute).visits("/account").presses("Change password").isAt("/.auth/step-up")
	begun, account := b.at, *b.page
	thief.visits("/sign-in").fills("email", "mallory@harbour.example")
	thief.send("GET", begun, nil).page.status(410) // another browser
	b.wait(61 * time.Minute)
	b.send("GET", begun, nil).isAt("/.auth/step-up").page.status(410).says("Start again", "account=1")
	b.visits("/account").isAt("/.auth/sign-in").fills("email", dana, "way", "password").fills("email", dana, "password", oldWords).isAt("/.auth/account")
	b.send("GET", begun, nil).page.status(410).says("Start again")
	b.follows("Start again").isAt("/.auth/account")

	b.wait(10*time.Minute).visits("/account").presses("Change email address").proves(dana, oldWords, "").isAt("/.auth/email")
	tab := b.at
	b.visits("/sign-out").fills().page.says("You’ve signed out")
	b.send("POST", tab, url.Values{"email": {"dana@quay.example"}})
	if _, ok := p.mail["dana@quay.example"]; ok || strings.HasPrefix(b.at, "/.auth/code") {
		t.Errorf("a change went on without a session, to %s", b.at)
	}
	b.page = &account
	b.presses("Use my password")
	if strings.HasPrefix(b.at, "/.auth/password") {
		t.Errorf("a proof went on without a session, to %s", b.at)
	}
}

// Two tabs change two things: the first to end ends the other, which begins again.
func TestTwoTabsNeverChangeBothWithOneProof(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.person().signsUp()
	b.wait(10*time.Minute).visits("/account").presses("Change password").proves(dana, oldWords, "").isAt("/.auth/new-password")
	password := b.at
	b.visits("/account").presses("Change email address").proves(dana, oldWords, "").isAt("/.auth/email")
	email := b.at
	b.send("POST", password, url.Values{"new_password": {newWords}}).isAt("/.auth/account").page.says("Your password is changed.")
	b.send("POST", email, url.Values{"email": {"dana@quay.example"}}).page.status(410).says("Start again")
	b.follows("Start again").isAt("/.auth/account").page.says("dana@<wbr>harbour.example")
}
