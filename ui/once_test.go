package ui

import (
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html/atom"
	"pgregory.net/rapid"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
)

// anOnce is a letter whose code opens one request.
func anOnce(l flows.Letter, label string) flows.Letter {
	l.Once = true
	l.Target = flows.Target{ReturnTo: "/bank", Action: "POST /transfer/pay.do?to=secret-word", Label: label}
	return l
}

var codePurposes = []flows.Purpose{flows.CodeSignIn, flows.CodeSignUp, flows.CodeStepUp, flows.CodeHaveAccount, flows.CodeReset}

// Whoever gets a code that opens one request reads which, before the code.
func TestEveryMailWithACodeForOneRequestNamesIt(t *testing.T) {
	t.Parallel()
	for _, purpose := range codePurposes {
		for label, want := range map[string]string{"": "POST /transfer/pay*do", "Bank details": "Bank details"} {
			m := compose(t, anOnce(aLetter(purpose), label))
			for _, part := range []string{text(parsePage(t, m.HTML).one(atom.Body)), strings.Join(strings.Fields(m.Text), " ")} {
				before, _, found := strings.Cut(part, "482913")
				if !found || !strings.Contains(before, "It approves "+want+", one time.") {
					t.Errorf("%s does not say what it approves:\n%s", purpose, part)
				}
			}
			if all := m.Subject + m.Text + m.HTML; strings.Contains(all, "secret-word") || strings.Contains(all, "pay.do") {
				t.Errorf("%s holds the query, or something to press:\n%s", purpose, all)
			}
		}
	}
	for purpose, want := range map[flows.Purpose][2]string{
		flows.CodeStepUp: {"Your code to approve Bank details", "Your code to approve Bank details in Payroll\n\nIt approves Bank details, one time. Enter it where you asked for it."},
		flows.CodeSignIn: {"Your code to sign in and approve Bank details", "Your code to sign in to Payroll and approve Bank details\n\nIt approves Bank details, one time. Enter it where you asked for it."},
	} {
		m := compose(t, anOnce(aLetter(purpose), "Bank details"))
		if m.Subject != want[0] || !strings.HasPrefix(strings.Join(strings.SplitAfter(m.Text, "\n\n")[:2], ""), want[0]) && purpose == flows.CodeStepUp {
			t.Errorf("%s: subject %q\n%s", purpose, m.Subject, m.Text)
		}
		if got := strings.Join(strings.Fields(m.Text), " "); !strings.HasPrefix(got, strings.Join(strings.Fields(want[1]), " ")) {
			t.Errorf("%s:\n%s", purpose, m.Text)
		}
	}
}

// What an address claims and no rule asks for is in no message: whoever makes up an
// address could have us send their words.
func TestAMessageNamesNoRequestUnlessItsCodeOpensOne(t *testing.T) {
	t.Parallel()
	for _, purpose := range append(codePurposes, flows.NoticeNoAccount, flows.NoticePhoneAdded) {
		l := anOnce(aLetter(purpose), "")
		l.Once = false
		m := compose(t, l)
		if all := m.Subject + m.Text + m.HTML; strings.Contains(all, "transfer") || strings.Contains(all, "pprove") {
			t.Errorf("%s: %s\n%s", purpose, m.Subject, m.Text)
		}
	}
	for _, purpose := range []flows.Purpose{flows.CodeSignIn, flows.CodeStepUp, flows.CodeEnrol} {
		l := anOnce(aText(purpose), "")
		l.Once = false
		if m := compose(t, l); strings.Contains(m.Text, "transfer") || strings.Contains(m.Text, "approve") {
			t.Errorf("%s: %s", purpose, m.Text)
		}
	}
}

