package smtp

import (
	"bytes"
	"regexp"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/stepgate/stepgate/flows/send"
)

var (
	idShape   = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`) // a dot-atom's harmless part
	langShape = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`) // RFC 5646, roughly
)

// compose renders a message, or says why it never can be: everything that comes from a
// form (the recipient, perhaps a name in the subject) is checked here again, so that
// nobody adds a recipient or a header.
func (s *Sender) compose(m send.Message) ([]byte, *send.Error) {
	switch {
	case !plainAddress(m.To):
		return nil, unfit("bad_recipient")
	case hasControl(m.Subject) || len(m.Subject) > 512:
		return nil, unfit("bad_subject")
	case !idShape.MatchString(m.ID) || len(m.ID) > 128:
		return nil, unfit("bad_id")
	case strings.TrimSpace(m.Text) == "":
		return nil, unfit("no_text")
	}
	g := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	g.SetAddrHeaderFromMailAddress(gomail.HeaderFrom, s.from)
	if err := g.To(m.To); err != nil {
		return nil, unfit("bad_recipient")
	}
	g.Subject(m.Subject)
	g.SetDateWithValue(s.now())
	g.SetMessageIDWithValue(m.ID + "@" + s.domain)
	// No List-* header, and List-Unsubscribe least of all: this is mail to one person
	// about what they are doing, which nobody can unsubscribe from, and mail programs put
	// lists elsewhere. No In-Reply-To or References either: it answers nothing.
	g.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no holiday replies
	g.SetGenHeader("X-Entity-Ref-ID", m.ID)            // some mail clients fold codes into one thread without it
	if langShape.MatchString(m.Lang) {
		g.SetGenHeader("Content-Language", m.Lang)
	}
	g.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		g.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	var b bytes.Buffer
	if _, err := g.WriteTo(&b); err != nil {
		return nil, unfit("composing")
	}
	return b.Bytes(), nil
}

func unfit(reason string) *send.Error {
	return &send.Error{Kind: send.Final, Reason: reason, AboutMessage: true}
}
