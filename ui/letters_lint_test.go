package ui

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/stepgate/stepgate/flows"
)

// lintMail is what every mail promises, whatever it is about.
func lintMail(t *testing.T, l flows.Letter) {
	t.Helper()
	m := compose(t, l)
	fault := func(text string, args ...any) { t.Helper(); t.Errorf(string(l.Purpose)+": "+text, args...) }

	if n := utf8.RuneCountInString(m.Subject); n == 0 || n > 78 || strings.ContainsAny(m.Subject, "\r\n") {
		fault("the subject has %d characters: %q", n, m.Subject)
	}
	if in := l.Code != "" && strings.Contains(m.Subject, l.Code); in != (l.Purpose == flows.CodeSignUp) {
		fault("the code is in the subject: %v", in)
	}
	if len(m.HTML) > 20<<10 || len(m.Text) > 4<<10 {
		fault("the parts have %d and %d bytes", len(m.HTML), len(m.Text))
	}
	d := parsePage(t, m.HTML)
	for _, n := range []*html.Node{d.one(atom.Html), d.tags(atom.Div)[1]} { // some programs drop the first
		if attr(n, "lang") != m.Lang || attr(n, "dir") == "" {
			fault("%s says no language or direction", n.Data)
		}
	}
	for _, name := range []string{"color-scheme", "supported-color-schemes"} {
		if len(d.all(func(n *html.Node) bool {
			return n.DataAtom == atom.Meta && attr(n, "name") == name && attr(n, "content") == "light dark"
		})) != 1 {
			fault("no %s", name)
		}
	}
	if !strings.Contains(m.HTML, "prefers-color-scheme: dark") {
		fault("nothing is said about the dark")
	}
	// Nothing is fetched, run or sent by opening it.
	if n := len(d.tags(atom.Img, atom.Picture, atom.Video, atom.Audio, atom.Object, atom.Embed, atom.Svg, atom.Script, atom.Link, atom.Base,
		atom.Form, atom.Input, atom.Iframe)); n != 0 {
		fault("%d pictures, forms or worse", n)
	}
	for n := range d.root.Descendants() {
		for _, a := range n.Attr {
			if a.Key == "src" || a.Key == "srcset" || a.Key == "background" || strings.HasPrefix(a.Key, "on") ||
				a.Key == "href" && n.DataAtom != atom.A || strings.Contains(a.Val, "url(") {
				fault("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
		if n.DataAtom == atom.Style && (strings.Contains(text(n), "url(") || strings.Contains(text(n), "@import")) {
			fault("its style loads something")
		}
	}
	// The one thing to press is "not me", as a plain link, and in both parts.
	var want []string
	if l.NotMe != "" {
		want = []string{l.Site.Origin + "/.auth/not-me?m=" + l.NotMe}
	}
	var links []string
	for _, a := range d.tags(atom.A) {
		links = append(links, attr(a, "href"))
		if strings.Contains(attr(a, "style"), "background") || strings.Contains(attr(a, "class"), "btn") {
			fault("the link looks like a button")
		}
	}
	var inText []string
	for word := range strings.FieldsSeq(m.Text) {
		if u, err := url.Parse(word); err == nil && u.Scheme != "" && u.Host != "" || strings.Contains(word, "://") {
			inText = append(inText, word)
		}
	}
	if !slices.Equal(links, want) || !slices.Equal(inText, want) {
		fault("links are %q and %q, want %q", links, inText, want)
	}
	visible := text(d.one(atom.Body))
	for _, part := range []string{visible, m.Text} {
		if n := strings.Count(part, "482913"); n > 1 || (n == 1) != (l.Code != "" && strings.HasPrefix(string(l.Purpose), "code.")) {
			fault("the code is there %d times in\n%s", n, part)
		}
		if strings.Contains(part, "  ") && part == visible {
			fault("two spaces in\n%s", part)
		}
	}
	if m.ID != l.ID || m.Series != l.Series || m.Receipts != l.Site.Origin+"/.auth/receipts" || !m.Expires.Equal(l.Expires) {
		fault("the message is %+v", m)
	}
}

func TestEveryMailKeepsWhatMailsPromise(t *testing.T) {
	t.Parallel()
	for _, purpose := range mailPurposes {
		l := aLetter(purpose)
		l.ID, l.Series = "m81", "s7"
		lintMail(t, l)
		l.NotMe = aToken
		lintMail(t, l)
		if strings.HasPrefix(string(purpose), "code.") {
			l.Target.Action, l.Once = "POST /transfer?to=3", true
			lintMail(t, l)
		}
	}
}

// All purposes that the engine knows, but those of text messages alone, are mails.
func TestEveryPurposeThatIsMailedIsLinted(t *testing.T) {
	t.Parallel()
	source := string(mustRead(t, "../flows/api.go"))
	for line := range strings.Lines(source) {
		_, value, ok := strings.Cut(line, " Purpose = \"")
		if !ok {
			if _, value, ok = strings.Cut(line, "Purpose = \""); !ok {
				continue
			}
		}
		purpose := flows.Purpose(strings.TrimSpace(strings.Trim(strings.TrimSpace(value), `"`)))
		if purpose != flows.CodeEnrol && !slices.Contains(mailPurposes, purpose) {
			t.Errorf("%q is in no test", purpose)
		}
	}
}

func TestWhatToDoDependsOnWhatTheOtherAlreadyHas(t *testing.T) {
	t.Parallel()
	for purpose, want := range map[flows.Purpose][]string{
		flows.CodeStepUp:            {"Someone is signed in to Payroll as you.", "This wasn’t me: end it"},
		flows.NoticeNewDevice:       {"Someone knows your password, or can read your email.", "This wasn’t me: sign out everywhere"},
		flows.NoticeGuessing:        {"These tries were wrong, so they opened nothing.", "This wasn’t me: let me in again"},
		flows.NoticeSessionsEnded:   {"all devices were signed out of Payroll", "Change the password of your mailbox"},
		flows.NoticePasswordReset:   {"Someone can read your email.", "This wasn’t me: sign out everywhere"},
		flows.NoticePhoneRemoved:    {"Codes for Payroll are no longer sent to it."},
		flows.NoticePhoneChanged:    {"codes for Payroll are sent to the new number"},
		flows.NoticeEmailChanged:    {"go to the new address"},
		flows.NoticePasswordChanged: {"that also stops the new password"},
		flows.NoticePasswordAdded:   {"that also stops the new password", "This wasn’t me: sign out everywhere"},
		flows.CodeChange:            {"Someone is signed in to Payroll as you.", "This wasn’t me: end it"},
	} {
		l := aLetter(purpose)
		l.NotMe = aToken
		m := compose(t, l)
		for _, part := range []string{strings.Join(strings.Fields(m.Text), " "), text(parsePage(t, m.HTML).one(atom.Body))} {
			for _, words := range want {
				if !strings.Contains(part, words) {
					t.Errorf("%s lacks %q in\n%s", purpose, words, part)
				}
			}
		}
	}
}