func TestATextMessageNamesTheRequestThatItsCodeOpens(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		purpose flows.Purpose
		change  func(*flows.Letter)
		want    string
	}{
		{flows.CodeStepUp, nil, "482913 is your Harbour Mutual code to approve POST /transfer/pay*do, one time. Don't share it."},
		{flows.CodeSignIn, nil, "482913 is your Harbour Mutual code to sign in and approve POST /transfer/pay*do. Don't share it."},
		{flows.CodeEnrol, nil, "482913 is your Harbour Mutual code to add this phone and approve POST /transfer/pay*do. Don't share it."},
		{flows.CodeEnrol, func(l *flows.Letter) { l.Site.Brand = "Harbour Mutual Assurance" }, "482913 is your code to add this phone and approve POST /transfer/pay*do."},
		{flows.CodeStepUp, func(l *flows.Letter) { l.Target.Label = "Bank details" }, "482913 is your Harbour Mutual code to approve Bank details, one time. Don't share it."},
		{flows.CodeEnrol, func(l *flows.Letter) { l.Target.Label = "Pay" }, "482913 is your Harbour Mutual code to add this phone and approve Pay. Don't share it."},
		// A label that would cost more than one message gives way to the request.
		{flows.CodeStepUp, func(l *flows.Letter) { l.Target.Label = "Зарплата" }, "482913 is your Harbour Mutual code to approve POST /transfer/pay*do, one time. Don't share it."},
		{flows.CodeStepUp, func(l *flows.Letter) { l.Site.Brand = "Żabka" }, "482913 is your code to approve POST /transfer/pay*do."},
		{flows.CodeStepUp, func(l *flows.Letter) { l.Target.Action = "POST /" + strings.Repeat("a", 60) + "?x=1" },
			"482913 is your code to approve POST /aaaaaaaaaaaaaaa..aaaaaaaaaaaaaaaa."},
		{flows.CodeStepUp, func(l *flows.Letter) {
			l.Target.Action = "POST /" + strings.Repeat("a", 60)
			l.Site.Origin = "https://" + strings.Repeat("h", 63) + ".harbour.example"
		}, "482913 is your code to approve POST /aaa..aaaa."},
		{flows.CodeStepUp, func(l *flows.Letter) { l.Target.Action = "" }, "482913 is your Harbour Mutual code to open a protected page. Don't share it."},
	} {
		l := anOnce(aText(c.purpose), "")
		if c.change != nil {
			c.change(&l)
		}
		if got := compose(t, l).Text; got != c.want+"\n\n@"+hostOf(l.Site)+" #482913" {
			t.Errorf("%s: %q, want %q", c.purpose, got, c.want)
		}
		if wrong := lintSMS(l); wrong != "" {
			t.Error(wrong)
		}
	}
}

// The request is left out by no name, however long, and whatever it is. Only a host that
// leaves no room at all is stronger.
func TestEveryTextMessageForOneRequestSaysWhichInOneSegment(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := anOnce(aText(rapid.SampledFrom([]flows.Purpose{flows.CodeSignIn, flows.CodeStepUp, flows.CodeEnrol}).Draw(t, "purpose")), "")
		names := rapid.StringMatching(`[ -~éç漢€]{0,80}`) // the configuration admits nothing that cannot be seen
		l.Site.Brand, l.Target.Label = names.Draw(t, "brand"), names.Draw(t, "label")
		l.Target.Action = rapid.StringMatching(`[A-Z-]{1,20} /[ -~\x00-\x1fé漢‮]{0,200}`).Draw(t, "action")
		l.Site.Origin = "https://" + rapid.StringMatching(`[a-z]{1,20}(\.[a-z]{1,20}){1,3}`).Draw(t, "host")
		l.Code = rapid.StringMatching(`[0-9]{6,8}`).Draw(t, "code")
		m, err := Compose(l, plain)
		if err != nil {
			t.Fatal(err)
		}
		encoding, units, segments := send.Segments(m.Text)
		if bound := boundLine.FindStringSubmatch(m.Text); encoding != send.GSM7 || segments != 1 || units > maxSMS || bound == nil || bound[1] != hostOf(l.Site) || bound[2] != l.Code {
			t.Fatalf("%s, %d units in %d segments: %q", encoding, units, segments, m.Text)
		}
		method, _, _ := strings.Cut(l.Target.Action, " ")
		if named := strings.Contains(m.Text, "approve") && (strings.Contains(m.Text, method+" /") || l.Target.Label != "" && strings.Contains(m.Text, l.Target.Label)); !named {
			t.Fatalf("nothing says what is approved: %q", m.Text)
		}
		if strings.ContainsFunc(m.Text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
			t.Fatalf("a control character: %q", m.Text)
		}
	})
}
