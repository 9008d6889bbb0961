package ui

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/ui/lang"
)

var languages = sync.OnceValues(lang.Default)

// mail is a mail before it is written down: both parts hold the same.
type mail struct {
	L                *lang.Language
	Subject          string
	Brand, Letter    string
	Fill, On         string // the brand's tile
	Theme            Theme
	Preview          string // what the list of mails shows beside the subject
	Act              string // what the mail is about, as its heading
	Lead             string
	Code             string
	Share, ShareRest string
	Facts            [][2]string
	NotYou           string
	NotMe, NotMeURL  string // the one link of a mail, where there is something to undo
	You              string
	Sent             string
}

// Compose puts a letter into words. The text holds no link to press but the one that says
// "not me", which opens nothing; nothing that a client sent except the address; and the
// code in one run of ASCII digits.
//
// The brand's name comes with the letter's site.
func Compose(letter flows.Letter, style *Style) (send.Message, error) {
	if letter.Site == nil {
		return send.Message{}, errors.New("composing a message: it has no site")
	}
	l := style.bundle.Get(letter.Lang)
	var err error
	m := send.Message{
		ID: letter.ID, Series: letter.Series, Medium: letter.Medium, To: letter.To, Purpose: string(letter.Purpose),
		Lang: l.Tag, Code: letter.Code, Expires: letter.Expires, Receipts: letter.Site.Origin + letter.Site.Prefix + "/receipts",
	}
	if m.ID == "" {
		m.ID = strings.ToLower(rand.Text()) // one that is sent by hand
	}
	switch letter.Medium {
	case send.SMS:
		m.Text, err = smsText(l, letter)
	case send.Email:
		var parts mail
		if parts, err = newMail(l, letter, style); err == nil {
			m.Subject = parts.Subject
			m.Text, m.HTML, err = parts.write()
		}
	default:
		err = fmt.Errorf("composing a message: no medium %q", letter.Medium)
	}
	if err != nil {
		return send.Message{}, err
	}
	return m, nil
}

