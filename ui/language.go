package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/ui/lang"
)

// Names of the cookie that holds the language a person has chosen, and nothing else.
const (
	LanguageCookie         = "__Host-stepgate-language"
	LoopbackLanguageCookie = "stepgate-language"
)

// LanguageLife is how long a chosen language is kept.
const LanguageLife = 180 * 24 * time.Hour

const (
	languagePath = "/language"
	// uiLocales is the parameter with which whoever leads here names languages (OpenID
	// Connect Core 1.0, section 3.1.2.1).
	uiLocales = "ui_locales"
)

// LanguageName is the language cookie's name at this site.
func (c Cookies) LanguageName() string {
	if c.Secure {
		return LanguageCookie
	}
	return LoopbackLanguageCookie
}

// RawLanguage is [Cookies.RawSession] for the language cookie.
func (c Cookies) RawLanguage(r *http.Request) (value string, ok bool) {
	value, n := rawCookie(r, c.LanguageName())
	return value, n == 1 && value != ""
}

// Offering is the style with nothing but these languages on offer, as BCP 47 tags in
// order: the first is the default. Without tags it is the style itself. An unknown tag is
// an error that lists the known ones.
func (s *Style) Offering(tags ...string) (*Style, error) {
	bundle, err := s.bundle.Only(tags...)
	if err != nil {
		return nil, err
	}
	some := *s
	some.bundle = bundle
	return &some, nil
}

// language is what an answer is written in: what the person has chosen, else what the
// address asks for, else what the browser prefers, else the site's default. It needs no
// engine, so that it holds for every answer.
func (p *Pages) language(r *http.Request) *lang.Language {
	if l := p.chosenLanguage(r); l != nil {
		return l
	}
	if l := p.askedLanguage(r); l != nil {
		return l
	}
	if l := p.bundle.Accept(strings.Join(r.Header["Accept-Language"], ",")); l != nil {
		return l
	}
	return p.lang
}

func (p *Pages) chosenLanguage(r *http.Request) *lang.Language {
	tag, ok := p.cookies.RawLanguage(r)
	if !ok {
		if tag = ""; p.Chosen != nil {
			tag = p.Chosen(r)
		}
	}
	return p.bundle.Offered(tag)
}

func (p *Pages) askedLanguage(r *http.Request) *lang.Language {
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if list, ok := strings.CutPrefix(pair, uiLocales+"="); ok {
			list, err := url.QueryUnescape(list)
			if err != nil {
				return nil
			}
			return p.bundle.Locales(list)
		}
	}
	return nil
}

// carried is the language to name in the addresses that an answer leads to: the one that
// its own address asks for, as long as none was chosen. A GET sets no cookie, so that
// whoever leads people here chooses for one visit and not for good.
func (p *Pages) carried(r *http.Request) string {
	if p.chosenLanguage(r) != nil {
		return ""
	}
	if l := p.askedLanguage(r); l != nil {
		return l.Tag
	}
	return ""
}

// url is [Pages.url] within a visit: whatever language its address asks for is asked for
// again.
func (c *call) url(path string, t flows.Target, more ...string) string {
	return c.Pages.url(path, t, append(more[:len(more):len(more)], uiLocales, c.locale)...)
}

// offerLanguages puts the choice of languages on a page.
func (p *Pages) offerLanguages(pg *page, r *http.Request) {
	if pg.Languages = p.bundle.Languages(); len(pg.Languages) < 2 {
		pg.Languages = nil
		return
	}
	pg.Back = p.Site.Prefix + languagePath
	address := r.URL.RequestURI()
	if p.Address != nil {
		address = p.Address(r)
	}
	address = withoutTyped(address)
	_, own := p.ownAddress(address)
	// What was posted to the application cannot be asked for again; our own pages show
	// where one is.
	if to, ok := ReturnTo(address, p.Site.Prefix); ok && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		pg.Back = to
	} else if own {
		pg.Back = address
	}
}

// serveLanguage is where the choice in the footer goes, and shows the same choice to
// whoever comes by hand. It needs no engine.
func (p *Pages) serveLanguage(w http.ResponseWriter, r *http.Request) {
	c := &call{Pages: p, w: w, r: r, lang: p.language(r)}
	switch {
	case len(p.bundle.Languages()) < 2:
		p.Problem(w, r, http.StatusNotFound)
	case !forPerson(r):
		p.tell(w, r, http.StatusForbidden, problem{kind: crossSite})
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		pg := p.bare(c.lang, "language", "language", must(c.lang.Text("foot.language")))
		pg.Cancel = &link{pg.S("back_to_app", "app", pg.App), "/"}
		c.show(http.StatusOK, pg)
	case r.Method != http.MethodPost:
		p.refuseMethod(w, r, true)
	case c.readPost():
		if l := p.bundle.Offered(c.form.get("language")); l != nil {
			p.cookies.set(w.Header(), p.cookies.LanguageName(), l.Tag, int(LanguageLife/time.Second))
		}
		c.redirect(p.backTo(c.form.get("back")))
	}
}

// backTo is where a choice of language leads back to: a page of ours that there is, or
// one of the application; else the page for languages.
func (p *Pages) backTo(raw string) string {
	if path, ok := p.ownAddress(raw); ok {
		_, known := routes[path]
		if known || path == "/inbox" && p.Inbox != nil {
			return asciiURL(raw)
		}
	} else if to, ok := ReturnTo(raw, p.Site.Prefix); ok {
		return to
	}
	return p.Site.Prefix + languagePath
}

// ownAddress is the path below the prefix of an address of ours, which is a path with an
// optional query, written as we write them: what needs decoding is none of ours.
func (p *Pages) ownAddress(raw string) (path string, ok bool) {
	if len(raw) > maxReturnTo || strings.ContainsFunc(raw, forbidden) || strings.Contains(raw, "#") {
		return "", false
	}
	path, _, _ = strings.Cut(raw, "?")
	path, ok = strings.CutPrefix(path, p.Site.Prefix)
	if !ok || path != "" && path[0] != '/' || strings.Contains(path, "//") || strings.Contains(path, "%") {
		return "", false
	}
	return path, true
}

// CheckLanguages makes sure that there are languages with these tags, and that none is
// named twice. An unknown tag is an error that lists the known ones.
func CheckLanguages(tags ...string) error {
	bundle, err := languages()
	if err != nil {
		return fmt.Errorf("reading languages: %w", err)
	}
	_, err = bundle.Only(tags...)
	return err
}

// isolated is text that keeps its order from left to right in a message without markup, as
// [page.LTR] is in one with it (UAX #9, section 2.5).
func isolated(l *lang.Language, s string) string {
	if l.Dir != "rtl" {
		return s
	}
	return "\u2066" + s + "\u2069"
}
