package ui

import (
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
	"github.com/stepgate/stepgate/ui/lang"
)

// page is what a template shows. Its templates are "start", "password", "code",
// "new-password", "attributes", "choose", "phone", "new-email", "step-up", "account", "continue", "ask", "not-me", "effort",
// "tell" and "inbox".
type page struct {
	face
	L        *lang.Language
	Template string
	Name     string // for the stylesheet and for tests, stable over releases
	Heading  string
	Error    bool // something typed was refused: said first in the title
	Strip    strip
	Box      *box
	Lead     template.HTML
	Why      template.HTML // one line on why the page is there
	Once     bool          // what is proved opens one request, one time

	View             flows.View
	Action           string // where the form goes
	Email, Tel, Code string // typed before; never a password
	ByPassword       bool   // the sign-in page's first way is the password
	BothWays         bool   // and the other one is offered too
	OtherKind        string // address of sign-up on sign-in, and of sign-in on the others
	Forgot           string // address of the reset page
	Resetting        bool   // a forgotten password is being replaced, and is not yet
	Wait             int    // seconds until another code may be asked for
	Over             int    // seconds until the code no longer works
	PairWrong        bool   // one of address and password is wrong, nobody says which
	TrialInbox       string // address of the inbox page, where messages are not sent
	Switch           bool   // the first factor may be changed
	Ways             []way

	Attributes []attributeField

	Go, Busy     string // label of the main button, and while it works
	Cancel       *link
	List         []template.HTML // what you can do
	Next         *link           // shown as a button
	OtherAccount string          // address of the form that signs out and in again
	Operators    template.HTML   // one line for the people who run the site
	Note         template.HTML   // under the main button: what comes after it
	Reference    string          // what to quote to them, in small print

	Held     *heldView // what may be sent on
	ResetFor string    // address whose password has to be reset
	Effort   *effortView
	Account  *accountView
	// AccountURL is the page of whoever is signed in, where somebody is.
	AccountURL string

	Languages []*lang.Language // to choose from; none: there is one only
	Back      string           // where that leads back to

	faults map[string]string // by field
	Inbox  *inboxView
}

type strip struct {
	Text template.HTML
	Care bool // something sensitive: amber, with a shield
}

type box struct {
	Tone    string // bad, good or care
	Heading string
	Text    template.HTML
	Links   []link // to the fields that are wrong, where there are several
	Focus   bool
}

type link struct{ Text, URL string }

// way is a factor that may be chosen.
type way struct {
	Factor  policy.Factor
	Text    string
	Detail  template.HTML
	Checked bool
}

// newPage is an empty page with the strip for a kind of flow.
func (c *call) newPage(tmpl, name, heading string, kind flows.Kind) *page {
	pg := c.bare(c.lang, tmpl, name, heading)
	if c.caller.Session != nil && !c.target.Window { // which somebody waits for
		pg.AccountURL = c.Site.Prefix + accountPath
	}
	if kind != "" {
		pg.Strip = strip{
			Text: pg.T("strip."+string(kind), "app", template.HTML("<b>"+html.EscapeString(pg.App)+"</b>")),
			Care: kind == flows.StepUp,
		}
	}
	return pg
}

func (p *Pages) bare(l *lang.Language, tmpl, name, heading string) *page {
	return &page{face: p.face, L: l, Template: tmpl, Name: name, Heading: heading}
}

// T is a message as HTML, S as plain text for attributes.
func (pg *page) T(key string, args ...any) template.HTML { return must(pg.L.HTML(key, args...)) }
func (pg *page) S(key string, args ...any) string        { return must(pg.L.Text(key, args...)) }

// must is for messages with a constant key: only a mistake in the program can make
// one fail, and the tests render them all.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Title is the page's title: whether something is wrong, then the heading.
func (pg *page) Title() string {
	key := "title"
	if pg.Error {
		key = "title.error"
	}
	return pg.S(key, "heading", pg.Heading, "brand", pg.Brand)
}

// Letter is the letter on a name's tile.
func (pg *page) Letter(name string) string { return letterOf(name) }

// BoxFocus reports whether the box above the form has the focus.
func (pg *page) BoxFocus() bool { return pg.Box != nil && pg.Box.Focus }

// Fault is what is wrong with a field, or empty.
func (pg *page) Fault(field string) string { return pg.faults[field] }

// Values of messages, with their markup.

func (pg *page) strong(s string) template.HTML {
	return "<strong>" + pg.LTR(s) + "</strong>"
}

func (pg *page) name(s string) template.HTML {
	return template.HTML(`<strong>` + html.EscapeString(s) + `</strong>`)
}

// Waiting is Wait as text, Example a number that Ofcom keeps for fiction.
func (pg *page) Waiting() string { return strconv.Itoa(pg.Wait) }
func (pg *page) Example() string { return examplePhone }

// PhoneHint is how to type a number here. Only where no country is assumed must it
// begin with its code.
func (pg *page) PhoneHint() template.HTML {
	switch countries := pg.Site.Countries; {
	case noRegion(countries):
		return pg.T("phone.hint", "example", pg.LTR(pg.Example()))
	case len(countries) == 1:
		return pg.T("phone.hint_home")
	default:
		return pg.T("phone.hint_abroad", "example", pg.LTR(pg.Example()))
	}
}

// noRegion reports whether a number without a country code is nobody's.
func noRegion(countries []string) bool { return len(countries) == 0 || countries[0] == "*" }

// LTR keeps addresses and digits in order within any text. A long address breaks
// after its @ first.
func (pg *page) LTR(s string) template.HTML {
	return template.HTML(`<bdi dir="ltr">` + strings.ReplaceAll(html.EscapeString(s), "@", "@<wbr>") + `</bdi>`)
}

// LinkTo is the slot of a link.
func (pg *page) LinkTo(url string) lang.Slot {
	return lang.Slot{Open: template.HTML(`<a href="` + html.EscapeString(url) + `">`), Close: "</a>"}
}

// apart keeps words of another language in their own order within plain text that runs from
// right to left (U+2068, U+2069).
func (pg *page) apart(s string) string {
	if pg.L.Dir != "rtl" {
		return s
	}
	return "\u2068" + s + "\u2069"
}

// HelpLink is the slot of the link to the people who run the site.
func (pg *page) HelpLink() lang.Slot { return pg.LinkTo(string(pg.HelpURL)) }

// duration says a duration in words, rounded up, in its largest fitting unit.
func duration(l *lang.Language, d time.Duration) string {
	key, unit := "duration.seconds", time.Second
	switch {
	case d > 72*time.Hour:
		key, unit = "duration.days", 24*time.Hour
	case d >= 2*time.Hour:
		key, unit = "duration.hours", time.Hour
	case d > 90*time.Second || d == time.Minute:
		key, unit = "duration.minutes", time.Minute
	}
	return must(l.Text(key, "n", max(1, ceil(d, unit))))
}

func ceil(d, unit time.Duration) int { return int(math.Ceil(float64(d) / float64(unit))) }

// shorten cuts a long text in its middle.
func shorten(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	half := (most - 1) / 2
	return string(runes[:most-1-half]) + "…" + string(runes[len(runes)-half:])
}