// newMail finds the words of a mail.
func newMail(l *lang.Language, letter flows.Letter, style *Style) (mail, error) {
	tile := style.mailTile()
	w := words{l: l}
	key := "mail." + string(letter.Purpose)
	app, brand, host, at := appOf(letter.Site), brandOf(letter.Site), placeOf(letter.Site), letter.At.UTC()
	clock := at.Format("15:04")
	approves := w.approves(letter)
	m := mail{L: l, Brand: brand, Letter: letterOf(brand), Fill: tile.accent.String(), On: tile.on.String(), Theme: style.theme, Code: letter.Code}
	sent := "mail.sent_entered"
	switch letter.Purpose {
	case flows.CodeSignIn:
		m.Subject = w.say(key+".subject", "app", app)
		m.Act = w.say(key+".act", "app", app)
		m.NotYou = w.say(key+".not_you", "app", app)
		if letter.PasswordKnown {
			m.NotYou = w.say(key+".not_you_known", "page", host+letter.Site.Prefix+"/reset")
		}
		if approves != "" {
			m.Subject = w.say(key+".subject_once", "page", approves)
			m.Act = w.say(key+".act_once", "app", app, "page", approves)
		}
	case flows.CodeSignUp:
		// The account is still empty, so the code may show on a locked screen.
		m.Subject = w.say(key+".subject", "code", letter.Code, "brand", brand)
		m.Act = w.say(key+".act", "app", app)
		m.NotYou = w.say(key + ".not_you")
	case flows.CodeStepUp:
		page := letter.Target.Label
		if page == "" {
			page = w.say("mail.a_protected_page")
		}
		m.Subject = w.say(key+".subject", "page", page)
		m.Act = w.say(key+".act", "page", page, "app", app)
		m.NotYou = w.say(key+".not_you", "app", app)
		if approves != "" {
			m.Subject = w.say(key+".subject_once", "page", approves)
			m.Act = w.say(key+".act_once", "page", approves, "app", app)
		}
		sent = "mail.sent_account"
	case flows.CodeChange:
		m.Subject = w.say(key+".subject."+string(letter.Changing), "brand", brand)
		m.Act = w.say(key+".act."+string(letter.Changing), "app", app)
		m.NotYou = w.say(key+".not_you", "app", app)
		sent = "mail.sent_account"
	case flows.CodeEmailChange:
		m.Subject = w.say(key+".subject", "app", app)
		m.Act = w.say(key+".act", "app", app)
		m.NotYou = w.say(key + ".not_you")
	case flows.NoticeEmailTaken:
		m.Code = ""
		m.Subject = w.say(key + ".subject")
		m.Act = w.say(key + ".act")
		m.Lead = w.say(key+".lead", "app", app)
		m.NotYou = w.say(key + ".not_you")
		m.You = w.say(key+".you", "app", app)
	case flows.CodeHaveAccount:
		m.Subject = w.say(key+".subject", "brand", brand)
		m.Act = w.say(key+".act", "app", app)
		if letter.Code != "" {
			m.Lead = w.say(key + ".lead")
			m.NotYou = w.say(key + ".not_you")
		} else {
			m.Lead = w.say(key+".lead_no_code", "host", host)
			m.NotYou = w.say(key + ".not_you_no_code")
		}
	case flows.NoticeNoAccount:
		m.Code = ""
		m.Subject = w.say(key + ".subject")
		m.Act = w.say(key + ".act")
		m.Lead = w.say(key+".lead", "app", app)
		m.NotYou = w.say(key + ".not_you")
		if letter.Site.SignUp != flows.SignUpClosed {
			m.You = w.say(key+".you", "app", app, "host", host)
		}
	case flows.CodeReset:
		m.Subject = w.say(key+".subject", "brand", brand)
		m.Act = w.say(key+".act", "app", app)
		m.NotYou = w.say(key+".not_you", "app", app)
	case flows.NoticeNoPassword:
		m.Code = ""
		m.Subject = w.say(key+".subject", "brand", brand)
		m.Act = w.say(key + ".act")
		m.Lead = w.say(key+".lead", "app", app)
		m.NotYou = w.say(key + ".not_you")
		m.You = w.say(key+".you", "page", host+letter.Site.Prefix+"/sign-in")
	case flows.NoticePasswordReset:
		m.Code = ""
		m.Subject = w.say(key+".subject", "brand", brand)
		m.Act = w.say(key+".act", "app", app)
		m.Lead = w.say(key + ".lead")
		m.NotYou = w.say(key+".not_you", "app", app, "page", host+letter.Site.Prefix+"/reset")
		sent = "mail.sent_account"
	case flows.NoticeNewDevice, flows.NoticeGuessing, flows.NoticeSessionsEnded, flows.NoticePhoneAdded, flows.NoticePhoneChanged,
		flows.NoticePhoneRemoved, flows.NoticePasswordChanged, flows.NoticePasswordAdded, flows.NoticeEmailChanged:
		m.Code = ""
		m.Subject = w.say(key+".subject", "brand", brand)
		m.Act = w.say(key + ".act")
		m.Lead = w.say(key+".lead", "app", app)
		m.NotYou = w.say(key+".not_you", "app", app)
		sent = "mail.sent_account"
	default:
		return mail{}, fmt.Errorf("composing a mail: %s is not sent as one", letter.Purpose)
	}
	asked := w.say("mail.asked", "clock", clock)
	if letter.Device != "" {
		asked = w.say("mail.asked_device", "clock", clock, "device", letter.Device)
	}
	m.Preview = firstNonEmpty(m.Lead, asked)
	if m.Code != "" {
		enter := w.say("mail.enter", "time", duration(l, letter.Expires.Sub(letter.At)))
		if approves != "" {
			enter = w.say("mail.once", "page", approves) + " " + enter
		}
		m.Lead = strings.TrimSpace(m.Lead + " " + enter + " " + asked)
		m.Share = w.say("mail.share")
		m.ShareRest = w.say("mail.share_rest", "brand", brand)
	}
	m.Facts = append(m.Facts, [2]string{w.say("mail.when"), dateIn(l, at)})
	if letter.Device != "" {
		m.Facts = append(m.Facts, [2]string{w.say("mail.device"), letter.Device})
	}
	if letter.Network != "" {
		m.Facts = append(m.Facts, w.network(letter.Network))
	}
	m.Facts = append(m.Facts, [2]string{w.say("mail.page"), host})
	m.Sent = w.say(sent, "email", letter.To, "host", host)
	if letter.NotMe != "" {
		m.NotMe, m.NotMeURL = w.say(notMeKey(letter.Purpose)), notMeURL(letter)
	}
	return m, w.err
}

// words says messages and keeps the first error.
type words struct {
	l   *lang.Language
	err error
}

func (w *words) say(key string, args ...any) string {
	s, err := w.l.Text(key, args...)
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("composing a mail: %w", err)
	}
	return s
}

// approves is what a letter's code opens one time; empty where it opens more.
func (w *words) approves(letter flows.Letter) string {
	if !letter.Once || letter.Target.Action == "" {
		return ""
	}
	return firstNonEmpty(letter.Target.Label, requestName(tame(letter.Target.Action), longestRequest, "…"))
}

// thisComputer reports whether a network is the loopback one.
func thisComputer(network string) bool {
	prefix, err := netip.ParsePrefix(network)
	return err == nil && (prefix.Addr().IsLoopback() || prefix.Contains(netip.IPv6Loopback()))
}

// network is where a request came from. To whoever tries things at their own computer
// its loopback network says nothing.
func (w *words) network(network string) [2]string {
	if thisComputer(network) {
		return [2]string{w.say("mail.from"), w.say("mail.this_computer")}
	}
	return [2]string{w.say("mail.network"), network}
}

// dateIn is a moment with its zone, in the language's own order. Digits of years are
// passed as text: 2,026 is no year.
func dateIn(l *lang.Language, at time.Time) string {
	name := func(of string, n int) string { return must(l.Text(fmt.Sprintf("%s.%d", of, n))) }
	return must(l.Text("date", "weekday", name("weekday", int(at.Weekday())), "day", fmt.Sprint(at.Day()),
		"month", name("month", int(at.Month())), "year", fmt.Sprint(at.Year()), "clock", at.Format("15:04")))
}
