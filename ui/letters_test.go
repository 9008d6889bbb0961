package ui

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html/atom"
	"pgregory.net/rapid"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
)

func compose(t testing.TB, l flows.Letter) send.Message {
	t.Helper()
	m, err := Compose(l, plain)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEveryMailSaysWhatItMust(t *testing.T) {
	t.Parallel()
	for _, purpose := range mailPurposes {
		m := compose(t, aLetter(purpose))
		if m.ID == "" || m.Medium != send.Email || m.To != "dana.okafor@harbour.example" || m.Purpose != string(purpose) || m.Lang != "en" || m.Subject == "" {
			t.Errorf("%s: %+v", purpose, m)
		}
		d := parsePage(t, m.HTML)
		if root := d.one(atom.Html); attr(root, "lang") != "en" || attr(root, "dir") != "ltr" {
			t.Errorf("%s says no language", purpose)
		}
		for _, part := range []string{text(d.one(atom.Body)), strings.Join(strings.Fields(m.Text), " ")} {
			for _, want := range []string{"Payroll", "Tuesday 4 August 2026, 14:20 UTC", "Firefox on Windows", "198.51.100.0/24", "payroll.harbour.example", "Not you?", "dana.okafor@harbour.example", "Replies are not read."} {
				if !strings.Contains(part, want) {
					t.Errorf("%s lacks %q in\n%s", purpose, want, part)
				}
			}
			notice := strings.HasPrefix(string(purpose), "notice.")
			for _, want := range []string{"482913", "10 minutes", "Don’t share this code. Nobody from Harbour Mutual"} {
				if strings.Contains(part, want) == notice {
					t.Errorf("%s: %q is there: %v\n%s", purpose, want, !notice, part)
				}
			}
			if strings.Count(part, "482913") > 1 {
				t.Errorf("%s says the code twice", purpose)
			}
		}
		for line := range strings.Lines(m.Text) {
			if len([]rune(line)) > 80 {
				t.Errorf("%s has a line of %d characters", purpose, len(line))
			}
		}
	}
}

// Only a new, still empty account's code may show on a locked screen.
func TestTheCodeStaysOutOfSubjectAndPreview(t *testing.T) {
	t.Parallel()
	for _, purpose := range mailPurposes {
		m := compose(t, aLetter(purpose))
		if got := strings.Contains(m.Subject, "482913"); got != (purpose == flows.CodeSignUp) {
			t.Errorf("%s: the subject is %q", purpose, m.Subject)
		}
		if _, hidden, _ := strings.Cut(m.HTML, "mso-hide:all\">"); strings.Count(hidden[:strings.Index(hidden, "</div>")], "&nbsp;") < 40 {
			t.Errorf("%s: what follows gets into the preview", purpose)
		}
		visible := text(parsePage(t, m.HTML).one(atom.Body))
		for _, part := range []string{visible, m.Text} {
			if at := strings.Index(part, "482913"); at >= 0 && at < 140 {
				t.Errorf("%s: the code is at character %d of\n%s", purpose, at, part)
			}
		}
	}
}

func TestAMailWithoutACodeSaysSo(t *testing.T) {
	t.Parallel()
	l := aLetter(flows.CodeHaveAccount)
	l.Code = ""
	m := compose(t, l)
	if !strings.Contains(m.Text, "with your password") || strings.Contains(m.Text, "Don’t share") || strings.Contains(m.HTML, "codebox ink") {
		t.Errorf("a mail without a code: %s", m.Text)
	}
	l = aLetter(flows.NoticeNoAccount)
	l.Site.SignUp = flows.SignUpClosed
	if strings.Contains(compose(t, l).Text, "create an account") {
		t.Error("a closed site invites to sign up")
	}
	l = aLetter(flows.CodeStepUp)
	l.Target.Label, l.Device, l.Network = "", "", ""
	if m := compose(t, l); !strings.Contains(m.Subject, "a protected page") || strings.Contains(m.Text, "Device") || strings.Contains(m.Text, "From:") || strings.Contains(m.Text, "Network") {
		t.Errorf("a bare mail: %s\n%s", m.Subject, m.Text)
	}
}

func TestMailsAboutAResetSayWhatIsSoAndWhatToDo(t *testing.T) {
	t.Parallel()
	for purpose, want := range map[flows.Purpose][]string{
		flows.CodeReset: {
			"Your code to reset your Harbour Mutual password", "Not you? Your password has not been changed. Do nothing: without this code it stays as it is.",
		},
		flows.NoticeNoPassword: {
			"Your Harbour Mutual account has no password to reset", "you sign in with a code by email", "sign in at payroll.harbour.example/.auth/sign-in with this address", "nothing has changed",
		},
		flows.NoticePasswordReset: {
			"Your Harbour Mutual password was reset", "All other devices were signed out.", "Someone can read your email.",
			"choose a new password at payroll.harbour.example/.auth/reset, and tell the people who run Payroll at once",
		},
	} {
		m := compose(t, aLetter(purpose))
		for i, text := range want {
			if i == 0 && m.Subject != text {
				t.Errorf("%s: the subject is %q", purpose, m.Subject)
			}
			if part := strings.Join(strings.Fields(m.Text), " "); i > 0 && !strings.Contains(part, text) {
				t.Errorf("%s lacks %q in\n%s", purpose, text, part)
			}
		}
	}
}

func TestAMailSaysWhereItsRequestCameFrom(t *testing.T) {
	t.Parallel()
	for network, want := range map[string]string{
		"198.51.100.0/24": "Network: 198.51.100.0/24", "2001:db8::/64": "Network: 2001:db8::/64", "somewhere": "Network: somewhere",
		"127.0.0.0/24": "From: this computer", "127.4.5.0/24": "From: this computer", "::/64": "From: this computer",
	} {
		l := aLetter(flows.CodeSignIn)
		l.Network = network
		if got := strings.Join(strings.Fields(compose(t, l).Text), " "); !strings.Contains(got, want) {
			t.Errorf("%s: no %q in\n%s", network, want, got)
		}
	}
}

// Without its port the address of a trial leads nowhere.
func TestAMailNamesThePageAsTheAddressBarDoes(t *testing.T) {
	t.Parallel()
	for _, purpose := range mailPurposes {
		l := aLetter(purpose)
		l.Site.Origin = "http://localhost:8080"
		m := compose(t, l)
		for _, part := range []string{m.Text, text(parsePage(t, m.HTML).one(atom.Body))} {
			part = strings.Join(strings.Fields(part), " ")
			if strings.Count(part, "localhost") != strings.Count(part, "localhost:8080") || !strings.Contains(part, "at localhost:8080. Replies") {
				t.Errorf("%s: %s", purpose, part)
			}
		}
	}
}

func TestNamesInMailsAreOnlyText(t *testing.T) {
	t.Parallel()
	l := aLetter(flows.CodeSignIn)
	l.To = `"<script>alert(1)</script>"@x.example`
	l.Site.Brand, l.Site.Name, l.Device = `<b onclick="x">B&B</b>`, `{{.}} <i>`, `</table>`
	m := compose(t, l)
	d := parsePage(t, m.HTML)
	if len(d.tags(atom.Script, atom.B, atom.I)) != 0 || len(d.tags(atom.Table)) != 3 {
		t.Errorf("a name became markup:\n%s", m.HTML)
	}
	if !strings.Contains(m.HTML, "&lt;b onclick=&#34;x&#34;&gt;B&amp;B&lt;/b&gt;") {
		t.Error("the brand is not there")
	}
}

func TestTwoLettersHaveTwoIDs(t *testing.T) {
	t.Parallel()
	if a, b := compose(t, aLetter(flows.CodeSignIn)), compose(t, aLetter(flows.CodeSignIn)); a.ID == b.ID {
		t.Errorf("both are %s", a.ID)
	}
}

func TestLettersThatCannotBeAreErrors(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*flows.Letter){
		"no site":            func(l *flows.Letter) { l.Site = nil },
		"no medium":          func(l *flows.Letter) { l.Medium = "pigeon" },
		"unknown purpose":    func(l *flows.Letter) { l.Purpose = "code.pigeon" },
		"unknown text":       func(l *flows.Letter) { l.Purpose, l.Medium = flows.NoticeNoAccount, send.SMS },
		"phone code by mail": func(l *flows.Letter) { l.Purpose = flows.CodeEnrol },
		"a change of what?":  func(l *flows.Letter) { l.Purpose, l.Changing = flows.CodeChange, "pigeon" },
	} {
		l := aLetter(flows.CodeSignIn)
		change(&l)
		if m, err := Compose(l, plain); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

var boundLine = regexp.MustCompile(`\n\n@([a-z0-9.-]+) #([0-9]{6,8})$`)

func lintSMS(l flows.Letter) string {
	m, err := Compose(l, plain)
	if err != nil {
		return err.Error()
	}
	bundle, err := languages()
	if err != nil {
		return err.Error()
	}
	encoding, units, segments := send.Segments(m.Text)
	tooLong := encoding != send.GSM7 || segments != 1 || units > maxSMS
	if script := bundle.Get(l.Lang).Script(); script != "Latn" {
		tooLong = segments > 2
	}
	bound := boundLine.FindStringSubmatch(m.Text)
	switch {
	case tooLong:
		return "it is too long: " + m.Text
	case bound == nil || bound[1] != hostOf(l.Site) || bound[2] != l.Code:
		return "its last line is wrong: " + m.Text
	case l.Lang == "en" && !strings.HasPrefix(m.Text, l.Code+" is your "):
		return "it does not begin with the code: " + m.Text
	case strings.Count(m.Text, l.Code) != 2:
		return "it does not say the code as it is: " + m.Text
	case strings.Contains(m.Text, "://") || m.Subject != "" || m.HTML != "":
		return "it has something to press"
	}
	return ""
}

func TestTextMessagesSayWhatTheCodeIsFor(t *testing.T) {
	t.Parallel()
	for purpose, want := range map[flows.Purpose]string{
		flows.CodeSignIn: "482913 is your Harbour Mutual code to sign in. Don't share it.\n\n@payroll.harbour.example #482913",
		flows.CodeStepUp: "482913 is your Harbour Mutual code to open Bank details. Don't share it.\n\n@payroll.harbour.example #482913",
		flows.CodeEnrol:  "482913 is your Harbour Mutual code to add this phone. Don't share it.\n\n@payroll.harbour.example #482913",
		flows.CodeChange: "482913 is your Harbour Mutual code to change your account. Don't share it. Not you? Tell Harbour Mutual.\n\n@payroll.harbour.example #482913",
	} {
		l := aText(purpose)
		if got := compose(t, l).Text; got != want {
			t.Errorf("%s: %q", purpose, got)
		}
	}
	l := aText(flows.CodeStepUp)
	l.Target.Label = ""
	if got := compose(t, l).Text; !strings.Contains(got, "to open a protected page") {
		t.Errorf("without a label: %q", got)
	}
	l.Site.Origin = "http://localhost:8080"
	if got := compose(t, l).Text; !strings.HasSuffix(got, "\n\n@localhost #482913") {
		t.Errorf("with a port: %q", got)
	}
}

// Whatever operators call things, a text message is one segment of GSM-7 whose last
// line binds the code to the host.
func TestEveryTextMessageIsOneSegment(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("a", 50) + "." + strings.Repeat("b", 40) + ".example"
	rapid.Check(t, func(t *rapid.T) {
		l := aText(rapid.SampledFrom([]flows.Purpose{flows.CodeSignIn, flows.CodeStepUp, flows.CodeEnrol, flows.CodeChange}).Draw(t, "purpose"))
		names := rapid.OneOf(rapid.StringN(0, 80, 200), rapid.StringMatching(`[A-Za-z \]\[{}€|~éçłж漢]{0,60}`))
		l.Site.Brand = names.Draw(t, "brand")
		l.Target.Label = names.Draw(t, "label")
		l.Site.Origin = "https://" + rapid.SampledFrom([]string{"a.example", "payroll.harbour.example", longest}).Draw(t, "host")
		l.Code = rapid.StringMatching(`[0-9]{6,8}`).Draw(t, "code")
		if wrong := lintSMS(l); wrong != "" {
			t.Fatal(wrong)
		}
	})
}

func TestEveryMonthAndWeekdayHasItsName(t *testing.T) {
	t.Parallel()
	for day := range 366 {
		l := aLetter(flows.CodeSignIn)
		l.At = noon.AddDate(0, 0, day)
		if want := l.At.Format("Monday 2 January 2006, 15:04 UTC"); !strings.Contains(compose(t, l).Text, want) {
			t.Fatalf("a mail lacks %s", want)
		}
	}
}

func TestDurationsAreRoundedUp(t *testing.T) {
	t.Parallel()
	bundle, err := languages()
	if err != nil {
		t.Fatal(err)
	}
	for d, want := range map[time.Duration]string{
		0: "1 second", time.Millisecond: "1 second", 90 * time.Second: "90 seconds", time.Minute: "1 minute", 91 * time.Second: "2 minutes",
		10 * time.Minute: "10 minutes", 119 * time.Minute: "119 minutes", 2*time.Hour + 1: "3 hours",
		72 * time.Hour: "72 hours", 72*time.Hour + 1: "4 days", 720 * time.Hour: "30 days",
	} {
		if got := duration(bundle.Get("en"), d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// Whoever reads the code learns what it changes, and nobody takes one change for another.
func TestTheCodeOfAChangeSaysWhatItChanges(t *testing.T) {
	t.Parallel()
	for changing, want := range map[flows.Changing]string{
		flows.ChangePassword: "change your password", flows.ChangePhone: "change your mobile number",
		flows.RemovePhone: "remove your mobile number", flows.ChangeEmail: "change your email address",
	} {
		l := aLetter(flows.CodeChange)
		l.Changing = changing
		m := compose(t, l)
		if !strings.Contains(m.Text, "Your code to "+want+" for Payroll") || !strings.Contains(m.HTML, want) || strings.Contains(m.Subject, "482913") {
			t.Errorf("%s: %q\n%s", changing, m.Subject, m.Text)
		}
	}
}

// Neither of the mails to a new address says whose account is to have it, or anything of
// an account that has it.
func TestMailsToANewAddressTellItsReaderNothingOfAnAccount(t *testing.T) {
	t.Parallel()
	l := aLetter(flows.CodeEmailChange)
	if m := compose(t, l); !strings.Contains(m.Text, "482913") || !strings.Contains(m.Text, "because someone entered it") {
		t.Errorf("%s", m.Text)
	}
	l = aLetter(flows.NoticeEmailTaken)
	m := compose(t, l)
	if !strings.Contains(m.Text, "no code was sent and") || strings.Contains(m.Text+m.HTML, "482913") || !strings.Contains(m.Text, "If it was you, sign in to Payroll") {
		t.Errorf("%s", m.Text)
	}
}

func TestAnOldNumberIsToldInOneSegmentWithNothingToPressOrFillIn(t *testing.T) {
	t.Parallel()
	l := aText(flows.NoticePhoneChanged)
	l.Code = ""
	for brand, want := range map[string]string{
		"Harbour Mutual":        "The mobile number of your Harbour Mutual account was changed. Not you? Tell the people who run it.",
		strings.Repeat("漢", 30): "The mobile number of your account was changed.",
	} {
		l.Site.Brand = brand
		m := compose(t, l)
		if encoding, _, segments := send.Segments(m.Text); m.Text != want || encoding != send.GSM7 || segments != 1 {
			t.Errorf("%q", m.Text)
		}
	}
}
